"""Where a sidecar can be reached: the kubelet probes pods by whichever family their address is of."""

import socket

import aiohttp
import pytest
from aiohttp import web

from antiphon_sidecar.servers import listeners
from tests.ports import quiet_port


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_http_without_a_host_is_served_at_addresses_of_both_families(host):
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    application = web.Application()
    application.router.add_get("/", _answered)
    port = quiet_port()
    runner = await listeners.serve_http(application, port, host=None)
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}/") as answer:
            assert answer.status == 200
    finally:
        await runner.cleanup()


async def _answered(request: web.Request) -> web.Response:
    return web.Response()
