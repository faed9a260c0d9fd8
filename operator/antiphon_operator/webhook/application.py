"""The webhook's HTTP: reviews over TLS, and metrics and probes beside it.

A path that is not known is an error, never an answer that lets a pod pass: a typo in a configuration must not switch
injection off.
"""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from antiphon_names import errors as codes
from antiphon_operator.validation import PLURALS
from antiphon_operator.webhook import reviews
from antiphon_operator.webhook.answers import Answers
from antiphon_operator.webhook.metrics import Metrics
from antiphon_operator.webhook.reviews import Answer, Request, ReviewInvalid

logger = logging.getLogger(__name__)

PODS = "pods"
#: etcd takes no objects above 1.5 MiB; a review of a change holds two, in JSON.
_BODY_BYTES_MAX = 8 * 1024 * 1024

Handler = Callable[[web.Request], Awaitable[web.Response]]


def admission(answers: Answers, metrics: Metrics, *, unready: Callable[[], str | None]) -> web.Application:
    """Return the paths that the API server calls; `unready` says what the webhook still has to learn."""

    def handler(resource: str, answer: Callable[[Request], Awaitable[Answer]]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            body = await request.read()
            missing = unready()
            if missing is not None:
                metrics.counted(resource, "error", codes.ADMISSION_NOT_READY.name)
                text = f"{codes.ADMISSION_NOT_READY}: the webhook has not read {missing} yet. Try again."
                return web.Response(status=503, text=text)
            with metrics.under_way.labels(resource).track_inprogress(), metrics.seconds.labels(resource).time():
                try:
                    review = reviews.read(body, resource=resource)
                except ReviewInvalid as error:
                    metrics.counted(resource, "error", error.code.name)
                    logger.warning("a body that is no review", extra={"path": request.path, "error": str(error)})
                    return web.Response(status=400, text=str(error))
                return web.json_response(reviews.written(review, await answer(review)))

        return handle

    application = web.Application(client_max_size=_BODY_BYTES_MAX)
    application.router.add_post(f"/mutate/{PODS}", handler(PODS, answers.pod))
    for plural in PLURALS:
        application.router.add_post(f"/validate/{plural}", handler(plural, answers.resource))
    application.router.add_route("*", "/{path:.*}", _unknown)
    return application


def health(metrics: Metrics, *, unready: Callable[[], str | None]) -> web.Application:
    """Return /metrics, /livez and /readyz; `unready` says why the API server should ask another replica."""

    async def exposed(request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def alive(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(request: web.Request) -> web.Response:
        why = unready()
        return web.Response(text="ok\n") if why is None else web.Response(status=503, text=f"{why}\n")

    application = web.Application()
    application.router.add_get("/metrics", exposed)
    application.router.add_get("/livez", alive)
    application.router.add_get("/readyz", ready)
    return application


async def _unknown(request: web.Request) -> web.Response:
    logger.warning("a path that the webhook does not have", extra={"path": request.path, "method": request.method})
    text = (
        f"{codes.ADMISSION_REQUEST_INVALID}: the webhook has nothing at {request.path}. Correct the path in the "
        "webhook configuration."
    )
    return web.Response(status=404, text=text)
