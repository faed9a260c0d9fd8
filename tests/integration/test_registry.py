"""The table of docs/calls-to-other-apps.md with sidecars that follow an operator, on a real etcd and PostgreSQL.

Each test has a namespace of its own on servers that all share. What the operator would write, the test writes.
"""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import grpc
import pytest

from antiphon import ActivityFailure, ChildWorkflowFailure, InstanceState, Status, activity, workflow
from antiphon.errors import RequestError
from antiphon_names.registry import AppRecord, DeclaredName, EntryRecord
from antiphon_proto import methods
from antiphon_proto.v1 import control_pb2 as ct
from tests import etcd, postgres
from tests.integration.shops import LEASE_S, Shop, shop

pytestmark = pytest.mark.integration

running: list[int] = []
most: list[int] = []


@activity.define
def charge(amount: int) -> str:
    return f"receipt over {amount}"


@activity.define
def refund(amount: int) -> str:
    return f"{amount} paid back"


@activity.define
async def count(amount: int) -> int:
    """Note how many run at once."""
    running.append(amount)
    most.append(len(running))
    await asyncio.sleep(0.05)
    running.remove(amount)
    return amount


@workflow.define
async def settle(ctx: workflow.Context, amount: int) -> str:
    return f"settled {amount}"


@workflow.define
async def call(ctx: workflow.Context, target: str) -> str:
    """Call an activity; the target is `app/name`."""
    app, _, name = target.partition("/")
    try:
        return await ctx.call_activity(name, 1, app=app, result=str)
    except ActivityFailure as failure:
        return f"{failure.code} {failure.non_retriable}: {failure.message}"


@workflow.define
async def child(ctx: workflow.Context, target: str) -> str:
    """Run a child; the target is `app/name`."""
    app, _, name = target.partition("/")
    try:
        return await ctx.call_workflow(name, 1, app=app, result=str)
    except ChildWorkflowFailure as failure:
        return f"{failure.code}: {failure.message}"


@workflow.define
async def many(ctx: workflow.Context, calls: int) -> int:
    done = await ctx.gather(*[ctx.call_activity("count", each, app="payments", result=int) for each in range(calls)])
    return len(done)


@workflow.define
async def rounds(ctx: workflow.Context, left: int) -> str:
    await ctx.wait_for_event("next")
    if left:
        ctx.continue_as_new(left - 1)
    return "done"


@pytest.fixture(scope="module")
def cluster() -> Iterator[etcd.Etcd]:
    with etcd.started(arguments=("--heartbeat-interval=50", "--election-timeout=500")) as made:
        yield made


@pytest.fixture
async def place(cluster: etcd.Etcd, postgres_server: postgres.Server) -> AsyncIterator[Shop]:
    async with shop(cluster, postgres_server.url) as made:
        yield made


async def with_orders(place: Shop, **over: object) -> None:
    await place.open("orders", workflows=[call, child, many, rounds, settle], activities=[charge], **over)


async def with_payments(place: Shop, **over: object) -> AsyncExitStack:
    return await place.open("payments", workflows=[settle], activities=[charge, count], **over)


def output(state: InstanceState) -> object:
    assert state.status is Status.COMPLETED, state
    return state.output


# Apps and names that nobody has seen


async def test_an_unknown_app_waits_until_the_registry_is_synced_and_fails_then(place: Shop) -> None:
    await with_orders(place)
    async with place.client() as client:
        activity_id, child_id = await client.start("call", "paymints/charge"), await client.start("child", "paymints/x")
        waits = await place.waits(activity_id, "RegistryNotSynced")
        assert "AN109 RegistryNotSynced" in waits.message
        await place.waits(child_id, "RegistryNotSynced")
        place.says(payments=AppRecord())
        place.synced()
        first, second = await client.wait(activity_id), await client.wait(child_id)
    assert str(output(first)).startswith("AN103 False")
    assert 'Did you mean "payments"?' in str(first.output)
    assert str(output(second)).startswith("AN103:")


