"""The webhook's process: builds its parts, serves until SIGTERM, and says when it may be asked."""

import asyncio
import logging
import re
import signal
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from aiohttp import web
from kubernetes.aio import client

from antiphon_names import errors as codes
from antiphon_operator.injection import InjectionSettings
from antiphon_operator.kube import access
from antiphon_operator.logs import log
from antiphon_operator.rest import RequestFailed, Rest
from antiphon_operator.webhook import application, options, trust
from antiphon_operator.webhook.answers import Answers
from antiphon_operator.webhook.cache import Cache
from antiphon_operator.webhook.certificate import Certificate
from antiphon_operator.webhook.metrics import Metrics
from antiphon_operator.webhook.options import WebhookOptions

logger = logging.getLogger(__name__)

_TRUST_S = 2.0
_AGAIN_S = 1.0
#: The API server's requests end within its timeout.
_DRAIN_S = 10.0
_CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
#: Since this release of Kubernetes sidecar containers are on in every cluster.
_NATIVE_SINCE = (1, 29)


class Webhook:
    """A running webhook; made by `open_webhook`."""

    def __init__(self, given: WebhookOptions, rest: Rest) -> None:
        self.metrics = Metrics()
        self.certificate = Certificate(given.certificate_directory, self.metrics)
        self.cache = Cache(rest, namespaces=given.watch_namespaces)
        self._closed: str | None = "the port is not listened on yet"
        self._rest = rest
        self._configuration = given.mutating_configuration
        self._untrusted: str | None = "the webhook configuration has not been read yet"
        if self._configuration is None:
            self._untrusted = None
        self.metrics.watch(ready=lambda: self.unready() is None, cached=self.cache.counts)

    def unready(self) -> str | None:
        """Return why the API server should ask another replica, None when it may ask this one."""
        if self._closed is not None:
            return self._closed
        if self.certificate.missing is not None:
            return self.certificate.missing
        unread = self.cache.unread()
        if unread is not None:
            return f"{codes.ADMISSION_NOT_READY}: the webhook has not read {unread} yet."
        if self._untrusted is not None:
            return f"{codes.WEBHOOK_CERTIFICATE_UNFIT}: {self._untrusted}"
        return None

    def listens(self) -> None:
        """Let the API server ask this replica from now on, as soon as nothing else speaks against it."""
        self._closed = None

    def drain(self) -> None:
        """Have the API server ask another replica from now on."""
        self._closed = "draining"

    async def follow_trust(self) -> None:
        """Look every few seconds, for ever, whether the API server trusts the certificate in use."""
        if self._configuration is None:
            return
        while True:
            await self.look_at_trust(self._configuration)
            await asyncio.sleep(_TRUST_S)

    async def look_at_trust(self, name: str) -> None:
        """Look once; what was found before stays while the API server does not answer."""
        try:
            configuration = await self._rest.get(f"{_CONFIGURATIONS}/{name}")
        except RequestFailed as error:
            logger.warning("the webhook configuration is not read", extra={"configuration": name, "error": str(error)})
            return
        found = trust.read(configuration)
        why = next(filter(None, (trust.untrusted(self.certificate.context, each) for each in found)), None)
        if self.certificate.missing is None and why != self._untrusted:
            logger.info("what the API server trusts has changed", extra={"configuration": name, "untrusted": why})
        self._untrusted = why


@asynccontextmanager
async def open_webhook(given: WebhookOptions, api: client.ApiClient) -> AsyncIterator[Webhook]:
    """Serve until the block ends; then let the requests that are under way end.

    Raises:
        OSError: a port cannot be listened on.
    """
    rest = Rest(api)
    webhook = Webhook(given, rest)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(webhook.cache.run(), name="cache"),
            group.create_task(webhook.certificate.follow(), name="certificate"),
            group.create_task(webhook.follow_trust(), name="trust"),
        ]
        try:
            # Inside: what is under way at the end may still wait for what the cache is about to read.
            async with AsyncExitStack() as stack:
                await _open(webhook, stack, given, rest)
                yield webhook
        finally:
            for task in tasks:
                task.cancel()


async def _open(webhook: Webhook, stack: AsyncExitStack, given: WebhookOptions, rest: Rest) -> None:
    """Listen until the stack is closed."""
    probes = application.health(webhook.metrics, unready=webhook.unready)
    await _serve(stack, probes, given.metrics_port)
    webhook.certificate.look()
    settings = await _for_this_cluster(given.injection, rest)
    answers = Answers(webhook.cache, settings=settings, metrics=webhook.metrics)
    reviews = application.admission(answers, webhook.metrics, unready=webhook.cache.unread)
    await _serve(stack, reviews, given.port, tls=webhook.certificate.context)
    webhook.listens()
    stack.callback(webhook.drain)


async def _serve(
    stack: AsyncExitStack, served: web.Application, port: int, *, tls: ssl.SSLContext | None = None
) -> None:
    runner = web.AppRunner(served, access_log=None, shutdown_timeout=_DRAIN_S)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    # Without a host: on every address of both families.
    await web.TCPSite(runner, port=port, ssl_context=tls).start()


async def _for_this_cluster(settings: InjectionSettings, rest: Rest) -> InjectionSettings:
    """Add to the settings what the cluster can do; wait for its API server."""
    while True:
        try:
            version = await rest.get("/version")
        except RequestFailed as error:
            logger.warning("the API server's version is not read; trying again", extra={"error": str(error)})
            await asyncio.sleep(_AGAIN_S)
            continue
        text = str(version.get("gitVersion") or "unknown")
        native = native_sidecars(str(version.get("major", "")), str(version.get("minor", "")))
        logger.info("the API server answers", extra={"version": text, "native_sidecars": native})
        return replace(settings, native_sidecars=native, server_version=text)


def native_sidecars(major: str, minor: str) -> bool:
    """Say whether a cluster of this version has sidecar containers; providers put a `+` behind the number."""
    found = tuple(int(re.match(r"\d*", part)[0] or 0) for part in (major, minor))  # type: ignore[index] # matches all
    return found >= _NATIVE_SINCE


async def _run(given: WebhookOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with access.connected() as api, open_webhook(given, api):
        logger.info("the webhook serves", extra={"port": given.port, "metrics_port": given.metrics_port})
        await stop.wait()
        logger.info("the webhook ends")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `antiphon-operator webhook` with these arguments; return the exit code."""
    given = options.read(argv)
    log(given.log_level)
    asyncio.run(_run(given))
    return 0
