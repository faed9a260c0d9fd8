"""What an app sees of a listener that forwards, while the holders behind it come and go."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from antiphon_names import errors as codes
from antiphon_proto import methods
from antiphon_proto.v1 import client_pb2 as cl
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.runtime import errors as rt
from antiphon_sidecar.servers import listeners
from antiphon_sidecar.servers.forwarding import Forwarder
from antiphon_sidecar.servers.handlers import Context, TokenCheck, generic_handler
from antiphon_sidecar.servers.holder import Holder, Line
from antiphon_sidecar.servers.joining import Forwarded, answered

PATIENCE_S = 10
OWN = wk.GetWorkItemsRequest(
    capabilities=[wk.WORKER_CAPABILITY_HEALTH_PING, wk.WORKER_CAPABILITY_BATCH], declares_names=True
)


@dataclass
class Scripted:
    """A holder that says what it was asked; `stop` is its death."""

    path: str
    settles: bool = True
    asked: asyncio.Queue[tuple[str, Any, dict[str, Any]]] = field(default_factory=asyncio.Queue)
    items: asyncio.Queue[wk.WorkItem] = field(default_factory=asyncio.Queue)
    #: What calls have left of their deadline.
    left_s: asyncio.Queue[float | None] = field(default_factory=asyncio.Queue)
    server: grpc.aio.Server | None = None
    line: Line | None = None

    async def start(self) -> None:
        handlers = [
            generic_handler(
                service=methods.TASK_HUB_SERVICE,
                methods=methods.TASK_HUB,
                implementations={
                    "GetWorkItems": self.work_items,
                    "GetInstance": self.get,
                    "WaitForInstanceCompletion": self.never,
                    "StartInstance": self.never,
                    "CompleteWorkflowTask": self.never,
                },
                token=answered,
            ),
            generic_handler(
                service=methods.WORKER_SERVICE,
                methods=methods.WORKER,
                implementations={"Complete": self.complete},
                token=answered,
            ),
        ]
        forwarded = Forwarded({"orders": handlers})
        self.server = await listeners.serve_grpc([self.path], [forwarded], message_bytes_max=1 << 20)
        self.line = Line(grpc.aio.insecure_channel(self.path, [("grpc.use_local_subchannel_pool", 1)]))

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.stop(None)

    def _note(self, what: str, request: Any, context: Context) -> None:
        self.asked.put_nowait((what, request, dict(context.invocation_metadata() or ())))

    async def work_items(self, request: wk.GetWorkItemsRequest, context: Context) -> AsyncIterator[wk.WorkItem]:
        self._note("work", request, context)
        while True:
            yield await self.items.get()

    async def complete(
        self, requests: AsyncIterator[wk.CompleteRequest], context: Context
    ) -> AsyncIterator[wk.CompleteReply]:
        async for request in requests:
            self._note("results", request.sequence, context)
            if self.settles:
                yield wk.CompleteReply(settled=[request.sequence])

    async def get(self, request: cl.GetInstanceRequest, context: Context) -> cl.GetInstanceResponse:
        self._note("get", request.instance_id, context)
        match request.instance_id:
            case "unknown":
                raise rt.NotFound("orders", "unknown")
            case "away":
                raise rt.Away
        return cl.GetInstanceResponse(exists=True)

    async def never(self, request: Any, context: Context) -> Any:
        self._note("never", request, context)
        self.left_s.put_nowait(context.time_remaining())
        await asyncio.Event().wait()


@dataclass
class Place:
    """A listener of the app "orders" that forwards, and a client of it."""

    folder: Path
    holder: Holder
    forwarder: Forwarder
    channel: Any
    holders: list[Scripted] = field(default_factory=list)

    async def begin(self, **script: Any) -> Scripted:
        """Let a new holder take its place."""
        made = Scripted(f"unix:{self.folder}/{len(self.holders)}.sock", **script)
        self.holders.append(made)
        await made.start()
        assert made.line is not None
        self.holder.came(made.line)
        return made

    async def die(self) -> None:
        """Let the holder die."""
        await self.holders[-1].stop()
        self.holder.went()

    def stub(self, name: str, table: Any = methods.TASK_HUB) -> Any:
        method = table[name]
        kind = {(False, False): "unary_unary", (False, True): "unary_stream", (True, True): "stream_stream"}
        make = getattr(self.channel, kind[method.client_streaming, method.server_streaming])
        return make(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(tmp_path) as made:
        yield made


@asynccontextmanager
async def opened(folder: Path, token: str | None = None) -> AsyncIterator[Place]:
    holder = Holder()
    forwarder = Forwarder("orders", holder, TokenCheck(token))
    server = await listeners.serve_grpc([f"unix:{folder}/app.sock"], [forwarder], message_bytes_max=1 << 20)
    async with (
        grpc.aio.insecure_channel(f"unix:{folder}/app.sock", [("grpc.primary_user_agent", "sdk/7")]) as channel,
        asyncio.timeout(PATIENCE_S),
    ):
        made = Place(folder, holder, forwarder, channel)
        yield made
        forwarder.drain()
        for scripted in made.holders:
            await scripted.stop()
            assert scripted.line is not None
            scripted.line.end()
            await scripted.line.close_when_over()
        await server.stop(None)


def activity(name: str) -> wk.WorkItem:
    return wk.WorkItem(activity_request=wk.ActivityRequest(name=name))


async def test_a_worker_stream_outlives_the_holder_and_is_asked_for_anew(place: Place):
    first = await place.begin()
    stream = place.stub("GetWorkItems")(OWN)
    first.items.put_nowait(activity("one"))
    assert (await stream.read()).activity_request.name == "one"
    await place.die()
    second = await place.begin()
    second.items.put_nowait(activity("two"))
    # Before what the next holder gives, the worker hears that it is another one.
    assert (await stream.read()).HasField("health_ping")
    assert (await stream.read()).activity_request.name == "two"
    for scripted in (first, second):
        what, request, metadata = scripted.asked.get_nowait()
        assert (what, request, metadata["antiphon-app"]) == ("work", OWN, "orders")
        assert metadata["antiphon-user-agent"].startswith("sdk/7")
    assert not stream.done()


async def test_a_worker_stream_ends_with_ok_when_its_own_process_drains(place: Place):
    first = await place.begin()
    stream = place.stub("GetWorkItems")(OWN)
    first.items.put_nowait(activity("one"))
    await stream.read()
    place.forwarder.drain()
    assert await stream.read() is grpc.aio.EOF
    assert await stream.code() is grpc.StatusCode.OK


async def test_a_holder_hears_that_a_worker_has_left(place: Place):
    first = await place.begin()
    stream = place.stub("GetWorkItems")(OWN)
    first.items.put_nowait(activity("one"))
    await stream.read()
    stream.cancel()
    # The line is closed when the last call on it has ended, and not before.
    place.holder.went()
    assert first.line is not None
    await first.line.close_when_over()


async def test_the_stream_of_an_sdk_that_may_not_name_deliveries_ends_with_its_holder(place: Place):
    first = await place.begin()
    stream = place.stub("GetWorkItems")(wk.GetWorkItemsRequest())
    first.items.put_nowait(activity("one"))
    await stream.read()
    await place.die()
    assert await stream.read() is grpc.aio.EOF
    assert await stream.code() is grpc.StatusCode.OK


async def test_results_that_were_not_settled_are_told_again_in_order(place: Place):
    first = await place.begin(settles=False)
    stream = place.stub("Complete", methods.WORKER)()
    for sequence in (1, 2):
        await stream.write(wk.CompleteRequest(sequence=sequence))
        assert (await first.asked.get())[:2] == ("results", sequence)
    await place.die()
    await stream.write(wk.CompleteRequest(sequence=3))
    second = await place.begin()
    settled: list[int] = []
    while len(settled) < 3:
        settled += (await stream.read()).settled
    assert settled == [1, 2, 3]
    assert [second.asked.get_nowait()[1] for _ in range(3)] == [1, 2, 3]


async def test_results_that_were_settled_are_told_once(place: Place):
    await place.begin()
    stream = place.stub("Complete", methods.WORKER)()
    await stream.write(wk.CompleteRequest(sequence=1))
    assert list((await stream.read()).settled) == [1]
    await place.die()
    second = await place.begin()
    await stream.write(wk.CompleteRequest(sequence=2))
    assert list((await stream.read()).settled) == [2]
    assert second.asked.get_nowait()[1] == 2
    await stream.done_writing()
    assert await stream.read() is grpc.aio.EOF


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("WaitForInstanceCompletion", cl.GetInstanceRequest(instance_id="one")),
        ("CompleteWorkflowTask", wk.WorkflowResponse(instance_id="one", completion_token="t")),
    ],
)
async def test_what_may_be_repeated_is_asked_again_of_the_next_holder(place: Place, name: str, request_: Any):
    first = await place.begin()
    call = place.stub(name)(request_)
    await first.asked.get()
    await place.die()
    second = await place.begin()
    assert (await second.asked.get())[:2] == ("never", request_)
    call.cancel()


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("StartInstance", cl.CreateInstanceRequest(instance_id="one")),
        # Of another turn, for all that the next holder can tell.
        ("CompleteWorkflowTask", wk.WorkflowResponse(instance_id="one")),
    ],
)
async def test_what_may_have_been_done_ends_with_unavailable(place: Place, name: str, request_: Any):
    first = await place.begin()
    call = place.stub(name)(request_)
    await first.asked.get()
    await place.die()
    second = await place.begin()
    assert await failure(call) == (grpc.StatusCode.UNAVAILABLE, str(codes.HOLDER_GONE))
    assert second.asked.empty()


async def test_a_calls_deadline_is_its_deadline_at_the_holder_too(place: Place):
    first = await place.begin()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await place.stub("WaitForInstanceCompletion")(cl.GetInstanceRequest(instance_id="one"), timeout=0.3)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await first.asked.get()
    # gRPC sends a deadline in steps, rounded up.
    assert 0 < await first.left_s.get() <= 0.31


async def test_what_comes_while_nobody_holds_the_store_waits(place: Place):
    call = place.stub("StartInstance")(cl.CreateInstanceRequest(instance_id="one"))
    await asyncio.sleep(0.1)
    first = await place.begin()
    assert (await first.asked.get())[0] == "never"
    call.cancel()


async def test_what_waits_for_a_holder_ends_at_its_deadline(place: Place):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await place.stub("GetInstance")(cl.GetInstanceRequest(instance_id="one"), timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    ("instance_id", "code"), [("unknown", grpc.StatusCode.NOT_FOUND), ("away", grpc.StatusCode.UNAVAILABLE)]
)
async def test_what_the_holder_answers_is_its_answer(place: Place, instance_id: str, code: grpc.StatusCode):
    first = await place.begin()
    found, text = await failure(place.stub("GetInstance")(cl.GetInstanceRequest(instance_id=instance_id)))
    assert (found, text == str(codes.HOLDER_GONE), first.asked.qsize()) == (code, False, 1)


async def test_the_listeners_own_token_is_asked_for(tmp_path: Path):
    async with opened(tmp_path, token="secret") as place:
        await place.begin()
        ask: Callable[..., Awaitable[Any]] = place.stub("GetInstance")
        with pytest.raises(grpc.aio.AioRpcError, match="AN502"):
            await ask(cl.GetInstanceRequest(instance_id="one"))
        assert (await ask(cl.GetInstanceRequest(instance_id="one"), metadata=(("dapr-api-token", "secret"),))).exists


async def failure(call: Awaitable[Any]) -> tuple[grpc.StatusCode, str]:
    """Return the status and the code of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), (caught.value.details() or "").partition(":")[0]


async def test_a_client_hears_that_its_calls_are_not_forwarded_on_a_stream(place: Place):
    await place.begin()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await place.stub("Calls", methods.CLIENT)().read()
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