async def test_a_registered_app_is_waited_for_until_it_comes(place: Shop) -> None:
    place.says(payments=AppRecord())
    place.synced()
    await with_orders(place)
    async with place.client() as client:
        instance_id, child_id = (
            await client.start("call", "payments/charge"),
            await client.start("child", "payments/settle"),
        )
        await place.waits(instance_id, "TargetAppUnavailable")
        await place.waits(child_id, "TargetAppUnavailable")
        await with_payments(place)
        assert output(await client.wait(instance_id)) == "receipt over 1"
        assert output(await client.wait(child_id)) == "settled 1"


async def test_what_is_declared_is_waited_for_and_what_is_not_fails(place: Shop) -> None:
    declared = AppRecord(declared=True, activities=(DeclaredName("refund"),), workflows=(DeclaredName("ship"),))
    place.says(payments=declared)
    place.synced()
    await with_orders(place)
    older = await with_payments(place)
    async with place.client() as client:
        waiting = [await client.start("call", "payments/refund"), await client.start("child", "payments/ship")]
        # They fail once the names have settled, which is when the others would have failed too.
        assert str(output(await place.run("call", "payments/chargee"))).startswith("AN101 False")
        assert str(output(await place.run("child", "payments/setle"))).startswith("AN102:")
        for instance_id in waiting:
            assert (await client.get(instance_id)).status is Status.RUNNING
        text = (await place.waits(waiting[0], "ActivityNotRegistered")).message
        assert "the AppRegistration of payments declares it" in text

        @workflow.define(name="ship")
        async def ship(ctx: workflow.Context, amount: int) -> str:
            return f"shipped {amount}"

        await place.open("payments", workflows=[settle, ship], activities=[charge, refund])
        await older.aclose()
        assert output(await client.wait(waiting[0])) == "1 paid back"
        assert output(await client.wait(waiting[1])) == "shipped 1"


# Policies


async def test_calls_that_are_not_allowed_are_refused_at_once_and_for_good(place: Shop) -> None:
    place.says(payments=AppRecord(allow_from=("shipping",)))
    place.synced()
    await with_orders(place)
    await with_payments(place)
    denied, refused = await place.run("call", "payments/charge"), await place.run("child", "payments/settle")
    assert str(output(denied)).startswith("AN107 True: AN107 CallDenied")
    assert "takes calls only from: shipping" in str(denied.output)
    assert str(output(refused)).startswith("AN107:")
    assert output(await place.run("child", "orders/settle")) == "settled 1"
    place.says(payments=AppRecord(allow_from=("shipping", "orders")))
    await place.heard("orders", lambda each: "orders" in (each.view().apps["payments"].allow_from or ()))
    assert output(await place.run("call", "payments/charge")) == "receipt over 1"


async def test_limits_of_the_operator_win_over_the_settings(place: Shop) -> None:
    place.says(payments=AppRecord(activity_limits={"count": 2}))
    place.synced()
    await with_orders(place)
    await with_payments(place)
    most.clear()
    assert output(await place.run("many", 12)) == 12
    assert max(most) == 2
    place.says(payments=AppRecord(activity_limits={"count": 1}))
    await place.heard("payments", lambda each: each.view().apps["payments"].activity_limits == {"count": 1})
    most.clear()
    assert output(await place.run("many", 6)) == 6
    assert max(most) == 1


# Workflows that take no new instances


async def test_new_instances_are_refused_and_running_ones_go_on(place: Shop) -> None:
    place.synced()
    await with_orders(place)
    closed = {
        name: EntryRecord(admit=False, reason="Suspended", message="by a person") for name in ("rounds", "settle")
    }
    async with place.client() as client:
        running_id = await client.start("rounds", 1, instance_id="running")
        finished = await place.run("settle", 1)
        place.says(orders=AppRecord(entries=closed))
        await place.heard("orders", lambda each: "orders" in each.view().apps)
        with pytest.raises(RequestError, match=r"AN411 StartNotAdmitted.*\(Suspended: by a person\)"):
            await client.start("rounds", 1)
        with pytest.raises(RequestError, match="already exists"):
            await client.start("rounds", 1, instance_id="running", unique=True)
        assert str(output(await place.run("child", "orders/settle"))).startswith("AN411: AN411 StartNotAdmitted")
        again = await client.rerun(finished.instance_id)
        assert output(await client.wait(again)) == "settled 1"
        for _ in range(2):
            await client.raise_event(running_id, "next")
        assert output(await client.wait(running_id)) == "done"


