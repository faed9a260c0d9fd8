"""HTTP: the health paths that Dapr's SDKs ask of an app's sidecar, and the process's metrics and probes."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest


def app_health() -> web.Application:
    """Return the app-facing health paths; they say that the listener is there, nothing about the store."""
    application = web.Application()

    async def healthy(request: web.Request) -> web.Response:
        return web.Response(status=204)

    application.router.add_get("/v1.0/healthz", healthy)
    application.router.add_get("/v1.0/healthz/outbound", healthy)
    return application


def process_health(*, registry: CollectorRegistry, ready: Callable[[], bool]) -> web.Application:
    """Return /metrics, /startupz, /livez and /readyz; `ready` is False while draining."""
    application = web.Application()

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def alive(request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def is_ready(request: web.Request) -> web.Response:
        return web.Response(text="ok\n") if ready() else web.Response(status=503, text="draining\n")

    application.router.add_get("/metrics", metrics)
    application.router.add_get("/startupz", alive)
    application.router.add_get("/livez", alive)
    application.router.add_get("/readyz", is_ready)
    return application
