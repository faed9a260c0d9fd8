"""Calls on a stream against the same calls on their own, at a server that has both."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from antiphon_names import errors as codes
from antiphon_proto import methods
from antiphon_proto.v1 import client_pb2 as cl
from antiphon_sidecar.runtime import errors as rt
from antiphon_sidecar.servers import listeners
from antiphon_sidecar.servers.calls import CallService
from antiphon_sidecar.servers.errors import Rejected
from antiphon_sidecar.servers.handlers import TokenCheck, generic_handler
from antiphon_sidecar.stores.errors import StoreError

PATIENCE_S = 10
MESSAGE_MAX = 1 << 20
TOKEN = (("dapr-api-token", "secret"),)
#: What calls raise, by the instance that they name.
ERRORS: dict[str, Exception] = {
    "not found": rt.NotFound("orders", "i1"),
    "exists": rt.Exists("orders", "i1", finished=False),
    "away": rt.Away(),
    "rejected": Rejected(grpc.StatusCode.OUT_OF_RANGE, codes.REQUEST_INVALID, 'é "\n'),
    "store": StoreError("the store is away"),
    "long": Rejected(grpc.StatusCode.INVALID_ARGUMENT, codes.REQUEST_INVALID, "x" * 10_000),
    "bug": KeyError("a bug"),
}


@dataclass
class Orders:
    """The calls of an app: answers, refuses or never answers, as the instance's ID says."""

    draining: asyncio.Event = field(default_factory=asyncio.Event)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    given_up: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    channel: Any = None

    def unary(self) -> dict[str, Any]:
        return {name: self._call(name) for name in KINDS.values()}

    def _call(self, name: str) -> Any:
        async def call(request: Any, context: Any) -> Any:
            self.begun.put_nowait(request.instance_id)
            match request.instance_id:
                case "held" | "held wait":
                    await self._hold(request.instance_id)
                case "cancelled":
                    raise asyncio.CancelledError
                case which if which in ERRORS:
                    raise ERRORS[which]
            response = methods.TASK_HUB[name].response()
            if isinstance(response, cl.GetInstanceResponse):
                response.workflow_state.name = "x" * SIZES.get(request.instance_id, 1)
            return response

        return call

    async def _hold(self, instance_id: str) -> None:
        try:
            await self.held.wait()
        except asyncio.CancelledError:
            self.given_up.put_nowait(instance_id)
            raise

    def stream(self, metadata: Any = TOKEN) -> Any:
        method = methods.CLIENT["Calls"]
        return self.channel.stream_stream(method.path, method.request.SerializeToString, method.response.FromString)(
            metadata=metadata
        )

    async def ready(self) -> Any:
        """Open a stream and read its first message."""
        stream = self.stream()
        assert not (await within(stream.read())).answers
        return stream

    async def alone(self, name: str, request: Any) -> Any:
        method = methods.TASK_HUB[name]
        stub = self.channel.unary_unary(method.path, method.request.SerializeToString, method.response.FromString)
        return await stub(request, metadata=TOKEN, timeout=PATIENCE_S)


KINDS = {
    "start": "StartInstance",
    "get": "GetInstance",
    "wait_started": "WaitForInstanceStart",
    "wait_finished": "WaitForInstanceCompletion",
    "raise_event": "RaiseEvent",
    "terminate": "TerminateInstance",
    "suspend": "SuspendInstance",
    "resume": "ResumeInstance",
}
SIZES = {"large": 200 * 1024, "too large": MESSAGE_MAX}


@pytest.fixture
async def orders(tmp_path: Path) -> AsyncIterator[Orders]:
    made = Orders()
    token = TokenCheck("secret")
    unary = made.unary()
    calls = CallService(unary, draining=made.draining, message_bytes_max=MESSAGE_MAX)
    handlers = [
        generic_handler(service=methods.TASK_HUB_SERVICE, methods=methods.TASK_HUB, implementations=unary, token=token),
        generic_handler(
            service=methods.CLIENT_SERVICE,
            methods=methods.CLIENT,
            implementations=calls.implementations(),
            token=token,
        ),
    ]
    address = f"unix:{tmp_path}/orders.sock"
    server = await listeners.serve_grpc([address], handlers, message_bytes_max=MESSAGE_MAX)
    options = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1))
    async with grpc.aio.insecure_channel(address, options) as made.channel:
        yield made
    await server.stop(None)


async def within(what: Any) -> Any:
    return await asyncio.wait_for(what, PATIENCE_S)


def asked(*instances: str, kind: str = "get") -> cl.CallsRequest:
    """Ask about these, numbered from 1."""
    calls = [cl.ClientCall(id=n, **{kind: {"instance_id": each}}) for n, each in enumerate(instances, 1)]
    return cl.CallsRequest(calls=calls)


async def answers(stream: Any, count: int) -> dict[int, cl.ClientAnswer]:
    found: dict[int, cl.ClientAnswer] = {}
    while len(found) < count:
        found |= {answer.id: answer for answer in (await within(stream.read())).answers}
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_answers_each_kind_with_the_response_of_its_call(orders: Orders, kind: str):
    stream = await orders.ready()
    await stream.write(asked("i1", kind=kind))
    answer = (await answers(stream, 1))[1]
    alone = await orders.alone(KINDS[kind], methods.TASK_HUB[KINDS[kind]].request(instance_id="i1"))
    assert getattr(answer, str(answer.WhichOneof("answer"))) == alone


