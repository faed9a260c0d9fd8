"""A gRPC proxy that writes down what passes: `python -m tests.fuzz.proxy --app A --listen PORT --to PORT --out FILE`.

It knows no messages, so that it records SDKs of any language. Ctrl-C ends it and writes the file.
"""

import argparse
import asyncio
import itertools
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc

from antiphon_proto import methods
from tests.fuzz.conversations import Conversation, Said, write

_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.http2.min_ping_interval_without_data_ms", 8_000),
    ("grpc.http2.max_ping_strikes", 0),
]


class Proxy(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types for it
    """Passes every call on to one sidecar; unary calls are streams of one message on the wire."""

    _calls = itertools.count()

    def __init__(self, app: str, *, to: int, said: list[Said]) -> None:
        self._app = app
        self._said = said
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{to}", options=_OPTIONS)
        self._server: Any = None

    async def start(self, listen: int) -> None:
        """Listen on a port of this machine."""
        self._server = grpc.aio.server(options=_OPTIONS)
        self._server.add_generic_rpc_handlers((self,))
        self._server.add_insecure_port(f"127.0.0.1:{listen}")
        await self._server.start()

    async def stop(self) -> None:
        """End all calls."""
        await self._server.stop(0.2)
        await self._channel.close()

    def service(self, handler_call_details: Any) -> Any:
        """Return the handler of a method, whichever it is."""
        method = handler_call_details.method
        if method == methods.CLIENT["Calls"].path:
            # A client makes each call on its own then: those are what is played, for every SDK.
            return None

        async def passes(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            number = next(self._calls)

            def note(message: bytes, *, by_app: bool) -> bytes:
                self._said.append(Said(self._app, number, method, by_app, message))
                return message

            async def sent() -> AsyncIterator[bytes]:
                async for request in requests:
                    yield note(request, by_app=True)

            metadata = [(key, value) for key, value in context.invocation_metadata() if key.startswith("dapr")]
            call = self._channel.stream_stream(method)(sent(), metadata=metadata)
            try:
                async for answer in call:
                    yield note(answer, by_app=False)
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "")

        return grpc.stream_stream_rpc_method_handler(passes)


async def _record(options: argparse.Namespace) -> None:
    said: list[Said] = []
    proxy = Proxy(options.app, to=options.to, said=said)
    await proxy.start(options.listen)
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    print(f"recording {options.app}: port {options.listen} to {options.to}; end with Ctrl-C", flush=True)
    await over.wait()
    await proxy.stop()
    write(options.out, Conversation(options.sdk, options.note, tuple(said)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.proxy")
    parser.add_argument("--app", required=True, help="the app ID of the sidecar")
    parser.add_argument("--listen", type=int, required=True, help="the port that the app is told")
    parser.add_argument("--to", type=int, required=True, help="the sidecar's port")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--sdk", default="unknown", help="name and version of the SDK")
    parser.add_argument("--note", default="", help="how it was set up")
    asyncio.run(_record(parser.parse_args()))
