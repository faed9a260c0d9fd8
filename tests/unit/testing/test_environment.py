"""The environment: apps that call each other, on the real engine, with time that is skipped."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from antiphon import ActivityFailure, InstanceNotFound, RetryPolicy, Status, activity, testing, workflow
from antiphon_sidecar.stores.spent import REMEMBERED_NS


@activity.define
async def pack(item: str) -> str:
    return f"packed {item}"


@activity.define
def charge(amount: int) -> str:
    return f"receipt over {amount}"


@activity.define
async def fail(amount: int) -> None:
    raise ValueError(f"{amount} is too much")


@workflow.define
async def refund(ctx: workflow.Context, amount: int) -> str:
    await ctx.sleep(timedelta(days=30))
    return f"refunded {amount}"


@workflow.define
async def buy(ctx: workflow.Context, item: str) -> list[str]:
    packed = await ctx.call_activity(pack, item)
    paid = await ctx.call_activity("charge", 5, app="payments", result=str)
    back = await ctx.call_workflow("refund", 5, app="payments", result=str)
    return [packed, paid, back, ctx.now().isoformat()]


@workflow.define
async def approval(ctx: workflow.Context) -> str:
    try:
        return await ctx.wait_for_event("approval", result=str, timeout=timedelta(hours=4))
    except TimeoutError:
        return "nobody answered"


@workflow.define
async def race(ctx: workflow.Context) -> str:
    work = ctx.call_activity(slow)
    limit = ctx.sleep(timedelta(seconds=1))
    return "work" if await ctx.wait_first(work, limit) is work else "limit"


@workflow.define
async def waits_for_ever(ctx: workflow.Context) -> None:
    await ctx.wait_for_event("approval")


@workflow.define
async def retries(ctx: workflow.Context) -> str:
    policy = RetryPolicy(max_attempts=5, first_interval=timedelta(hours=1))
    try:
        await ctx.call_activity(fail, 7, retry=policy)
    except ActivityFailure as failure:
        return f"{failure.error_type}: {failure.message} after {ctx.now():%d %H:%M}"
    raise AssertionError


@workflow.define
async def naps(ctx: workflow.Context, first: float) -> None:
    await ctx.sleep(timedelta(seconds=first))
    for _ in range(30):
        await ctx.sleep(timedelta(seconds=0.05))


@workflow.define
async def call_nobody(ctx: workflow.Context, target: tuple[str, str]) -> str:
    try:
        await ctx.call_activity(target[0], app=target[1])
    except ActivityFailure as failure:
        return failure.code
    raise AssertionError


@activity.define
async def slow() -> None:
    await asyncio.sleep(0.2)


@pytest_asyncio.fixture
async def env() -> AsyncIterator[testing.Environment]:
    async with testing.Environment(patience=timedelta(seconds=1)) as running:
        yield running


WORKFLOWS = [buy, approval, race, waits_for_ever, retries, call_nobody, naps]


async def orders(env: testing.Environment) -> testing.App:
    return await env.app("orders", workflows=WORKFLOWS, activities=[pack, fail, slow])


async def test_a_workflow_spans_apps_and_a_month_passes_at_once(env: testing.Environment):
    app = await orders(env)
    await env.app("payments", workflows=[refund], activities=[charge])
    begun = time.monotonic()
    instance_id = await app.client.start(buy, "tea")
    state = await app.client.wait(instance_id, result=list[str])
    assert state.output == ["packed tea", "receipt over 5", "refunded 5", "2030-01-31T00:00:00+00:00"]
    assert time.monotonic() - begun < 5


async def test_the_clock_is_the_same_in_every_run():
    ends = []
    for _ in range(2):
        async with testing.Environment(start=datetime(2024, 2, 28, 12, tzinfo=UTC)) as env:
            app = await orders(env)
            state = await app.client.wait(await app.client.start(retries), result=str)
            ends.append((state.output, state.completed_at, env.now()))
    assert ends[0] == ends[1]
    assert ends[0][0] == "ValueError: 7 is too much after 28 16:00"


async def test_time_stands_still_until_the_test_waits(env: testing.Environment):
    app = await orders(env)
    instance_id = await app.client.start(approval)
    await asyncio.sleep(0.1)
    await app.client.raise_event(instance_id, "approval", "yes")
    assert (await app.client.wait(instance_id, result=str)).output == "yes"
    assert env.now() == datetime(2030, 1, 1, tzinfo=UTC)


async def test_a_limit_passes_when_nobody_answers(env: testing.Environment):
    app = await orders(env)
    state = await app.client.wait(await app.client.start(approval), result=str)
    assert state.output == "nobody answered"
    assert env.now() == datetime(2030, 1, 1, 4, tzinfo=UTC)


async def test_an_activity_that_runs_wins_against_a_timer(env: testing.Environment):
    app = await orders(env)
    for _ in range(3):
        state = await app.client.wait(await app.client.start(race), result=str)
        assert state.output == "work"


async def test_time_is_skipped_by_hand_up_to_a_moment(env: testing.Environment):
    app = await orders(env)
    instance_id = await app.client.start(approval)
    await env.skip(timedelta(hours=3, minutes=59))
    assert (await app.client.get(instance_id)).status is Status.RUNNING
    await env.skip(timedelta(minutes=1))
    assert (await app.client.get(instance_id)).output == "nobody answered"
    assert env.now() == datetime(2030, 1, 1, 4, tzinfo=UTC)


async def test_skipping_passes_by_an_activity_under_way(env: testing.Environment):
    app = await orders(env)
    instance_id = await app.client.start(race)
    await env.skip(timedelta(seconds=1), settle=False)
    assert (await app.client.wait(instance_id, result=str)).output == "limit"


async def test_many_timers_fire_in_order(env: testing.Environment):
    seen: list[str] = []

    @activity.define
    async def note(name: str) -> None:
        seen.append(name)

    @workflow.define
    async def alarm(ctx: workflow.Context, days: int) -> None:
        await ctx.sleep(timedelta(days=days))
        await ctx.call_activity(note, f"{days}")

    app = await env.app("alarms", workflows=[alarm], activities=[note])
    started = [await app.client.start(alarm, days) for days in (3, 1, 400, 2)]
    await env.skip(timedelta(days=401))
    assert seen == ["1", "2", "3", "400"]
    assert all([(await app.client.get(each)).status is Status.COMPLETED for each in started])


async def test_a_start_for_later_begins_at_its_time(env: testing.Environment):
    app = await orders(env)
    at = datetime(2031, 5, 6, tzinfo=UTC)
    state = await app.client.wait(await app.client.start(approval, start_at=at), result=str)
    assert state.output == "nobody answered"
    assert env.now() == at + timedelta(hours=4)


async def test_what_is_remembered_of_a_purged_instance_does_not_hold_time_up(env: testing.Environment):
    app = await orders(env)
    await app.client.wait(await app.client.start(naps, 0.1, instance_id="gone"))
    await app.client.purge("gone")
    # In small steps through the moment at which it is forgotten.
    await app.client.wait(await app.client.start(naps, REMEMBERED_NS / 1e9 - 2.5))
    assert env.now() > datetime(2030, 1, 1, 0, 2, tzinfo=UTC)


async def test_waiting_for_what_never_comes_fails_and_says_why(env: testing.Environment):
    app = await orders(env)
    instance_id = await app.client.start(waits_for_ever, instance_id="stuck")
    with pytest.raises(testing.EverythingWaits, match=r'"stuck" .orders, workflow waits_.*: event "approval" has not'):
        await app.client.wait(instance_id)


async def test_a_suspended_instance_does_not_make_time_run_on(env: testing.Environment):
    app = await orders(env)
    instance_id = await app.client.start(approval)
    await app.client.suspend(instance_id)
    with pytest.raises(testing.EverythingWaits, match="suspended"):
        await app.client.wait(instance_id)
    assert env.now() <= datetime(2030, 1, 1, 5, tzinfo=UTC)
    await app.client.resume(instance_id)
    assert (await app.client.wait(instance_id, result=str)).output == "nobody answered"


@pytest.mark.parametrize(("target", "code"), [(("charge", "nowhere"), "AN103"), (("chargeBack", "payments"), "AN101")])
async def test_a_call_to_nobody_fails_at_once(env: testing.Environment, target: tuple[str, str], code: str):
    app = await orders(env)
    await env.app("payments", activities=[charge])
    state = await app.client.wait(await app.client.start(call_nobody, target), result=str)
    assert (state.status, state.output) == (Status.COMPLETED, code)


async def test_an_app_without_worker_is_waited_for(env: testing.Environment):
    app = await orders(env)
    await env.app("payments")
    instance_id = await app.client.start(call_nobody, ("charge", "payments"))
    with pytest.raises(testing.EverythingWaits, match="has no worker connected"):
        await app.client.wait(instance_id)
    await env.app("payments", activities=[charge])
    state = await app.client.wait(instance_id)
    assert state.status is Status.FAILED  # no input, where one is needed


async def test_a_child_in_an_app_without_worker_is_waited_for(env: testing.Environment):
    @workflow.define
    async def calls(ctx: workflow.Context) -> str:
        return await ctx.call_workflow("refund", 3, app="payments", result=str)

    app = await env.app("orders", workflows=[calls])
    await env.app("payments")
    instance_id = await app.client.start(calls)
    with pytest.raises(testing.EverythingWaits, match="payments is known, but has no worker connected"):
        await app.client.wait(instance_id)
    await env.app("payments", workflows=[refund])
    assert (await app.client.wait(instance_id)).output == "refunded 3"


async def test_an_unknown_app_fails_a_child_at_once(env: testing.Environment):
    @workflow.define
    async def calls(ctx: workflow.Context) -> str:
        return await ctx.call_workflow("refund", 3, app="nowhere", result=str)

    app = await env.app("orders", workflows=[calls])
    state = await app.client.wait(await app.client.start(calls))
    assert state.failure is not None
    assert state.failure.find("TargetAppNotFound") is not None


async def test_environments_share_nothing(env: testing.Environment):
    app = await orders(env)
    instance_id = await app.client.start(approval)
    async with testing.Environment() as other:
        second = await orders(other)
        with pytest.raises(InstanceNotFound):
            await second.client.get(instance_id)


async def test_an_environment_that_does_not_run_says_so():
    with pytest.raises(RuntimeError, match="async with"):
        await testing.Environment().app("orders")


async def test_without_the_sidecars_packages_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "antiphon_sidecar.memory_host", None)
    with pytest.raises(ImportError, match=r"pip install 'antiphon\[testing\]'"):
        await testing.Environment().__aenter__()