async def test_a_refused_start_has_the_status_that_clients_know(place: Shop) -> None:
    place.says(orders=AppRecord(entries={"settle": EntryRecord(admit=False, reason="Suspended")}))
    place.synced()
    await with_orders(place)
    async with place.client() as client:
        with pytest.raises(RequestError) as caught:
            await client.start("settle", 1)
    cause = caught.value.__cause__
    assert isinstance(cause, grpc.aio.AioRpcError)
    assert cause.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_finished_runs_go_after_the_retention_of_their_workflow(place: Shop) -> None:
    place.says(orders=AppRecord(entries={"settle": EntryRecord(retention={"completed": 1})}))
    place.synced()
    await with_orders(place)
    gone, kept = await place.run("settle", 1), await place.run("child", "orders/nothing")
    replica = place.sidecars["orders"].replicas()[0]
    store = place.sidecars["orders"].store
    while await store.get_instance(app="orders", instance_id=gone.instance_id) is not None:
        await asyncio.sleep(0.1)
        await replica.retention.once()
    assert await store.get_instance(app="orders", instance_id=kept.instance_id) is not None


# Stores


def _database(server: postgres.Server, name: str, *, template: str | None = None) -> str:
    """Make a database and return its URL; a copy of another one when that is named."""
    command = [str(server.programs / "createdb"), "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", name]
    subprocess.run([*command, *(["-T", template] if template else [])], check=True)
    url = urlsplit(server.url)
    return url._replace(path=f"/{name}").geturl()


async def test_an_app_on_another_database_is_refused(place: Shop, postgres_server: postgres.Server) -> None:
    place.synced()
    await with_orders(place)
    await with_payments(place, store=_database(postgres_server, f"other_{place.namespace[5:]}"))
    await place.heard("orders", lambda each: bool(each.view().of_app("payments")))
    state = await place.run("call", "payments/charge")
    assert str(output(state)).startswith("AN106 True: AN106 StateStoreMismatch")
    assert str(output(await place.run("child", "payments/settle"))).startswith("AN106:")
    async with place.client() as client:
        with pytest.raises(RequestError, match="AN106 StateStoreMismatch"):
            await client.start("settle", 1, app="payments")


async def test_one_database_under_two_addresses_is_one_store(place: Shop, postgres_server: postgres.Server) -> None:
    place.synced()
    await with_orders(place)
    url = urlsplit(postgres_server.url)
    other = url._replace(netloc=url.netloc.replace("127.0.0.1", "localhost"), query="application_name=other").geturl()
    assert other != place.url
    await with_payments(place, store=other)
    orders = place.sidecars["orders"].replicas()[0]
    # Longer than a copy would go unnoticed.
    end = time.monotonic() + 3 * LEASE_S
    while time.monotonic() < end:
        assert output(await place.run("call", "payments/charge")) == "receipt over 1"
        await asyncio.sleep(0.2)
    assert orders.presence.apart.stands_apart() == []
    assert output(await place.run("child", "payments/settle")) == "settled 1"


