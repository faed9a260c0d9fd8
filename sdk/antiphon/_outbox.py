"""Results on their way to the sidecar: kept until settled, sent again after every reconnect.

Used by worker. Takes results synchronously; one task writes whatever has gathered since the last write
while it reads what is settled. Against a sidecar without that stream, results go one call each.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from antiphon import _wire
from antiphon._backoff import Backoff
from antiphon._connection import Metadata
from antiphon.errors import Failure
from antiphon_names import errors as names
from antiphon_proto import methods
from antiphon_proto.v1 import worker_pb2

_log = logging.getLogger(__name__)

Result = worker_pb2.WorkflowResponse | worker_pb2.ActivityResponse

_BATCH_COUNT = 256
_BATCH_BYTES = 4 * 1024 * 1024
# A sidecar takes messages of 128 MiB; one above that would end the stream again and again.
_RESULT_BYTES = 100 * 1024 * 1024
_UNARY_AT_ONCE = 50
_UNARY_DEADLINE_S = 30.0
_TRY_AGAIN = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.UNKNOWN,
    }
)


class Outbox:
    """Everything this worker has decided and the sidecar has not yet made durable.

    Its size is bounded by the items that the sidecar may have in flight here.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        metadata: Metadata,
        *,
        on_gone: Callable[[worker_pb2.ActivityResponse, bool], None] | None = None,
    ) -> None:
        """Open nothing yet; `on_gone` gets each activity's result that leaves, and whether it was settled."""
        self._channel = channel
        self._metadata = metadata
        self._on_gone = on_gone
        self._ready: deque[Result] = deque()
        self._unsettled: OrderedDict[int, worker_pb2.CompleteRequest] = OrderedDict()
        self._calls: set[asyncio.Task[None]] = set()
        self._sequence = 0
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def put(self, result: Result) -> None:
        """Take a result; it is sent with what else is there when the writer comes round."""
        self._ready.append(_sendable(result))
        self._empty.clear()
        self._wake.set()

    async def emptied(self) -> None:
        """Wait until all results are settled."""
        await self._empty.wait()

    async def run(self) -> None:
        """Send until cancelled; reconnects for ever."""
        backoff = Backoff()
        while True:
            try:
                await self._stream(backoff)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                    _log.info("the sidecar takes results one by one")
                    await self._one_by_one()
                _log.info("result stream ended: %s", error.code().name)
            await backoff.wait()

    async def _stream(self, backoff: Backoff) -> None:
        method = methods.WORKER["Complete"]
        open_stream: Any = self._channel.stream_stream(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        call = open_stream(metadata=self._metadata)
        writer = asyncio.create_task(self._write(call), name="antiphon results")
        try:
            async for reply in call:
                backoff.reset()
                self._settled(reply)
        finally:
            writer.cancel()
            call.cancel()
            await asyncio.wait((writer,))
            # What a write says of a broken stream, the reader has said already.
            if not writer.cancelled() and writer.exception() is not None:
                _log.debug("writing results ended", exc_info=writer.exception())

    def _settled(self, reply: worker_pb2.CompleteReply) -> None:
        for sequence in reply.settled:
            request = self._unsettled.pop(sequence, None)
            if request is not None:
                for result in request.activities:
                    self._gone(result, settled=True)
        self._note_empty()

    def _gone(self, result: Result, *, settled: bool) -> None:
        if self._on_gone is not None and isinstance(result, worker_pb2.ActivityResponse):
            self._on_gone(result, settled)

    def _note_empty(self) -> None:
        if not self._unsettled and not self._ready and not self._calls:
            self._empty.set()

    async def _write(self, call: Any) -> None:  # noqa: ANN401  (grpc's call)
        for request in list(self._unsettled.values()):
            await call.write(request)
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._ready:
                request = self._batch()
                # Kept before it is sent: a write that fails may still have arrived.
                self._unsettled[request.sequence] = request
                await call.write(request)

    def _batch(self) -> worker_pb2.CompleteRequest:
        self._sequence += 1
        request = worker_pb2.CompleteRequest(sequence=self._sequence)
        count = size = 0
        while self._ready and count < _BATCH_COUNT and size < _BATCH_BYTES:
            result = self._ready.popleft()
            count += 1
            size += result.ByteSize()
            if isinstance(result, worker_pb2.WorkflowResponse):
                request.workflows.append(result)
            else:
                request.activities.append(result)
        return request

    async def _one_by_one(self) -> None:
        """Send each result as a call of its own, until cancelled."""
        for request in self._unsettled.values():
            self._ready.extend(request.workflows)
            self._ready.extend(request.activities)
        self._unsettled.clear()
        free = asyncio.Semaphore(_UNARY_AT_ONCE)
        try:
            while True:
                while self._ready:
                    await free.acquire()
                    self._begin_call(self._ready.popleft(), free)
                self._note_empty()
                await self._wake.wait()
                self._wake.clear()
        finally:
            for call in self._calls:
                call.cancel()

    def _begin_call(self, result: Result, free: asyncio.Semaphore) -> None:
        call = asyncio.create_task(self._call(result), name="antiphon result")
        self._calls.add(call)

        def ended(call: asyncio.Task[None]) -> None:
            self._calls.discard(call)
            free.release()
            self._note_empty()

        call.add_done_callback(ended)

    async def _call(self, result: Result) -> None:
        workflow = isinstance(result, worker_pb2.WorkflowResponse)
        method = methods.TASK_HUB["CompleteWorkflowTask" if workflow else "CompleteActivityTask"]
        send: Any = self._channel.unary_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        backoff = Backoff()
        while True:
            try:
                await send(result, metadata=self._metadata, timeout=_UNARY_DEADLINE_S)
                self._gone(result, settled=True)
                return
            except grpc.aio.AioRpcError as error:
                if error.code() not in _TRY_AGAIN:
                    _log.error(
                        "the sidecar refused a result: %s %s",
                        error.code().name,
                        error.details(),
                        extra={"instance_id": result.instance_id},
                    )
                    self._gone(result, settled=False)
                    return
            await backoff.wait()


def _sendable(result: Result) -> Result:
    """Return the result, or in place of one that no sidecar could receive, a failure that says so."""
    size = result.ByteSize()
    if size <= _RESULT_BYTES:
        return result
    code = names.PAYLOAD_TOO_LARGE
    text = f"{code}: this result takes {size} bytes, and a message holds {_RESULT_BYTES}; store it elsewhere"
    failure = Failure(code.name, text, code=code.number, non_retriable=True)
    if isinstance(result, worker_pb2.ActivityResponse):
        return worker_pb2.ActivityResponse(
            instance_id=result.instance_id,
            task_id=result.task_id,
            completion_token=result.completion_token,
            failure_details=_wire.failure_details(failure),
        )
    return worker_pb2.WorkflowResponse(
        instance_id=result.instance_id,
        completion_token=result.completion_token,
        actions=[_wire.complete(id=-1, status=_wire.FAILED, failure=failure)],
    )
