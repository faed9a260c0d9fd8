"""Finished instances go by themselves where retention is set; what runs, and what ended otherwise, stays."""

from datetime import timedelta

import pytest

from antiphon import Client, Status
from tests.integration import clients
from tests.integration.clients import Deadline
from tests.integration.programs import Stack

pytestmark = pytest.mark.integration


async def test_completed_instances_go_and_others_stay(any_stack: Stack) -> None:
    any_stack.host.environment = {**any_stack.host.environment, "ANTIPHON_RETENTION": "completed=1s"}
    any_stack.start()
    deadline = Deadline(60)
    async with Client(address=any_stack.address()) as client:
        for name in ("done", "ended", "runs"):
            await clients.start(client, "hoard", name, instance_id=name, deadline=deadline)
        await client.raise_event("done", "go")
        await client.terminate("ended")
        state = await client.wait("done", timeout=timedelta(seconds=20))
        assert state.status is Status.COMPLETED
        while "done" in (listed := any_stack.cli("workflow", "list", "-o", "json")):
            deadline.check(f"retention leaves {listed}")
        for name, status in (("ended", Status.TERMINATED), ("runs", Status.RUNNING)):
            assert (await client.get(name)).status is status
        # The ID is free for another run.
        assert await client.start("hoard", "again", instance_id="done", unique=True) == "done"
