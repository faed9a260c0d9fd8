"""How a client's calls travel: on a stream where the sidecar serves it, else each on its own, with the same outcome."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import grpc
import pytest

from antiphon import Client, _calls, errors
from antiphon_proto.v1 import client_pb2
from tests.unit.sdk.sidecar_script import ScriptedSidecar, on_stream

MIB = 1 << 20
Ask = Callable[[Client], Awaitable[object]]


@pytest.fixture
async def sidecar() -> AsyncIterator[ScriptedSidecar]:
    async with ScriptedSidecar().serving() as running:
        yield running


@pytest.fixture
async def client(sidecar: ScriptedSidecar) -> AsyncIterator[Client]:
    async with Client(address=sidecar.address, api_token="secret") as opened:
        await on_stream(opened, sidecar)
        yield opened


async def sent(sidecar: ScriptedSidecar) -> client_pb2.CallsRequest:
    return await asyncio.wait_for(sidecar.calls.get(), 10)


async def begun(sidecar: ScriptedSidecar, asking: Awaitable[object]) -> "asyncio.Task[object]":
    """Begin a call, and go on once the sidecar has it."""
    sidecar.asked.clear()
    task = asyncio.ensure_future(asking)
    await asyncio.wait_for(sidecar.asked.wait(), 10)
    return task


async def unary_only(client: Client, asking: Awaitable[object]) -> object:
    """Await a call of a client that uses no stream."""
    client._calls = client._calls or _calls.Calls(client._endpoint)
    client._calls._served = False
    return await asking


ASKED: dict[str, Ask] = {
    "start": lambda client: client.start("report"),
    "get": lambda client: client.get("i1"),
    "wait_finished": lambda client: client.wait("i1"),
    "wait_started": lambda client: client.wait_started("i1"),
    "raise_event": lambda client: client.raise_event("i1", "go"),
    "terminate": lambda client: client.terminate("i1"),
    "suspend": lambda client: client.suspend("i1"),
    "resume": lambda client: client.resume("i1"),
}


@pytest.mark.parametrize("name", ASKED)
async def test_carries_the_call(sidecar: ScriptedSidecar, client: Client, name: str):
    state = client_pb2.GetInstanceResponse(exists=True, workflow_state={"workflow_status": 1})
    for method in ("GetInstance", "WaitForInstanceStart", "WaitForInstanceCompletion"):
        sidecar.replies[method] = state
    await ASKED[name](client)
    (call,) = (await sent(sidecar)).calls
    assert call.WhichOneof("request") == name
    assert sidecar.metadata_of_calls["dapr-api-token"] == "secret"


async def test_calls_made_at_once_travel_in_one_message(sidecar: ScriptedSidecar, client: Client):
    await asyncio.gather(*(client.raise_event("i1", "go") for _ in range(20)))
    assert len((await sent(sidecar)).calls) == 20
    assert sidecar.calls.empty()


@pytest.mark.parametrize(
    "status", [each for each in grpc.StatusCode if each is not grpc.StatusCode.OK], ids=lambda each: each.name
)
async def test_raises_what_a_call_of_its_own_raises(sidecar: ScriptedSidecar, client: Client, status: grpc.StatusCode):
    sidecar.replies["RaiseEvent"] = (status, "what the sidecar says: é\n")
    with pytest.raises(errors.RequestError) as streamed:
        await client.raise_event("i1", "go")
    async with Client(address=sidecar.address) as other:
        with pytest.raises(errors.RequestError) as unary:
            await unary_only(other, other.raise_event("i1", "go"))
    assert len((await sent(sidecar)).calls) == 1
    assert type(streamed.value) is type(unary.value)
    assert str(streamed.value) == str(unary.value)
    for cause in (streamed.value.__cause__, unary.value.__cause__):
        assert isinstance(cause, grpc.aio.AioRpcError)
        assert (cause.code(), cause.details()) == (status, "what the sidecar says: é\n")


async def test_uses_no_stream_where_nobody_serves_it(sidecar: ScriptedSidecar):
    sidecar.streams = False
    sidecar.replies["StartInstance"] = client_pb2.CreateInstanceResponse(instance_id="i1")
    async with Client(address=sidecar.address) as client:
        for _ in range(20):
            assert await client.start("report") == "i1"
            await asyncio.sleep(0)
    assert (sidecar.call_streams, len(sidecar.requests)) == (1, 20)


async def test_does_not_wait_for_a_stream_that_nobody_confirms(sidecar: ScriptedSidecar):
    sidecar.silent = True
    async with Client(address=sidecar.address) as client:
        for _ in range(5):
            await client.raise_event("i1", "go")
    assert (sidecar.calls.qsize(), len(sidecar.requests)) == (0, 5)


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_call_without_answer_ends_at_its_deadline(sidecar: ScriptedSidecar, client: Client, streamed: bool):
    sidecar.replies["StartInstance"] = asyncio.Event()
    asking = client._call("StartInstance", client_pb2.CreateInstanceRequest(name="report"), deadline_s=0.3)
    with pytest.raises(errors.SidecarUnavailable, match=r"StartInstance \(DEADLINE_EXCEEDED: Deadline Exceeded\)"):
        await (asking if streamed else unary_only(client, asking))
    if streamed:
        number = (await sent(sidecar)).calls[0].id
        assert list((await sent(sidecar)).cancel) == [number]


async def test_tells_the_sidecar_of_waits_that_were_given_up(sidecar: ScriptedSidecar, client: Client):
    sidecar.replies["WaitForInstanceCompletion"] = asyncio.Event()
    with pytest.raises(TimeoutError):
        await client.wait("i1", timeout=timedelta(seconds=0.2))
    waiting = await begun(sidecar, client.wait("i2"))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    first, cancel, second, last = [await sent(sidecar) for _ in range(4)]
    assert [*cancel.cancel, *last.cancel] == [first.calls[0].id, second.calls[0].id]


async def test_says_nothing_of_a_call_that_was_given_up_before_it_was_sent(sidecar: ScriptedSidecar, client: Client):
    payload = "x" * (300 * 1024)
    raising = [asyncio.ensure_future(client.raise_event("i1", name, payload)) for name in ("one", "two", "three")]
    asyncio.get_running_loop().call_soon(raising[2].cancel)
    await asyncio.wait(raising)
    first, second = await sent(sidecar), await sent(sidecar)
    assert [call.raise_event.name for call in (*first.calls, *second.calls)] == ["one", "two"]
    assert sidecar.calls.empty()


async def test_calls_under_way_fail_when_the_stream_breaks_and_the_next_ones_go_on():
    sidecar = ScriptedSidecar()
    sidecar.replies["StartInstance"] = asyncio.Event()
    async with sidecar.serving():
        client = Client(address=sidecar.address)
        await on_stream(client, sidecar)
        starting = await begun(sidecar, client.start("report"))
    with pytest.raises(errors.SidecarUnavailable, match="does not answer StartInstance"):
        await starting
    with pytest.raises(errors.SidecarUnavailable, match=r"StartInstance \(UNAVAILABLE"):
        await client.start("report")
    async with sidecar.serving():
        async with asyncio.timeout(10):
            while sidecar.call_streams < 2:
                await asyncio.sleep(0.01)
                try:
                    await client.raise_event("i1", "go")
                except errors.SidecarUnavailable:
                    continue
        await client.close()


async def test_a_wait_survives_a_stream_that_ends(sidecar: ScriptedSidecar, client: Client):
    sidecar.replies["WaitForInstanceCompletion"] = asyncio.Event()
    waiting = await begun(sidecar, client.wait("i1"))
    sidecar.replies["WaitForInstanceCompletion"] = client_pb2.GetInstanceResponse(
        exists=True, workflow_state={"workflow_status": 1}
    )
    sidecar.answers.put_nowait(None)
    await asyncio.wait_for(waiting, 10)


async def test_a_start_whose_stream_ends_with_ok_is_not_made_again(sidecar: ScriptedSidecar, client: Client):
    sidecar.replies["StartInstance"] = asyncio.Event()
    starting = await begun(sidecar, client.start("report"))
    sidecar.answers.put_nowait(None)
    with pytest.raises(errors.SidecarUnavailable, match="UNAVAILABLE: the sidecar ended the stream"):
        await starting
    assert len(sidecar.requests) == 1


async def test_a_sidecar_that_leaves_gets_no_more_calls_on_the_stream_and_answers_the_last_ones(
    sidecar: ScriptedSidecar, client: Client
):
    sidecar.replies["StartInstance"] = held = asyncio.Event()
    starting = await begun(sidecar, client.start("report"))
    await sent(sidecar)
    sidecar.answers.put_nowait(client_pb2.CallsReply(leaving=True))
    async with asyncio.timeout(10):
        while client._calls is None or client._calls._stream is None or client._calls._stream.ready:
            await asyncio.sleep(0.01)
    await client.raise_event("i1", "go")
    assert sidecar.calls.empty()
    held.set()
    await asyncio.wait_for(starting, 10)


async def test_a_call_that_was_not_sent_is_made_without_the_stream(sidecar: ScriptedSidecar, client: Client):
    assert client._calls is not None
    stream = client._calls._stream
    assert stream is not None
    raising = asyncio.ensure_future(client.raise_event("i1", "go"))
    asyncio.get_running_loop().call_soon(stream._leave)
    await raising
    assert (sidecar.calls.empty(), len(sidecar.requests)) == (True, 1)


async def test_splits_what_a_small_message_limit_would_refuse(sidecar: ScriptedSidecar, client: Client):
    payload = "x" * (200 * 1024)
    await asyncio.gather(*(client.raise_event("i1", "go", payload) for _ in range(10)))
    sizes = []
    while not sidecar.calls.empty():
        sizes.append((await sent(sidecar)).ByteSize())
    assert len(sizes) == 5
    assert max(sizes) < MIB


async def test_a_large_call_goes_on_its_own(sidecar: ScriptedSidecar, client: Client):
    await client.start("report", "x" * MIB)
    assert (sidecar.calls.empty(), len(sidecar.requests)) == (True, 1)


@pytest.mark.parametrize("streamed", [True, False])
async def test_closing_cancels_who_waits(sidecar: ScriptedSidecar, client: Client, streamed: bool):
    sidecar.replies["StartInstance"] = asyncio.Event()
    asking = client.start("report")
    starting = await begun(sidecar, asking if streamed else unary_only(client, asking))
    await client.close()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert sidecar.calls.empty() is not streamed
    sidecar.replies.clear()
    await client.start("report")


async def test_another_event_loop_is_refused_with_or_without_a_stream(sidecar: ScriptedSidecar, client: Client):
    async with Client(address=sidecar.address) as other:
        await unary_only(other, other.raise_event("i1", "go"))
        said = [await asyncio.to_thread(_refusal, each) for each in (client, other)]
    assert said[0] == said[1]


def _refusal(client: Client) -> str:
    async def ask() -> str:
        with pytest.raises(RuntimeError, match="attached to a different loop") as caught:
            await asyncio.wait_for(client.raise_event("i1", "go"), 5)
        return type(caught.value).__name__

    return asyncio.run(ask())


async def test_ends_a_stream_that_nobody_uses(sidecar: ScriptedSidecar, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_calls, "_IDLE_S", 0.1)
    async with Client(address=sidecar.address) as client:
        await on_stream(client, sidecar)
        sidecar.replies["WaitForInstanceStart"] = held = asyncio.Event()
        waiting = await begun(sidecar, client.wait_started("i1"))
        await asyncio.sleep(0.5)
        assert client._calls is not None
        assert client._calls._stream is not None
        held.set()
        with pytest.raises(errors.InstanceNotFound):
            await waiting
        async with asyncio.timeout(10):
            while client._calls._stream is not None:
                await asyncio.sleep(0.01)
        await on_stream(client, sidecar)
