"""A client that waits at a replica which does not own its instances is told of their end, whoever owns them by then.

Nobody reads the store for it meanwhile but every ten seconds: what is told sooner was told by a peer.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from antiphon import Client, InstanceState, Status
from tests.integration.faults import mended
from tests.integration.fleets import LEASE_S, Fleet, fleet

pytestmark = pytest.mark.integration

INSTANCES = 24
#: Long enough for every wait to be promised an answer, and for the fault to be over.
WORK_S = 4.0
#: Far below the ten seconds after which the store is read, and generous for a busy machine.
TOLD_S = 4.0
_PATIENCE = timedelta(seconds=60)


async def _waits(made: Fleet, fault: Callable[[], Awaitable[None]]) -> list[tuple[InstanceState, float]]:
    """Start instances at the last replica and wait for them there; return each with how late it was told."""
    async with Client(address=made.address()) as client:
        ids = [f"waits-{number}" for number in range(INSTANCES)]
        await asyncio.gather(*(client.start("alone", WORK_S, instance_id=each) for each in ids))

        async def wait(instance_id: str) -> tuple[InstanceState, float]:
            state = await client.wait(instance_id, timeout=_PATIENCE)
            assert state.completed_at is not None
            return state, time.time_ns() / 1e9 - state.completed_at.timestamp()

        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(wait(each)) for each in ids]
            await asyncio.sleep(1.0)
            await fault()
        return [task.result() for task in waiting]


async def test_is_told_by_the_next_owner_when_the_first_is_killed(tmp_path: Path) -> None:
    with fleet(tmp_path, apps=("orders",)) as made:
        made.start()

        async def kill() -> None:
            await asyncio.to_thread(made.pods["orders"][0].sidecar.kill)

        told = await _waits(made, kill)
    assert {state.status for state, _ in told} == {Status.COMPLETED}
    assert max(late for _, late in told) < TOLD_S + LEASE_S


async def test_is_told_by_the_next_owner_when_the_first_leaves(tmp_path: Path) -> None:
    with fleet(tmp_path, apps=("orders",)) as made:
        made.start()

        async def leave() -> None:
            assert await asyncio.to_thread(made.pods["orders"][0].sidecar.terminate, within_s=20.0) == 0

        told = await _waits(made, leave)
    assert {state.status for state, _ in told} == {Status.COMPLETED}
    assert max(late for _, late in told) < TOLD_S


async def test_is_told_when_what_the_owner_had_said_was_lost_on_a_cut_link(tmp_path: Path) -> None:
    with fleet(tmp_path, apps=("orders",)) as made:
        made.start()
        mine = made.pods["orders"][-1]

        async def cut() -> None:
            with mended(mine.to_peers):
                mine.to_peers.cut()
                await asyncio.sleep(WORK_S + 1.0)

        begun = time.monotonic()
        told = await _waits(made, cut)
        took_s = time.monotonic() - begun
    assert {state.status for state, _ in told} == {Status.COMPLETED}
    assert took_s < WORK_S + 2.0 + TOLD_S, f"heard of all after {took_s:.1f} s"
