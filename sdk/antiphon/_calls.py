"""A client's calls as messages of one stream: many in each, both ways. Used by client.

The stream is asked for with the first call, and carries calls once the sidecar has shown that it serves it. Until then,
and for good where nobody does, each call is one of its own: none has to be asked twice because of the stream. Whatever
ends a call here ends it with the error of a call of its own.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from antiphon._connection import Endpoint, Metadata
from antiphon_proto import methods
from antiphon_proto.v1 import client_pb2

_log = logging.getLogger(__name__)

_FIELDS: Mapping[str, str] = {
    "StartInstance": "start",
    "GetInstance": "get",
    "WaitForInstanceStart": "wait_started",
    "WaitForInstanceCompletion": "wait_finished",
    "RaiseEvent": "raise_event",
    "TerminateInstance": "terminate",
    "SuspendInstance": "suspend",
    "ResumeInstance": "resume",
}
# A sidecar may be set to take messages of 1 MiB at most, and a large call holds up those behind it.
_BATCH_BYTES = 512 * 1024
# A stream that is not to be had is not asked for with every call.
_AGAIN_S = 1.0
# Without calls a stream ends after one to two of these: a client that nobody closes keeps no connection.
_IDLE_S = 60.0
_STATUS: Mapping[int, grpc.StatusCode] = {status.value[0]: status for status in grpc.StatusCode}


# Nobody refused a stream with these: the sidecar was not there.
_AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL})
# What gRPC says of a stream that breaks, or that ended although answers were due; a broken call is UNAVAILABLE.
_BREAKS = frozenset({grpc.StatusCode.OK, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})


class Calls:
    """The calls of one channel, in the event loop that opened it."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Open a channel; it connects when first used."""
        self._loop = asyncio.get_running_loop()
        self._channel = endpoint.channel()
        self._metadata = endpoint.metadata
        self._stream: _Stream | None = None
        self._not_before = 0.0
        self._served = True

    async def make(self, name: str, request: Message, *, deadline_s: float | None) -> Any:  # noqa: ANN401  (the method's response)
        """Make a call and return its response.

        Raises:
            grpc.aio.AioRpcError: it failed.
        """
        stream = self._stream_for(name, request)
        if stream is not None and (answer := await stream.call(name, request, deadline_s)) is not None:
            return answer
        method = methods.TASK_HUB[name]
        call: Any = self._channel.unary_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        return await call(request, metadata=self._metadata, timeout=deadline_s)

    def _stream_for(self, name: str, request: Message) -> "_Stream | None":
        """Return the stream when it can carry the call, and ask for one that is missing."""
        if not self._served or name not in _FIELDS or asyncio.get_running_loop() is not self._loop:
            return None
        if self._stream is None:
            if self._loop.time() >= self._not_before:
                self._stream = _Stream(self._channel, self._metadata, on_end=self._ended)
            return None
        return self._stream if self._stream.ready and request.ByteSize() <= _BATCH_BYTES else None

    def _ended(self, stream: "_Stream", status: grpc.StatusCode) -> None:
        self._stream = None
        if stream.began:
            return
        self._not_before = self._loop.time() + _AGAIN_S
        if status not in _AWAY:
            _log.info("the sidecar takes calls one by one")
            self._served = False

    async def close(self) -> None:
        """Close the channel; who waits for an answer is cancelled."""
        self._served = False
        if self._stream is not None and asyncio.get_running_loop() is self._loop:
            await self._stream.close()
        await self._channel.close(None)


