"""Detached and scheduled workflows, tags and trace contexts over two apps: the SDK on both sides."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from antiphon import InstanceNotFound, Status, TraceContext, activity, workflow
from tests.integration.twins import Machine, machine_with

pytestmark = pytest.mark.integration

TRACE = TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1")
PLAN = {"plan": "audit"}
FAR = timedelta(days=365 * 300)


@activity.define
async def where() -> list[str]:
    trace = activity.info().trace_context
    return [] if trace is None else [trace.traceparent, trace.tracestate]


@workflow.define
async def audit(ctx: workflow.Context, order: str) -> list[str]:
    return [order, ctx.app_id]


@workflow.define
async def forgetful(ctx: workflow.Context, order: str) -> str:
    return ctx.start_workflow(audit, order, app="packing", tags={"order": order})


@workflow.define
async def planner(ctx: workflow.Context, seconds: float) -> str:
    at = ctx.now() + timedelta(seconds=seconds)
    return ctx.start_workflow(audit, "later", app="packing", instance_id="planned", scheduled_at=at, tags=PLAN)


@workflow.define
async def waiter(ctx: workflow.Context) -> str:
    return await ctx.wait_for_event("go", result=str)


@workflow.define
async def collider(ctx: workflow.Context) -> str:
    return ctx.start_workflow(audit, "x", instance_id="taken")


@workflow.define
async def tagged(ctx: workflow.Context, rounds: int) -> int:
    ctx.set_tags({"round": str(rounds)})
    if rounds:
        ctx.continue_as_new(rounds - 1)
    return rounds


@workflow.define
async def traced(ctx: workflow.Context, depth: int) -> list[list[str]]:
    own = [] if ctx.trace_context is None else [ctx.trace_context.traceparent, ctx.trace_context.tracestate]
    found = [own, await ctx.call_activity(where, app="packing")]
    if depth:
        found += await ctx.call_workflow(traced, depth - 1, app="packing")
    return found


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    workflows = [audit, forgetful, planner, waiter, collider, tagged, traced]
    async with machine_with(tmp_path, workflows=workflows, activities=[where]) as made:
        yield made


async def test_a_detached_workflow_runs_in_its_app_without_a_parent(machine: Machine):
    detached = await machine.output(await machine.client.start(forgetful, "7"))
    assert await machine.output(detached, app="packing") == ["7", "packing"]
    state = await machine.client.get(detached, app="packing")
    assert (state.parent_instance_id, dict(state.tags)) == ("", {"order": "7"})
    assert await machine.tagged(order="7") == [detached]


async def test_one_for_later_is_pending_says_why_and_can_be_terminated(machine: Machine):
    await machine.output(await machine.client.start(planner, 3600))
    await machine.becomes("planned", Status.PENDING, "packing")
    (wait,) = await machine.waits("planned", "packing")
    assert wait.reason == "ScheduledStart"
    assert wait.message.startswith('workflow "audit" starts at 2')
    await machine.client.terminate("planned", app="packing")
    assert await machine.status("planned", "packing") is Status.TERMINATED
    assert await machine.client.purge("planned", app="packing") == 1


async def test_one_for_soon_begins_at_its_time(machine: Machine):
    await machine.output(await machine.client.start(planner, 0.5))
    assert await machine.output("planned", app="packing") == ["later", "packing"]
    state = await machine.client.get("planned", app="packing")
    assert state.started_at is not None
    assert state.created_at is not None
    assert state.started_at - state.created_at > timedelta(seconds=0.3)


async def test_a_start_whose_id_is_active_has_no_effect(machine: Machine):
    await machine.client.start(waiter, instance_id="taken")
    assert await machine.output(await machine.client.start(collider)) == "taken"
    await machine.client.raise_event("taken", "go", "mine")
    assert await machine.output("taken") == "mine"


async def test_a_scheduled_start_is_seen_and_can_be_purged_by_force(machine: Machine):
    await machine.client.start(audit, "x", instance_id="far", start_at=datetime.now(UTC) + FAR)  # noqa: TID251
    (wait,) = await machine.waits("far")
    assert (await machine.status("far"), wait.reason) == (Status.PENDING, "ScheduledStart")
    assert await machine.client.purge("far", force=True) == 1
    with pytest.raises(InstanceNotFound):
        await machine.client.get("far")


@pytest.mark.parametrize("at", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2001, 1, 1, tzinfo=UTC)])
async def test_a_start_in_the_past_is_now(machine: Machine, at: datetime):
    assert await machine.output(await machine.client.start(audit, "x", start_at=at)) == ["x", "orders"]


async def test_tags_of_the_start_and_of_the_code_are_kept_over_generations(machine: Machine):
    instance_id = await machine.client.start(tagged, 2, tags={"team": "a", "round": "none"})
    await machine.output(instance_id)
    assert dict((await machine.client.get(instance_id)).tags) == {"team": "a", "round": "0"}
    assert await machine.tagged(team="a", round="0") == [instance_id]
    assert await machine.tagged(round="none") == []


async def test_one_for_later_is_found_by_its_tags_before_it_begins(machine: Machine):
    await machine.output(await machine.client.start(planner, 3600))
    await machine.becomes("planned", Status.PENDING, "packing")
    assert await machine.tagged(plan="audit") == ["planned"]


async def test_a_trace_context_goes_through_activities_and_children_of_all_apps(machine: Machine):
    found = await machine.output(await machine.client.start(traced, 1, trace_context=TRACE))
    parents = [parent for parent, _ in found]
    assert parents[0] == TRACE.traceparent
    assert {state for _, state in found} == {"vendor=1"}
    assert {parent.split("-")[1] for parent in parents} == {"0af7651916cd43dd8448eb211c80319c"}
    assert len(set(parents)) == len(parents) == 4


async def test_without_a_trace_context_there_is_none(machine: Machine):
    assert await machine.output(await machine.client.start(traced, 0)) == [[], []]
