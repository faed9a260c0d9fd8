"""/metrics, /livez and /readyz on one port."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest


@asynccontextmanager
async def served(port: int, *, metrics: CollectorRegistry, ready: Callable[[], bool]) -> AsyncIterator[int]:
    """Serve until the block ends; yields the port, which is another one than asked for when that is 0.

    `livez` answers as long as the loop runs. `readyz` does not ask whether this replica leads: a standby is ready too.
    """

    async def exposed(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def alive(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def able(_: web.Request) -> web.Response:
        return web.Response(text="ok\n") if ready() else web.Response(status=503, text="not ready\n")

    application = web.Application()
    application.add_routes([web.get("/metrics", exposed), web.get("/livez", alive), web.get("/readyz", able)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "0.0.0.0", port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
