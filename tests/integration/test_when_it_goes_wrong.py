"""Bad input of every kind: the whole text that it gets, and that an instance beside it goes on all the while.

docs/when-it-goes-wrong.md is the list; each of its sections is provoked here or, where a host of its own has to be
started for it, in test_refusals. Calls between apps have further cases in test_calls.
"""

import ast
import asyncio
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from antiphon import Client, Status, Worker, activity, workflow
from antiphon import errors as sdk_errors
from antiphon_proto import methods
from antiphon_proto.v1 import worker_pb2
from antiphon_sidecar.bootstrap import AppIdInvalid
from antiphon_sidecar.settings import Limits, Settings
from tests.integration.machines import PATIENCE_S, Machine, machine, undisturbed, until
from tests.integration.wrong import PAGE, sections, shows

pytestmark = pytest.mark.integration

LIMITS = Limits(sweep_s=0.1, names_settle_s=0.5, payload_bytes_max=2_000)


@activity.define
async def charge(amount: int) -> str:
    """Return a receipt."""
    return f"receipt over {amount}"


@activity.define(name="refund")
async def refund(amount: int) -> int:
    """Return the amount."""
    return amount


@workflow.define
async def call(ctx: workflow.Context, target: tuple[str, str]) -> Any:
    """Call any activity of any app."""
    app, name = target
    return await ctx.call_activity(name, 42, app=app, result=str)


@workflow.define
async def approve(ctx: workflow.Context) -> Any:
    """Wait for an event."""
    return await ctx.wait_for_event("approval")


def settings(tmp_path: Path, **more: Any) -> Settings:
    return Settings(store=f"sqlite:///{tmp_path}/state.db", unknown_app_grace_s=0.3, limits=LIMITS, **more)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Machine]:
    """Apps "orders" and "payments" with workers, and a bystander that must come to no harm."""
    async with (
        machine(settings(tmp_path)) as made,
        undisturbed(made),
        made.worker("orders", workflows=[call, approve]),
        made.worker("payments", activities=[charge, refund]),
    ):
        yield made


@asynccontextmanager
async def orders(machine: Machine) -> AsyncIterator[Client]:
    async with machine.client("orders") as client:
        yield client


async def failure_of(machine: Machine, app: str, name: str) -> str:
    """Call an activity, which must fail; return what the workflow fails with."""
    async with orders(machine) as client:
        await client.start(call, (app, name), instance_id="order-1")
        state = await client.wait("order-1", timeout=timedelta(seconds=PATIENCE_S))
    assert state.status is Status.FAILED
    assert state.failure is not None
    inner = state.failure.inner or state.failure
    return inner.message


# names


async def test_an_app_that_does_not_exist(shop: Machine):
    shows("An app that does not exist", await failure_of(shop, "paymints", "charge"))


async def test_a_misspelt_activity(shop: Machine):
    shows("A misspelt activity", await failure_of(shop, "payments", "chargee"))


async def test_a_misspelt_workflow(shop: Machine):
    async with orders(shop) as client:
        await client.start("aprove", instance_id="order-1")
        state = await client.wait("order-1", timeout=timedelta(seconds=PATIENCE_S))
    assert state.failure is not None
    shows("A misspelt workflow", state.failure.message)


async def test_two_workers_of_one_app_that_offer_different_names(shop: Machine):
    async with shop.worker("stock", activities=[charge]), shop.worker("stock", activities=[refund]):
        shows("Two workers of one app that offer different names", await failure_of(shop, "stock", "chargee"))
    async with (
        shop.worker("stock", activities=[charge]),
        shop.worker("stock", activities=[refund]),
        orders(shop) as client,
    ):
        await client.start(call, ("stock", "charge"), instance_id="order-2")
        state = await client.wait("order-2", timeout=timedelta(seconds=PATIENCE_S), result=str)
    assert state.output == "receipt over 42"


async def test_an_app_id_that_none_can_have(shop: Machine):
    with pytest.raises(AppIdInvalid) as refusal:
        await shop.host.add_app("my app")
    shows("An app ID that cannot be one", str(refusal.value))


# values


async def test_a_result_that_is_not_json(shop: Machine):
    @activity.define(name="odd")
    async def odd(amount: int) -> Any:
        return object()

    async with shop.worker("stock", activities=[odd]):
        shows("A result that is not JSON", await failure_of(shop, "stock", "odd"))


async def test_a_result_that_is_not_json_from_another_sdk(shop: Machine):
    channel = grpc.aio.insecure_channel(await shop.app("stock"))
    worker = asyncio.create_task(raw_worker(channel, "<html>"), name="raw worker")
    await until(lambda: shop.connected("stock") == 1)
    async with orders(shop) as client:
        await client.start(call, ("stock", "anything"), instance_id="order-1")
        state = await client.wait("order-1", timeout=timedelta(seconds=PATIENCE_S))
    worker.cancel()
    await channel.close(None)
    assert state.failure is not None
    shows("A result that is not JSON", state.failure.message)