class _Stream:
    """One stream: `ready` while it takes calls, `began` once it ever did."""

    def __init__(
        self, channel: grpc.aio.Channel, metadata: Metadata, *, on_end: Callable[["_Stream", grpc.StatusCode], None]
    ) -> None:
        self.ready = False
        self.began = False
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._unsent: dict[int, tuple[str, Message]] = {}
        self._cancelled: list[int] = []
        self._leaving = False
        self._wake = asyncio.Event()
        self._idle: asyncio.TimerHandle | None = None
        self._writer: asyncio.Task[None] | None = None
        self._task = self._loop.create_task(self._run(channel, metadata), name="antiphon calls")

    async def call(self, name: str, request: Message, deadline_s: float | None) -> Any:  # noqa: ANN401  (the method's response)
        """Make a call; None: it was not sent, and has to be made without this stream.

        Raises:
            grpc.aio.AioRpcError: what a call of its own would have raised.
        """
        self._number += 1
        number, answer = self._number, self._loop.create_future()
        self._answers[number] = answer
        self._unsent[number] = _FIELDS[name], request
        self._wake.set()
        timer = None if deadline_s is None else self._loop.call_later(deadline_s, _expire, answer)
        try:
            return await answer
        finally:
            if timer is not None:
                timer.cancel()
            if self._answers.pop(number, None) is not None and self._unsent.pop(number, None) is None:
                # Sent, and nobody waits any more.
                self._cancelled.append(number)
                self._wake.set()

    async def close(self) -> None:
        """End at once."""
        self._task.cancel()
        await asyncio.wait((self._task,))

    async def _run(self, channel: grpc.aio.Channel, metadata: Metadata) -> None:
        method = methods.CLIENT["Calls"]
        begin: Any = channel.stream_stream(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        call = begin(metadata=metadata)
        status, details = grpc.StatusCode.OK, "the sidecar ended the stream of calls"
        try:
            await self._read(call)
        except grpc.aio.AioRpcError as error:
            status, details = error.code(), error.details() or ""
        except asyncio.CancelledError:
            if self._task.cancelling():
                for waiting in self._answers.values():
                    waiting.cancel()
                raise
        finally:
            call.cancel()
            if self._writer is not None:
                self._writer.cancel()
            if self._idle is not None:
                self._idle.cancel()
            self._end(grpc.StatusCode.UNAVAILABLE if status in _BREAKS else status, details)
            self._on_end(self, status)

    async def _read(self, call: Any) -> None:  # noqa: ANN401  (grpc's call)
        async for reply in call:
            if self._writer is None:
                self._writer = self._loop.create_task(self._write(call), name="antiphon calls writer")
                self._writer.add_done_callback(lambda done: _cancel_when_failed(done, call))
                self.began = self.ready = True
                self._look(-1)
            for answer in reply.answers:
                self._settle(answer)
            if reply.leaving:
                self._leave()

    def _end(self, status: grpc.StatusCode, details: str) -> None:
        self._leave()
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            if not answer.done():
                answer.set_exception(_error(status, details))

    def _leave(self) -> None:
        """Take no further calls; those that are not sent yet are handed back."""
        self.ready, self._leaving = False, True
        unsent, self._unsent = self._unsent, {}
        for number in unsent:
            answer = self._answers.pop(number)
            if not answer.done():
                answer.set_result(None)
        self._wake.set()

    def _look(self, number: int) -> None:
        """End the stream if there was no call since the last look."""
        if number == self._number and not self._answers:
            self._leave()
        else:
            self._idle = self._loop.call_later(_IDLE_S, self._look, self._number)

    def _settle(self, answer: client_pb2.ClientAnswer) -> None:
        waiting = self._answers.pop(answer.id, None)
        if waiting is None or waiting.done():
            return
        field = answer.WhichOneof("answer")
        if field is not None and field != "error":
            waiting.set_result(getattr(answer, field))
        else:
            waiting.set_exception(_error(_STATUS.get(answer.error.status, grpc.StatusCode.UNKNOWN), answer.error.text))

    async def _write(self, call: Any) -> None:  # noqa: ANN401  (grpc's call)
        while not self._leaving:
            await self._wake.wait()
            self._wake.clear()
            while self._unsent or self._cancelled:
                await call.write(self._batch())
        await call.done_writing()

    def _batch(self) -> client_pb2.CallsRequest:
        cancelled, self._cancelled = self._cancelled, []
        batch, size = client_pb2.CallsRequest(cancel=cancelled), 0
        for number, (field, request) in list(self._unsent.items()):
            size += request.ByteSize()
            if size > _BATCH_BYTES and batch.calls:
                break
            del self._unsent[number]
            batch.calls.add(id=number, **{field: request})
        return batch


def _expire(answer: "asyncio.Future[Any]") -> None:
    if not answer.done():
        answer.set_exception(_error(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"))


def _error(status: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(status, grpc.aio.Metadata(), grpc.aio.Metadata(), details, None)


def _cancel_when_failed(writer: "asyncio.Task[None]", call: Any) -> None:  # noqa: ANN401  (grpc's call)
    if not writer.cancelled() and (failed := writer.exception()) is not None:
        # Of a stream that broke the reader has heard already; in every other case it would wait for ever.
        _log.debug("writing calls ended", exc_info=failed)
        call.cancel()
