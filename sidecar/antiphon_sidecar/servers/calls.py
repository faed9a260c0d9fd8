"""Our own Client service: the calls of TaskHubSidecarService as messages of one stream, many in each.

What a call does and refuses is decided where the calls of their own are served; here is only how they travel. One
writer per stream drains a list. A stream that ends, however it does, gives up the calls that are under way on it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

import grpc
from google.protobuf.message import Message

from antiphon_names import errors as codes
from antiphon_proto.v1 import client_pb2 as cl
from antiphon_sidecar.runtime.errors import Away
from antiphon_sidecar.servers.errors import Rejected, status_of, text_of
from antiphon_sidecar.servers.handlers import EXPECTED, Context, Streaming, Unary

logger = logging.getLogger(__name__)

_REPLY_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class _Kind:
    """`method` of TaskHubSidecarService, and the field of an answer that holds its response."""

    method: str
    answer: str
    #: Has no effect, and may last for ever.
    waits: bool = False


_KINDS: Mapping[str, _Kind] = {
    "start": _Kind("StartInstance", "started"),
    "get": _Kind("GetInstance", "instance"),
    "wait_started": _Kind("WaitForInstanceStart", "instance", waits=True),
    "wait_finished": _Kind("WaitForInstanceCompletion", "instance", waits=True),
    "raise_event": _Kind("RaiseEvent", "raised"),
    "terminate": _Kind("TerminateInstance", "terminated"),
    "suspend": _Kind("SuspendInstance", "suspended"),
    "resume": _Kind("ResumeInstance", "resumed"),
}


class CallService:
    """Serves streams of calls until `draining` is set; `unary` are the calls themselves, by method."""

    def __init__(self, unary: Mapping[str, Unary], *, draining: asyncio.Event, message_bytes_max: int) -> None:
        self._unary = unary
        self._draining = draining
        self._message_bytes_max = message_bytes_max

    def implementations(self) -> Mapping[str, Streaming]:
        """Return the calls by method name."""
        return {"Calls": self.calls}

    async def calls(self, requests: AsyncIterator[cl.CallsRequest], context: Context) -> AsyncIterator[cl.CallsReply]:
        """Answer calls until the client ends its side and has its answers."""
        if self._draining.is_set():
            raise Away
        stream = _Stream(self._unary, self._message_bytes_max)
        loop = asyncio.get_running_loop()
        reader = loop.create_task(stream.read(requests), name="calls-reader")
        reader.add_done_callback(stream.read_all)
        draining = loop.create_task(self._draining.wait(), name="calls-drain")
        draining.add_done_callback(stream.leave)
        try:
            # At once: the client sends nothing before it knows that somebody serves this.
            yield cl.CallsReply()
            said = False
            while not stream.over:
                for reply in _packed(await stream.taken()):
                    yield reply
                if stream.leaving and not said:
                    said = True
                    yield cl.CallsReply(leaving=True)
            reader.result()
        finally:
            reader.cancel()
            draining.cancel()
            stream.give_up()


class _Stream:
    """The calls of one stream that are under way, and the answers that are not written yet."""

    def __init__(self, unary: Mapping[str, Unary], message_bytes_max: int) -> None:
        self._unary = unary
        self._message_bytes_max = message_bytes_max
        self._tasks: dict[int, asyncio.Task[None]] = {}
        #: Those among them that only wait.
        self._waits: set[int] = set()
        self._answers: list[cl.ClientAnswer] = []
        self._wake = asyncio.Event()
        self._asked_all = False
        self._broken = False
        self.leaving = False

    # requests

    async def read(self, requests: AsyncIterator[cl.CallsRequest]) -> None:
        """Begin what the client asks for, until it asks for nothing more."""
        async for request in requests:
            for call in request.calls:
                self._begin(call)
            for number in request.cancel:
                self._cancel(number)

    def _begin(self, call: cl.ClientCall) -> None:
        number, field = call.id, call.WhichOneof("request")
        if number in self._tasks:
            raise Rejected(
                grpc.StatusCode.INVALID_ARGUMENT,
                codes.REQUEST_INVALID,
                f"the call {number} is under way on this stream already. Give each call an ID of its own.",
            )
        if field is None:
            text = f"{codes.METHOD_UNKNOWN}: this sidecar knows no such call on a stream. Nothing was done."
            self._put(_failed(number, grpc.StatusCode.UNIMPLEMENTED, text))
            return
        kind, request = _KINDS[field], getattr(call, field)
        if kind.waits:
            self._waits.add(number)
            # What came in the same message stays in memory for as long as any part of it.
            request = cl.GetInstanceRequest.FromString(request.SerializeToString())
        task = asyncio.get_running_loop().create_task(self._answer(number, kind, request), name="client-call")
        self._tasks[number] = task

    async def _answer(self, number: int, kind: _Kind, request: Message) -> None:
        try:
            response = await self._unary[kind.method](request, None)
            answer = cl.ClientAnswer(id=number, **{kind.answer: response})  # type: ignore[arg-type]  # a field's name
            if answer.ByteSize() > self._message_bytes_max:
                text = f"Sent message larger than max ({response.ByteSize()} vs. {self._message_bytes_max})"
                answer = _failed(number, grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        except EXPECTED as error:
            answer = _failed(number, status_of(error), text_of(error))
        except asyncio.CancelledError:
            if self._forget(number):
                # Not by the client, which waits: what the call was waiting for has ended.
                self._put(_failed(number, grpc.StatusCode.CANCELLED, ""))
            raise
        except Exception as error:
            logger.exception("a client's call failed", extra={"method": kind.method})
            answer = _failed(number, grpc.StatusCode.UNKNOWN, f"Unexpected {type(error)}: {error}")
        self._forget(number)
        self._put(answer)

    def _cancel(self, number: int) -> None:
        task = self._tasks.get(number)
        if task is not None:
            self._forget(number)
            task.cancel()
            self._wake.set()

    def _forget(self, number: int) -> bool:
        self._waits.discard(number)
        return self._tasks.pop(number, None) is not None

    # answers

    def _put(self, answer: cl.ClientAnswer) -> None:
        self._answers.append(answer)
        self._wake.set()

    def read_all(self, reader: asyncio.Task[None]) -> None:
        """Note that nothing more is asked for, or that what came cannot be understood."""
        self._asked_all = True
        self._broken = reader.cancelled() or reader.exception() is not None
        self._wake.set()

    def leave(self, drained: "asyncio.Task[object]") -> None:
        """Have the client told, once this process drains, that it should ask elsewhere."""
        self.leaving = not drained.cancelled()
        self._wake.set()

    @property
    def over(self) -> bool:
        """Nothing is left to answer; of a process that drains, but waits, which can be begun again anywhere."""
        left = len(self._tasks) - (len(self._waits) if self.leaving else 0)
        return self._broken or (self._asked_all and not self._answers and left == 0)

    async def taken(self) -> list[cl.ClientAnswer]:
        """Return answers, perhaps none, once anything has changed since the last ones."""
        await self._wake.wait()
        self._wake.clear()
        answers, self._answers = self._answers, []
        return answers

    def give_up(self) -> None:
        """Cancel everything that is under way."""
        tasks, self._tasks = self._tasks, {}
        for task in tasks.values():
            task.cancel()


def _failed(number: int, status: grpc.StatusCode, text: str) -> cl.ClientAnswer:
    value: int = status.value[0]
    return cl.ClientAnswer(id=number, error=cl.CallError(status=value, text=text))


def _packed(answers: list[cl.ClientAnswer]) -> Iterator[cl.CallsReply]:
    """Pack answers into as few messages as their sizes allow."""
    reply, size = cl.CallsReply(), 0
    for answer in answers:
        length = answer.ByteSize()
        if size and size + length > _REPLY_BYTES:
            yield reply
            reply, size = cl.CallsReply(), 0
        reply.answers.append(answer)
        size += length
    if size:
        yield reply