async def raw_worker(channel: grpc.aio.Channel, result: str) -> None:
    """Answer every task with this text, as an SDK might that knows no better."""
    items = methods.TASK_HUB["GetWorkItems"]
    done = methods.TASK_HUB["CompleteActivityTask"]
    stream = channel.unary_stream(items.path, items.request.SerializeToString, items.response.FromString)
    complete = channel.unary_unary(done.path, done.request.SerializeToString, done.response.FromString)
    async for item in stream(worker_pb2.GetWorkItemsRequest()):
        task = item.activity_request
        response = worker_pb2.ActivityResponse(
            instance_id=task.workflow_instance.instance_id,
            task_id=task.task_id,
            completion_token=item.completion_token,
        )
        response.result.value = result
        await complete(response)


async def test_an_input_over_the_limit(shop: Machine):
    async with orders(shop) as client:
        with pytest.raises(sdk_errors.PayloadTooLarge) as refusal:
            await client.start(approve, "x" * 3_000, instance_id="order-1")
        with pytest.raises(sdk_errors.InstanceNotFound):
            await client.get("order-1")
    shows("A value over the limit", str(refusal.value))


async def test_an_event_over_the_limit(shop: Machine):
    async with orders(shop) as client:
        await client.start(approve, instance_id="order-1")
        with pytest.raises(sdk_errors.PayloadTooLarge) as refusal:
            await client.raise_event("order-1", "approval", "x" * 3_000)
        await client.raise_event("order-1", "approval", "yes")
        state = await client.wait("order-1", timeout=timedelta(seconds=PATIENCE_S))
    assert (state.status, state.output) == (Status.COMPLETED, "yes")
    shows("A value over the limit", str(refusal.value))


async def test_a_result_over_the_limit(shop: Machine):
    @activity.define(name="large")
    async def large(amount: int) -> str:
        return "x" * 3_000

    async with shop.worker("stock", activities=[large]):
        shows("A value over the limit", await failure_of(shop, "stock", "large"))


# code


async def test_code_that_changed_under_an_instance(tmp_path: Path):
    @workflow.define(name="buy")
    async def old(ctx: workflow.Context) -> None:
        await ctx.call_activity("charge", 42, app="payments")

    @workflow.define(name="buy")
    async def new(ctx: workflow.Context) -> None:
        await ctx.call_activity("refund", 42, app="payments")

    async with machine(settings(tmp_path)) as shop, undisturbed(shop):
        await shop.app("payments")
        async with shop.worker("orders", workflows=[old], grace=timedelta(0)), orders(shop) as client:
            await client.start("buy", instance_id="order-1")
            await until(lambda: waits_for(shop, "orders", "order-1", "activity"))
        async with (
            shop.worker("orders", workflows=[new]),
            shop.worker("payments", activities=[charge, refund]),
            orders(shop) as client,
        ):
            state = await client.wait("order-1", timeout=timedelta(seconds=PATIENCE_S))
    assert state.failure is not None
    shows("Code that changed under a running instance", state.failure.message)


async def waits_for(machine: Machine, app: str, instance_id: str, kind: str) -> bool:
    return any(wait.kind == kind for wait in await machine.why(app, instance_id))


async def test_an_activity_that_never_returns(shop: Machine):
    @activity.define(name="stuck")
    async def stuck(amount: int) -> str:
        await asyncio.Event().wait()
        return ""

    async with shop.worker("stock", activities=[stuck], grace=timedelta(0)), orders(shop) as client:
        await client.start(call, ("stock", "stuck"), instance_id="order-1")
        await until(lambda: running(shop))
        (wait,) = await shop.why("orders", "order-1")
        await client.terminate("order-1")
    shows("An activity that never returns", f"{wait.reason}: {wait.message}")


async def running(machine: Machine) -> bool:
    return any(wait.reason == "ActivityRunning" for wait in await machine.why("orders", "order-1"))


# instances


async def test_an_event_for_an_instance_that_does_not_exist(shop: Machine):
    async with orders(shop) as client:
        with pytest.raises(sdk_errors.InstanceNotFound) as refusal:
            await client.raise_event("order-7", "approval")
    shows("An event for an instance that does not exist, or has finished", str(refusal.value))


async def test_an_event_for_an_instance_that_has_finished(shop: Machine):
    async with orders(shop) as client:
        await client.start(approve, instance_id="order-1")
        await client.raise_event("order-1", "approval", 1)
        await client.wait("order-1", timeout=timedelta(seconds=PATIENCE_S))
        with pytest.raises(sdk_errors.InstanceNotFound) as refusal:
            await client.raise_event("order-1", "approval", 2)
        state = await client.get("order-1")
    assert state is not None
    assert state.output == 1
    shows("An event for an instance that does not exist, or has finished", str(refusal.value))


async def test_a_start_under_an_id_that_is_in_use(shop: Machine):
    async with orders(shop) as client:
        await client.start(approve, instance_id="order-1")
        with pytest.raises(sdk_errors.InstanceAlreadyExists) as refusal:
            await client.start(call, ("payments", "charge"), instance_id="order-1")
        await client.raise_event("order-1", "approval", 1)
        state = await client.wait("order-1", timeout=timedelta(seconds=PATIENCE_S))
    assert (state.name, state.output) == ("approve", 1)
    shows("A start under an ID that is in use", str(refusal.value))


