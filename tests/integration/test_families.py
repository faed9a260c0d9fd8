"""Controls and purges that reach children in other apps: terminate, suspend, resume, purge, force, by filter."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from antiphon import Client, InstanceNotFinished, Status, workflow
from tests.integration.twins import Machine, machine_with

pytestmark = pytest.mark.integration


@workflow.define
async def leaf(ctx: workflow.Context, name: str) -> str:
    return await ctx.wait_for_event("go", result=str)


@workflow.define
async def middle(ctx: workflow.Context, name: str) -> str:
    return await ctx.call_workflow(leaf, name, app="orders", instance_id=f"{name}-leaf")


@workflow.define
async def root(ctx: workflow.Context, name: str) -> str:
    return await ctx.call_workflow(middle, name, app="packing", instance_id=f"{name}-middle")


@workflow.define
async def leaver(ctx: workflow.Context, name: str) -> str:
    """Ends while its child goes on."""
    child = ctx.call_workflow(leaf, name, app="packing", instance_id=f"{name}-leaf")
    await ctx.wait_for_event("leave")
    del child
    return "left"


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    async with machine_with(tmp_path, workflows=[leaf, middle, root, leaver], activities=[]) as made:
        yield made


async def family(machine: Machine, name: str) -> list[tuple[str, str]]:
    """Start a root whose grandchild waits; return all three, as (instance ID, app)."""
    await machine.client.start(root, name, instance_id=name)
    members = [(name, "orders"), (f"{name}-middle", "packing"), (f"{name}-leaf", "orders")]
    for member, app in members:
        await machine.becomes(member, Status.RUNNING, app)
    return members


async def test_suspend_and_resume_reach_the_whole_family(machine: Machine):
    members = await family(machine, "f")
    await machine.client.suspend("f", recursive=True)
    for member, app in members:
        await machine.becomes(member, Status.SUSPENDED, app)
    await machine.client.resume("f", recursive=True)
    for member, app in members:
        await machine.becomes(member, Status.RUNNING, app)
    await machine.client.raise_event("f-leaf", "go", "done")
    assert await machine.output("f") == "done"


async def test_a_recursive_resume_reaches_children_of_an_instance_that_runs(machine: Machine):
    await family(machine, "f")
    await machine.client.suspend("f-middle", recursive=True, app="packing")
    await machine.becomes("f-leaf", Status.SUSPENDED)
    await machine.client.resume("f", recursive=True)
    await machine.becomes("f-middle", Status.RUNNING, "packing")
    await machine.becomes("f-leaf", Status.RUNNING)


async def test_terminate_reaches_the_whole_family_and_purge_deletes_it(machine: Machine):
    members = await family(machine, "f")
    await machine.client.terminate("f", "over")
    for member, app in members:
        await machine.becomes(member, Status.TERMINATED, app)
    assert await machine.client.purge("f") == 3
    for member, app in members:
        assert await machine.status(member, app) is None


async def test_a_running_instance_is_purged_only_by_force(machine: Machine):
    members = await family(machine, "f")
    with pytest.raises(InstanceNotFinished):
        await machine.client.purge("f")
    assert await machine.client.purge("f", force=True) == 1
    for member, app in members:
        await machine.becomes(member, None, app)


async def test_a_child_that_still_runs_is_purged_when_it_ends(machine: Machine):
    await machine.client.start(leaver, "l", instance_id="l")
    await machine.becomes("l-leaf", Status.RUNNING, "packing")
    await machine.client.raise_event("l", "leave")
    assert await machine.output("l") == "left"
    assert await machine.client.purge("l") == 1
    assert await machine.status("l-leaf", "packing") is Status.RUNNING
    await machine.client.raise_event("l-leaf", "go", "late", app="packing")
    await machine.becomes("l-leaf", None, "packing")


async def test_purges_by_filter_what_has_finished(machine: Machine):
    client: Client = machine.client
    for number in range(4):
        await client.start(leaf, "x", instance_id=f"n{number}")
        await machine.becomes(f"n{number}", Status.RUNNING)
    for number in range(3):
        await client.raise_event(f"n{number}", "go", "x")
        await machine.becomes(f"n{number}", Status.COMPLETED)
    first = await client.get("n2")
    assert first.created_at is not None
    assert await client.purge_many(workflow="nothing") == 0
    assert await client.purge_many(statuses=[Status.FAILED]) == 0
    assert await client.purge_many(created_before=first.created_at, workflow=leaf) == 2
    assert [await machine.status(f"n{number}") for number in range(4)] == [
        None,
        None,
        Status.COMPLETED,
        Status.RUNNING,
    ]
    assert await client.purge_many(created_after=first.created_at) == 1
    assert await client.purge_many(force=True) == 1
    await machine.becomes("n3", None)
