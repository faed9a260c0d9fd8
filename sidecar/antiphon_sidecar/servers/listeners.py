"""Listening: gRPC servers with the options that the SDKs in the field need, HTTP servers, and free ports."""

import socket
from collections.abc import Iterable, Sequence
from pathlib import Path

import grpc
from aiohttp import web

from antiphon_names import errors as codes
from antiphon_sidecar.servers.handlers import GenericHandler, UnknownMethods

LOOPBACK = "127.0.0.1"


class PortInUse(Exception):
    """Another process listens on the port."""

    def __init__(self, port: int, what: str) -> None:
        super().__init__(
            f"{codes.PORT_IN_USE}: {what} was to listen on {LOOPBACK}:{port}, but {_holder(port)} does already. "
            "End that process, or choose another port."
        )
        self.port = port


def _holder(port: int) -> str:
    """Name the process that listens on a port, as far as /proc tells."""
    inode = _listening_inode(port)
    if inode is None:
        return "another process"
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink().name == f"socket:[{inode}]":
                process = link.parts[2]
                command = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                return f"process {process} ({command.strip()[:120]})"
        except OSError:
            continue
    return "another process"


def _listening_inode(port: int) -> str | None:
    # gRPC listens on IPv4 addresses through IPv6 sockets where it can.
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[1].endswith(f":{port:04X}") and fields[3] == "0A":
                return fields[9]
    return None


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def check_port(port: int, what: str) -> None:
    """Make sure that a port can be listened on.

    Raises:
        PortInUse: somebody else does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise PortInUse(port, what) from error


def _options(message_bytes_max: int) -> list[tuple[str, int]]:
    """Return options for Dapr's SDKs: large messages, and clients that ping every few seconds (wire.md, trap 12)."""
    return [
        ("grpc.max_receive_message_length", message_bytes_max),
        ("grpc.max_send_message_length", message_bytes_max),
        ("grpc.http2.min_ping_interval_without_data_ms", 8_000),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.so_reuseport", 0),
    ]


async def serve_grpc(
    addresses: Iterable[str],
    handlers: Sequence[GenericHandler],
    *,
    message_bytes_max: int,
    credentials: grpc.ServerCredentials | None = None,
) -> grpc.aio.Server:
    """Start a gRPC server on these addresses (`host:port` or `unix:path`); with credentials it speaks TLS only."""
    server = grpc.aio.server(options=_options(message_bytes_max))
    server.add_generic_rpc_handlers((*handlers, UnknownMethods()))
    for address in addresses:
        if credentials is None:
            server.add_insecure_port(address)
        else:
            server.add_secure_port(address, credentials)
    await server.start()
    return server


async def serve_http(application: web.Application, port: int, *, host: str | None = LOOPBACK) -> web.AppRunner:
    """Start an HTTP server, without a host on every address; `cleanup` of what is returned ends it."""
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