# protocols


async def test_a_wrong_token(tmp_path: Path):
    async with machine(settings(tmp_path, api_token="right")) as shop, undisturbed(shop):
        address = await shop.app("orders")
        async with Client(address=address, api_token="wrong") as client:
            with pytest.raises(sdk_errors.TokenWrong) as refusal:
                await client.start(approve, instance_id="order-1")
        async with Worker(address=address, api_token="wrong", workflows=[approve]), orders(shop) as client:
            await client.start(approve, instance_id="order-1")
            assert shop.connected("orders") == 0
    shows("A wrong token", str(refusal.value))


TEMPORAL = "/temporal.api.workflowservice.v1.WorkflowService/PollWorkflowTaskQueue"


async def test_a_worker_of_another_system(shop: Machine):
    async with grpc.aio.insecure_channel(await shop.app("orders")) as channel:
        poll = channel.unary_unary(TEMPORAL)
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await poll(b"\x0a\x07default")
    assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED
    shows("A worker of another system", refusal.value.details() or "")


async def test_a_stream_of_another_system(shop: Machine):
    async with grpc.aio.insecure_channel(await shop.app("orders")) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            async for _ in channel.unary_stream(TEMPORAL)(b""):
                pass
    shows("A worker of another system", refusal.value.details() or "")


HTTP = b"GET /v1.0/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(HTTP, id="HTTP/1.1"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), id="a TLS hello"),
        pytest.param(bytes(range(256)) * 400, id="noise"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 4_096, id="noise behind a preface of HTTP/2"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_bytes_that_are_not_grpc(shop: Machine, sent: bytes):
    port = int((await shop.app("orders")).rpartition(":")[2])
    before = shop.connected("orders")

    def talk() -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
            try:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                # The sidecar has had enough before all was said.
                return b""
            return answer_of(connection)

    answer = await asyncio.to_thread(talk)
    assert b"Traceback" not in answer
    # Whoever speaks the protocol is served as before.
    assert shop.connected("orders") == before
    async with orders(shop) as client:
        await client.start(call, ("payments", "charge"), instance_id="order-1")
        state = await client.wait("order-1", timeout=timedelta(seconds=PATIENCE_S))
    assert state.output == "receipt over 42"


def answer_of(connection: socket.socket) -> bytes:
    """Read until the other side has had enough."""
    received = b""
    try:
        while part := connection.recv(4_096):
            received += part
    except ConnectionResetError:
        pass
    return received


async def test_a_client_that_wants_tls(shop: Machine):
    port = int((await shop.app("orders")).rpartition(":")[2])

    def talk() -> None:
        context = ssl.create_default_context()
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
            context.wrap_socket(connection, server_hostname="localhost")

    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        await asyncio.to_thread(talk)


# time


async def test_a_clock_that_is_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    @workflow.define
    async def sleeper(ctx: workflow.Context) -> list[float]:
        times = [ctx.now().timestamp()]
        for _ in range(12):
            await ctx.sleep(timedelta(milliseconds=200))
            times.append(ctx.now().timestamp())
        return times

    real, back_ns = time.time_ns, 0
    monkeypatch.setattr(time, "time_ns", lambda: real() - back_ns)
    async with (
        machine(settings(tmp_path)) as shop,
        undisturbed(shop),
        shop.worker("orders", workflows=[sleeper]),
        orders(shop) as client,
    ):
        await client.start(sleeper, instance_id="order-1")
        await asyncio.sleep(0.5)
        back_ns = 3_600_000_000_000
        # Sweeps read the store's clock again and again while it sleeps.
        state = await client.wait("order-1", timeout=timedelta(seconds=PATIENCE_S), result=list[float])
        history = await client.history("order-1")
    assert state.output is not None
    assert state.output == sorted(state.output)
    begun = [entry.timestamp for entry in history if entry.kind == "workflowStarted"]
    assert begun == sorted(begun)


# the page


def test_each_section_of_the_page_is_provoked_by_a_test():
    modules = [Path(__file__), Path(__file__).with_name("test_refusals.py")]
    shown = {
        node.args[0].value
        for module in modules
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "shows"
        and isinstance(node.args[0], ast.Constant)
    }
    assert shown == {title for title, texts in sections().items() if texts and title not in _of_sidecars()}


def test_what_the_page_shows_of_sidecars_is_looked_for_by_a_test():
    asking = Path(__file__).with_name("test_asking_sidecars.py").read_text()
    names = re.findall(r"^(AN\d+|[A-Z]\w+)(?=:| \w+:)", _chapter_of_sidecars(), re.MULTILINE)
    assert len(set(names)) > 5
    assert [name for name in names if name not in asking] == []


def _of_sidecars() -> list[str]:
    """The sections of the page whose texts `bare` cannot compare: they name replicas, addresses and times."""
    return re.findall(r"^### (.+)$", _chapter_of_sidecars(), re.MULTILINE)


def _chapter_of_sidecars() -> str:
    return PAGE.read_text(encoding="utf-8").partition("\n## Sidecars\n")[2].partition("\n## ")[0]
