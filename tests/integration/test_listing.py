"""Instances are found by what clients gave them and by what they wait for, in all apps of a store."""

import asyncio
import json
from datetime import timedelta

import pytest

from antiphon import Client, Status
from tests.integration.clients import Deadline
from tests.integration.programs import Stack

pytestmark = pytest.mark.integration


async def listed(stack: Stack, *words: str) -> list[str]:
    text = await asyncio.to_thread(stack.cli, "workflow", "list", "-o", "json", *words)
    return [each["id"] for each in json.loads(text)]


async def until_listed(stack: Stack, words: list[str], expected: list[str]) -> None:
    deadline = Deadline(30)
    while (found := await listed(stack, *words)) != expected:
        deadline.check(f"{words} lists {found}")


async def test_instances_are_found_by_tags_and_by_what_they_wait_for(any_stack: Stack) -> None:
    any_stack.host.start()
    any_stack.apps["orders"].start()
    any_stack.wait_for_listeners()
    async with Client(address=any_stack.address()) as client:
        await client.start("chain", 0.0, instance_id="chain-1", tags={"region": "eu", "plan": "gold"})
        await client.start("cycle", (0.0, []), instance_id="cycle-1", tags={"region": "eu"})
        await client.start("parent", 0.0, instance_id="parent-1", tags={"region": "us"})
        # Nobody runs these two apps' code yet.
        await until_listed(any_stack, ["--waiting-for-app", "payments"], ["chain-1"])
        await until_listed(any_stack, ["--waiting-for-app", "stock", "--status", "running"], ["cycle-1"])
        assert await listed(any_stack, "--tag", "region=eu", "--tag", "plan=gold") == ["chain-1"]
        for app in ("payments", "stock"):
            any_stack.apps[app].start()
        deadline = Deadline(30)
        while len(any_stack.effects.read_text().splitlines()) < 30:
            deadline.check("thirty calls")
            await asyncio.sleep(0.05)
        any_stack.seen_enough()
        for instance_id in ("chain-1", "cycle-1", "parent-1"):
            state = await client.wait(instance_id, timeout=timedelta(seconds=60), result=list[str])
            assert (state.status, len(state.output or []) > 2) == (Status.COMPLETED, True)
    # Also after it had begun again with an empty history.
    assert await listed(any_stack, "--tag", "region=eu", "--ended-since", "1h") == ["cycle-1", "chain-1"]
    children = await listed(any_stack, "--parent", "parent-1", "--app", "payments", "--all")
    assert children
    assert set(children) & set(await listed(any_stack, "--roots", "--all")) == set()
