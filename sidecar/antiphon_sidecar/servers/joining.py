"""The holder's side of further processes of its machine: they join, and forward their apps' calls on its socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import grpc

from antiphon_proto.v1 import machine_pb2 as mc
from antiphon_sidecar.servers.handlers import Context, GenericHandler, RpcHandler, Streaming
from antiphon_sidecar.servers.holder import ANSWERED_KEY, APP_KEY
from antiphon_sidecar.servers.outbox import Outbox

_AT_ONCE = 100


class JoinService:
    """Takes apps whose listeners are in other processes; `join` serves one of them."""

    def __init__(self, join: Callable[[mc.JoinRequest], Awaitable[None]], *, namespace: str) -> None:
        self._join = join
        self._namespace = namespace
        self._leaving = asyncio.Event()

    def implementations(self) -> Mapping[str, Streaming]:
        """Return the calls by method name."""
        return {"Join": self.join}

    def leave(self) -> None:
        """Tell all who joined that this process forwards for nobody any more: they keep new calls for the next."""
        self._leaving.set()

    async def join(self, requests: AsyncIterator[mc.JoinRequest], context: Context) -> AsyncIterator[mc.JoinReply]:
        """Serve apps, one after the other, for as long as the other process is there."""
        served = Outbox()
        loop = asyncio.get_running_loop()
        reader = loop.create_task(self._read(requests, served), name="join-reader")
        leaving = loop.create_task(self._leaving.wait(), name="join-leaving")
        for task in (reader, leaving):
            task.add_done_callback(lambda _: served.close())
        try:
            # At once: whoever joins learns that it is understood, and whether it belongs here.
            yield mc.JoinReply(namespace=self._namespace)
            while apps := await served.take(_AT_ONCE):
                for app in apps:
                    yield mc.JoinReply(app_id=app)
            if reader.done():
                reader.result()
        finally:
            reader.cancel()
            leaving.cancel()

    async def _read(self, requests: AsyncIterator[mc.JoinRequest], served: Outbox) -> None:
        async for request in requests:
            await self._join(request)
            served.put(request.app_id)


class Forwarded(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs alone
    """Serves the calls whose metadata name an app, as that app's own listener would; `handlers` by app."""

    def __init__(self, handlers: Mapping[str, Sequence[GenericHandler]]) -> None:
        self._handlers = handlers

    def service(self, call: grpc.HandlerCallDetails) -> RpcHandler | None:
        """Return the app's handler of a call; None for a call that was not forwarded."""
        app = next((value for key, value in call.invocation_metadata or () if key == APP_KEY), None)
        if app is None:
            return None
        handlers = self._handlers.get(str(app), ())
        for handler in handlers:
            if (found := handler.service(call)) is not None:
                return found
        return None if handlers else grpc.stream_stream_rpc_method_handler(_not_joined)


async def _not_joined(requests: object, context: Context) -> None:
    """End a call on a connection that was another holder's before: its forwarder joins, and tries again."""
    await context.abort(grpc.StatusCode.UNAVAILABLE, "this app has not joined here")


async def answered(context: Context) -> None:
    """Mark what a call is answered with: its forwarder has to know an answer from the end of this process.

    Stands where a listener's own check of the token would: whoever may open the socket needs none.
    """
    context.set_trailing_metadata(((ANSWERED_KEY, "1"),))