@pytest.mark.parametrize("which", ERRORS)
async def test_refuses_with_what_the_call_of_its_own_is_refused_with(orders: Orders, which: str):
    stream = await orders.ready()
    await stream.write(asked(which))
    error = (await answers(stream, 1))[1].error
    with pytest.raises(grpc.aio.AioRpcError) as alone:
        await orders.alone("GetInstance", cl.GetInstanceRequest(instance_id=which))
    assert error.status == alone.value.code().value[0]
    assert error.text == alone.value.details()


async def test_answers_a_call_that_was_cancelled_here(orders: Orders):
    stream = await orders.ready()
    await stream.write(asked("cancelled"))
    assert (await answers(stream, 1))[1].error.status == grpc.StatusCode.CANCELLED.value[0]


async def test_a_call_that_waits_holds_up_none_behind_it(orders: Orders):
    stream = await orders.ready()
    await stream.write(asked("held", "i2", "i3"))
    assert set(await answers(stream, 2)) == {2, 3}
    orders.held.set()
    assert set(await answers(stream, 1)) == {1}


async def test_gives_up_what_the_client_gives_up(orders: Orders):
    stream = await orders.ready()
    await stream.write(asked("held", "held wait"))
    await stream.write(cl.CallsRequest(cancel=[2, 7]))
    assert await within(orders.given_up.get()) == "held wait"
    orders.held.set()
    assert set(await answers(stream, 1)) == {1}


async def test_gives_up_what_is_under_way_when_the_client_leaves(orders: Orders):
    stream = await orders.ready()
    await stream.write(asked("held"))
    await within(orders.begun.get())
    stream.cancel()
    assert await within(orders.given_up.get()) == "held"


async def test_answers_what_was_asked_before_the_client_ended_its_side(orders: Orders):
    stream = await orders.ready()
    await stream.write(asked("held"))
    await stream.done_writing()
    orders.held.set()
    assert set(await answers(stream, 1)) == {1}
    assert await within(stream.read()) is grpc.aio.EOF
    assert await stream.code() is grpc.StatusCode.OK


async def test_a_drain_ends_with_ok_once_all_but_waits_is_answered(orders: Orders):
    stream = await orders.ready()
    await stream.write(asked("held", kind="start"))
    wait = cl.ClientCall(id=2, wait_finished={"instance_id": "held wait"})
    await stream.write(cl.CallsRequest(calls=[wait]))
    for _ in range(2):
        await within(orders.begun.get())
    orders.draining.set()
    assert (await within(stream.read())).leaving
    await stream.write(cl.CallsRequest(calls=[cl.ClientCall(id=3, raise_event={"instance_id": "i3"})]))
    await stream.done_writing()
    assert set(await answers(stream, 1)) == {3}
    assert orders.given_up.empty()
    orders.held.set()
    assert 1 in await answers(stream, 1)
    assert await within(stream.code()) is grpc.StatusCode.OK


async def test_a_drain_ends_waits(orders: Orders):
    stream = await orders.ready()
    await stream.write(asked("held wait", kind="wait_finished"))
    await within(orders.begun.get())
    orders.draining.set()
    assert (await within(stream.read())).leaving
    await stream.done_writing()
    assert await within(stream.read()) is grpc.aio.EOF
    assert await stream.code() is grpc.StatusCode.OK
    assert await within(orders.given_up.get()) == "held wait"


async def test_opens_no_stream_while_it_drains(orders: Orders):
    orders.draining.set()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await within(orders.stream().read())
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_packs_answers_by_their_size(orders: Orders):
    stream = await orders.ready()
    await stream.write(asked(*["large"] * 10))
    found, most = 0, 0
    while found < 10:
        reply = await within(stream.read())
        found, most = found + len(reply.answers), max(most, reply.ByteSize())
    assert most < MESSAGE_MAX


async def test_an_answer_above_the_limit_fails_alone(orders: Orders):
    stream = await orders.ready()
    await stream.write(asked("too large", "i2"))
    found = await answers(stream, 2)
    with pytest.raises(grpc.aio.AioRpcError) as alone:
        await orders.alone("GetInstance", cl.GetInstanceRequest(instance_id="too large"))
    assert found[1].error.status == alone.value.code().value[0]
    assert found[2].instance.workflow_state.name == "x"


async def test_a_call_that_it_does_not_know_fails_alone(orders: Orders):
    stream = await orders.ready()
    request = asked("i1")
    request.calls.add(id=2)
    await stream.write(request)
    found = await answers(stream, 2)
    assert found[2].error.status == grpc.StatusCode.UNIMPLEMENTED.value[0]
    assert found[1].HasField("instance")


async def test_ends_a_stream_that_numbers_two_calls_alike(orders: Orders):
    stream = await orders.ready()
    await stream.write(asked("held"))
    await stream.write(asked("held"))
    with pytest.raises(grpc.aio.AioRpcError, match="the call 1 is under way") as refused:
        await within(stream.read())
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert await within(orders.given_up.get()) == "held"


async def test_asks_for_the_token_before_anything_else(orders: Orders):
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await within(orders.stream(()).read())
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
