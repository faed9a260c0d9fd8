"""Running finished instances again, through the SDK: from an event, from the start, under the same ID."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from antiphon import (
    InstanceAlreadyExists,
    InstanceNotFinished,
    InstanceNotFound,
    NonRetriableError,
    RequestInvalid,
    Status,
    activity,
    workflow,
)
from tests.integration.twins import Machine, machine_with

pytestmark = pytest.mark.integration

RAN: list[str] = []


@activity.define
async def work(what: str) -> str:
    RAN.append(what)
    if what.startswith("bad"):
        raise NonRetriableError(f"no {what}")
    return f"{what} done"


@workflow.define
async def steps(ctx: workflow.Context, names: list[str]) -> list[str]:
    return [await ctx.call_activity(work, name, app="packing") for name in names]


@workflow.define
async def parent(ctx: workflow.Context, name: str) -> str:
    first = await ctx.call_activity(work, "first")
    second = await ctx.call_workflow(steps, [name], app="packing")
    return f"{first}, {second[0]}"


@workflow.define
async def waiter(ctx: workflow.Context) -> str:
    return await ctx.wait_for_event("go", result=str)


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    RAN.clear()
    async with machine_with(tmp_path, workflows=[steps, parent, waiter], activities=[work]) as made:
        yield made


async def failed(machine: Machine) -> str:
    instance_id = await machine.client.start(steps, ["a", "bad", "c"], instance_id="s", tags={"team": "x"})
    await machine.becomes("s", Status.FAILED)
    assert RAN == ["a", "bad"]
    RAN.clear()
    return instance_id


async def test_runs_again_from_an_event_with_another_input(machine: Machine):
    source = await failed(machine)
    again = await machine.client.rerun(source, from_event=2, input="good")
    assert await machine.output(again) == ["a done", "good done", "c done"]
    assert RAN == ["good", "c"]
    state = await machine.client.get(again)
    assert (state.parent_instance_id, dict(state.tags)) == ("", {"team": "x"})
    assert sorted(await machine.tagged(team="x")) == sorted({"s", state.instance_id})
    assert await machine.status(source) is Status.FAILED
    entries = await machine.client.history(again)
    marked = [e.event_id for e in entries if "rerun_parent_instance_info" in e.details]
    assert marked == [2]


async def test_a_rerun_can_be_run_again(machine: Machine):
    source = await failed(machine)
    again = await machine.client.rerun(source, from_event=2, input="good", new_id="s2")
    await machine.output(again)
    RAN.clear()
    third = await machine.client.rerun(again, from_event=3, input="d")
    assert await machine.output(third) == ["a done", "good done", "d done"]
    assert RAN == ["d"]


async def test_runs_again_from_the_start(machine: Machine):
    source = await failed(machine)
    again = await machine.client.rerun(source, input=["x"])
    assert await machine.output(again) == ["x done"]


async def test_runs_again_under_the_same_id(machine: Machine):
    source = await failed(machine)
    before = await machine.client.get(source)
    assert await machine.client.rerun(source, from_event=2, input="good", same_id=True) == source
    assert await machine.output(source) == ["a done", "good done", "c done"]
    after = await machine.client.get(source)
    assert before.execution_id != after.execution_id
    assert before.created_at is not None
    assert after.created_at is not None
    assert after.created_at > before.created_at


async def test_a_child_runs_again_as_another_instance_and_the_first_one_stays(machine: Machine):
    await machine.client.start(parent, "bad", instance_id="p")
    await machine.becomes("p", Status.FAILED)
    RAN.clear()
    again = await machine.client.rerun("p", from_event=2, input=["good"], new_id="q")
    assert await machine.output(again) == "first done, good done"
    assert RAN == ["good"]
    assert await machine.status("p:0002", "packing") is Status.FAILED
    assert await machine.status("q:0002", "packing") is Status.COMPLETED


async def test_a_child_of_the_same_id_is_replaced(machine: Machine):
    await machine.client.start(parent, "bad", instance_id="p")
    await machine.becomes("p", Status.FAILED)
    await machine.client.rerun("p", from_event=2, input=["good"], same_id=True)
    assert await machine.output("p") == "first done, good done"
    assert await machine.status("p:0002", "packing") is Status.COMPLETED


async def test_refusals_name_what_is_known(machine: Machine):
    source = await failed(machine)
    with pytest.raises(RequestInvalid) as unknown:
        await machine.client.rerun(source, from_event=9)
    assert unknown.value.code == "AN220"
    has = 'it has no event 9 to go on from; it has: 1 (activity "work"), 2 (activity "work"). Name one of these.'
    assert has in str(unknown.value)
    with pytest.raises(InstanceNotFound):
        await machine.client.rerun("nobody", from_event=1)
    await machine.client.start(waiter, instance_id="w")
    with pytest.raises(InstanceNotFinished):
        await machine.client.rerun("w")
    with pytest.raises(InstanceAlreadyExists):
        await machine.client.rerun(source, from_event=2, new_id="w")
    with pytest.raises(RequestInvalid, match="is the source's own"):
        await machine.client.rerun(source, from_event=2, new_id=source)
    assert await machine.status(source) is Status.FAILED


async def test_another_apps_instance_is_run_again_where_it_ran(machine: Machine):
    await machine.client.start(steps, ["bad"], instance_id="there", app="packing")
    await machine.becomes("there", Status.FAILED, "packing")
    again = await machine.client.rerun("there", from_event=1, input="good", app="packing")
    assert await machine.output(again, app="packing") == ["good done"]