async def test_a_copied_database_is_another_store(place: Shop, postgres_server: postgres.Server) -> None:
    place.synced()
    original, copy = f"original_{place.namespace[5:]}", f"copy_{place.namespace[5:]}"
    place.url = _database(postgres_server, original)
    # The identity is made with the first sidecar, and copied with everything else.
    await (await place.open("orders")).aclose()
    copied = _database(postgres_server, copy, template=original)
    await with_orders(place)
    await with_payments(place, store=copied)
    orders, payments = place.sidecars["orders"], place.sidecars["payments"]
    assert orders.store.identity == payments.store.identity
    await place.heard("orders", lambda each: bool(each.replicas()[0].presence.apart.stands_apart()))
    found = [r.replica for r in orders.view().of_app("payments")]
    assert orders.replicas()[0].presence.apart.stands_apart() == found
    state = await place.run("call", "payments/charge")
    assert str(output(state)).startswith("AN106 True: AN106 StateStoreMismatch")
    assert str(output(await place.run("child", "payments/settle"))).startswith("AN106:")
    await place.heard("orders", lambda each: any(r.apart for r in each.view().replicas.values()))


async def test_a_child_that_waits_for_an_app_fails_when_that_comes_on_another_store(
    place: Shop, postgres_server: postgres.Server
) -> None:
    place.says(payments=AppRecord())
    place.synced()
    await with_orders(place)
    async with place.client() as client:
        instance_id = await client.start("child", "payments/settle")
        await place.waits(instance_id, "TargetAppUnavailable")
        await with_payments(place, store=_database(postgres_server, f"late_{place.namespace[5:]}"))
        assert str(output(await client.wait(instance_id))).startswith("AN106:")


# etcd's data gone


async def test_the_copy_in_the_store_holds_when_etcd_was_emptied(
    postgres_server: postgres.Server,
) -> None:
    with etcd.started(arguments=("--heartbeat-interval=50", "--election-timeout=500")) as cluster:
        async with shop(cluster, postgres_server.url) as place:
            place.says(payments=AppRecord(allow_from=()), stock=AppRecord())
            place.synced()
            first = await place.open("orders", workflows=[call, child], activities=[charge])

            async def copied() -> bool:
                return "synced" in await place.sidecars["orders"].store.registry_copy()

            async with asyncio.timeout(30):
                while not await copied():
                    await asyncio.sleep(0.05)
            await asyncio.to_thread(cluster.empty)
            await place.heard("orders", lambda each: each.view().synced is None and bool(each.view().replicas))
            await _holds(place)
            await first.aclose()
            # A sidecar that has never seen what etcd said.
            await with_orders(place)
            await _holds(place)


async def _holds(place: Shop) -> None:
    assert str(output(await place.run("call", "payments/charge"))).startswith("AN107")
    assert str(output(await place.run("call", "nobody/charge"))).startswith("AN103")
    async with place.client() as client:
        instance_id = await client.start("call", "stock/charge")
        await place.waits(instance_id, "TargetAppUnavailable")
        await client.terminate(instance_id)


# The control API


async def test_the_control_api_counts_and_describes_the_store(place: Shop) -> None:
    place.says(payments=AppRecord())
    place.synced()
    await with_orders(place)
    async with place.client() as client:
        for _ in range(3):
            await place.waits(await client.start("call", "payments/charge"), "TargetAppUnavailable")
        await client.suspend(await client.start("rounds", 0))
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{place.sidecars['orders'].peer_port}")
        async with channel:
            counts = await _ask(channel, "Counts", ct.CountsRequest(app_ids=["orders", "payments"]))
            named = await _ask(channel, "Counts", ct.CountsRequest(app_ids=["orders"], names=["rounds"]))
            status = await _ask(channel, "StoreStatus", ct.StoreStatusRequest())
    found = {each.name: (each.running, each.suspended) for each in counts.counts}
    assert found == {"call": (3, 0), "rounds": (0, 1)}
    assert [each.name for each in named.counts] == ["rounds"]
    assert {each.app_id: (each.queued, each.running) for each in counts.backlogs} == {
        "orders": (0, 0),
        "payments": (3, 0),
    }
    assert (status.backend, status.error) == ("postgresql", "")
    assert status.identity == place.sidecars["orders"].store.identity
    assert status.schema_version == status.newest_schema_version > 0


async def _ask(channel: grpc.aio.Channel, name: str, request: object) -> object:
    method = methods.CONTROL[name]
    call = channel.unary_unary(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )
    return await call(request, timeout=10)
