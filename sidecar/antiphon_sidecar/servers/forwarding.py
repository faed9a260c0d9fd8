"""An app's listener in a process that does not hold the store: every call goes on to the one that does.

Bytes in, bytes out; the app travels in the metadata. When the holder ends, worker streams stay open and are asked for
anew at the next one, which takes them for new workers; calls that may be repeated are repeated there, others end with
UNAVAILABLE. Who the holder is and when it changes, `holder` is told by bootstrap.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from antiphon_names import errors as codes
from antiphon_proto import methods
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.servers.handlers import Context, GenericHandler, RpcHandler
from antiphon_sidecar.servers.holder import AGENT_KEY, ANSWERED_KEY, APP_KEY, Holder, Line
from antiphon_sidecar.servers.results import Unsettled

logger = logging.getLogger(__name__)

Metadata = tuple[tuple[str, str | bytes], ...]

#: Calls without effect, or whose effect is the same the second time; results of workers are, when they name their
#: delivery by its token.
_REPEATED = frozenset(
    {
        "Hello",
        "GetInstance",
        "WaitForInstanceStart",
        "WaitForInstanceCompletion",
        "ListInstanceIDs",
        "GetInstanceHistory",
        "Heartbeat",
        "Schemas",
    }
)
_RESULTS: dict[str, type[Message]] = {
    "CompleteActivityTask": wk.ActivityResponse,
    "CompleteOrchestratorTask": wk.WorkflowResponse,
    "CompleteWorkflowTask": wk.WorkflowResponse,
}
#: What a call ends with whose server has died, or is about to end; INTERNAL is gRPC's own word for a stream that breaks
#: while it is written.
_ENDS = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}
)
#: How long a call may wait for a holder when its caller sets no deadline, in seconds.
_WAIT_S = 60.0
_PAUSE_S, _PAUSE_MAX_S = 0.05, 1.0
_PING = wk.WorkItem(health_ping=wk.HealthPing()).SerializeToString()


class Forwarder(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs alone
    """Serves one app; `direct` are the handlers to use instead while this process holds the store itself."""

    def __init__(self, app: str, holder: Holder, token: Callable[[Context], Awaitable[None]]) -> None:
        self._app = app
        self._holder = holder
        self._token = token
        self._draining = asyncio.Event()
        self.direct: Sequence[GenericHandler] = ()
        self._handlers = {method.path: self._handler(name, method) for name, method in _served()}

    def drain(self) -> None:
        """End every worker stream with OK, and let nobody wait for a holder any more."""
        self._draining.set()

    def service(self, call: grpc.HandlerCallDetails) -> RpcHandler | None:
        """Return the handler of a call, None for a method that apps' listeners do not have."""
        for handler in self.direct:
            if (found := handler.service(call)) is not None:
                return found
        return self._handlers.get(call.method)

    def _handler(self, name: str, method: methods.Method) -> RpcHandler:
        if method.path == methods.WORKER["Complete"].path:
            return grpc.stream_stream_rpc_method_handler(self._results)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(self._work_items)

        async def unary(request: bytes, context: Context) -> bytes:
            return await self._unary(name, method, request, context)

        return grpc.unary_unary_rpc_method_handler(unary)

    # calls

    async def _unary(self, name: str, method: methods.Method, request: bytes, context: Context) -> bytes:
        await self._token(context)
        metadata, again = _onward(context, self._app), _may_be_repeated(name, request)
        pause_s = _PAUSE_S
        while True:
            line = await self._line_for(context)
            with line.used() as channel:
                send: Any = channel.unary_unary(method.path, None, None)
                try:
                    answer: bytes = await send(request, metadata=metadata, timeout=context.time_remaining())
                    return answer
                except grpc.aio.AioRpcError as error:
                    failed = error
            if not _is_end(failed):
                await context.abort(failed.code(), failed.details() or "")
            if not again:
                await self._gone(context, "ended before it answered. Whether this was done is not known: look, or ask")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_MAX_S)

    async def _line_for(self, context: Context) -> Line:
        """Return the line for a call, which waits for it within its deadline."""
        line = await self._next_line(_WAIT_S)
        if line is None:
            await self._gone(context, "is gone, and no other has taken its place yet. Nothing was done: ask")
        assert line is not None, "abort does not return"
        return line

    async def _gone(self, context: Context, what: str) -> None:
        text = f"{codes.HOLDER_GONE}: the process of this machine that held the store {what} again."
        await context.abort(grpc.StatusCode.UNAVAILABLE, text)

    # workers

    async def _work_items(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        """Stream work items, of one holder after the other, until the worker leaves or this process drains."""
        await self._token(context)
        metadata, timeout = _onward(context, self._app), context.time_remaining()
        capabilities = _capabilities(request)
        pause_s, renewed = _PAUSE_S, False
        while (line := await self._next_line()) is not None:
            with line.used() as channel:
                ask: Any = channel.unary_stream(methods.TASK_HUB["GetWorkItems"].path, None, None)
                call = ask(request, metadata=metadata, timeout=timeout)
                try:
                    if renewed and wk.WORKER_CAPABILITY_HEALTH_PING in capabilities:
                        # Tells a worker that what it has begun is known to nobody here yet.
                        yield _PING
                    with self._cancelled_by_drain(call):
                        async for item in call:
                            pause_s = _PAUSE_S
                            yield item
                except grpc.aio.AioRpcError as error:
                    if not _is_end(error) and error.code() is not grpc.StatusCode.UNAVAILABLE:
                        await context.abort(error.code(), error.details() or "")
                except asyncio.CancelledError:
                    _raise_if_ours()
                finally:
                    call.cancel()
            if not capabilities:
                # An old SDK, which may name its results by instance alone: what it was given by one holder must not
                # be taken for the answer to what another one gives it. It connects again, as after any restart.
                return
            renewed = True
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_MAX_S)

    async def _results(self, requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        """Bring results to one holder after the other: each is told again what the last one did not settle."""
        await self._token(context)
        metadata = _onward(context, self._app)
        unsettled = Unsettled()
        reader = asyncio.get_running_loop().create_task(unsettled.read(requests), name="forwarded-results-reader")
        reader.add_done_callback(lambda done: done.cancelled() or done.exception())
        pause_s = _PAUSE_S
        try:
            while (line := await self._next_line()) is not None:
                with line.used() as channel:
                    begin: Any = channel.stream_stream(methods.WORKER["Complete"].path, None, None)
                    call = begin(metadata=metadata)
                    writer = asyncio.get_running_loop().create_task(
                        unsettled.write(call), name="forwarded-results-writer"
                    )
                    try:
                        with self._cancelled_by_drain(call):
                            async for reply in call:
                                pause_s = _PAUSE_S
                                unsettled.settle(reply)
                                yield reply
                        if unsettled.ended:
                            return
                    except grpc.aio.AioRpcError as error:
                        if not _is_end(error):
                            await context.abort(error.code(), error.details() or "")
                    except asyncio.CancelledError:
                        _raise_if_ours()
                    finally:
                        writer.cancel()
                        call.cancel()
                        await asyncio.wait((writer,))
                        if not writer.cancelled() and (failed := writer.exception()) is not None:
                            # What a write says of a broken stream, the reader has said already.
                            logger.debug("writing results ended", exc_info=failed)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _PAUSE_MAX_S)
        finally:
            reader.cancel()

    async def _next_line(self, within_s: float | None = None) -> Line | None:
        """Return the line, as soon as there is one; None when this process drains first, or the time is over."""
        if self._draining.is_set():
            return None
        if (line := self._holder.now()) is not None:
            return line
        waiting = asyncio.ensure_future(self._holder.line())
        draining = asyncio.ensure_future(self._draining.wait())
        try:
            await asyncio.wait((waiting, draining), timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
            return waiting.result() if waiting.done() and not draining.done() else None
        finally:
            waiting.cancel()
            draining.cancel()

    @contextmanager
    def _cancelled_by_drain(self, call: Any) -> Iterator[None]:  # noqa: ANN401  (grpc's call)
        draining = asyncio.ensure_future(self._draining.wait())
        draining.add_done_callback(lambda done: None if done.cancelled() else call.cancel())
        try:
            yield
        finally:
            draining.cancel()


def _served() -> Iterator[tuple[str, methods.Method]]:
    """Return the methods of an app's listener; streams that nobody serves are answered as any unknown method."""
    yield from methods.WORKER.items()
    for name, method in methods.TASK_HUB.items():
        if name == "GetWorkItems" or not (method.server_streaming or method.client_streaming):
            yield name, method


def _may_be_repeated(name: str, request: bytes) -> bool:
    if name in _REPEATED:
        return True
    kind = _RESULTS.get(name)
    if kind is None:
        return False
    try:
        # Without a token it may be taken for the answer to what the next holder asks of the same instance.
        return bool(kind.FromString(request).completion_token)  # type: ignore[attr-defined]
    except DecodeError:
        return False


def _capabilities(request: bytes) -> Sequence[int]:
    try:
        return wk.GetWorkItemsRequest.FromString(request).capabilities
    except DecodeError:
        return ()


def _onward(context: Context, app: str) -> Metadata:
    """Return a call's metadata as they are sent on; taken at once: the context is gone with its call."""
    agent: str | bytes = ""
    kept: list[tuple[str, str | bytes]] = []
    for key, value in context.invocation_metadata() or ():
        if key == "user-agent":
            agent = value
        elif key not in (APP_KEY, AGENT_KEY) and not key.startswith("grpc-"):
            kept.append((key, value))
    return (*kept, (APP_KEY, app), (AGENT_KEY, agent))


def _is_end(error: grpc.aio.AioRpcError) -> bool:
    """Tell whether an error is the end of the holder, and not its answer."""
    said: Any = error.trailing_metadata() or ()
    return error.code() in _ENDS and ANSWERED_KEY not in dict(said)


def _raise_if_ours() -> None:
    """Go on with a cancellation that is this task's own, and not that of the call it read."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
