"""A store on one machine goes from process to process: whoever holds it dies, and those that joined go on.

What every campaign checks is checked here too: nothing is lost, and nothing whose result was acknowledged runs twice.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.integration.campaigns import Campaign, Plan
from tests.integration.households import Household, household
from tests.integration.ledgers import Ledger
from tests.integration.programs import Store

pytestmark = pytest.mark.integration

#: Until instances of every kind are in the middle of their work.
_WORK_S = 1.0
_STOP_S = 20.0


def _plan(*, instances: int = 24, finish_s: float = 60) -> Plan:
    return Plan(seed=7, instances=instances, pause_s=(0.1, 0.2), work_s=0.2, finish_s=finish_s)


async def _campaign(made: Household, disturb: Callable[[], Awaitable[None]]) -> None:
    await Campaign(made, _plan(), disturb=disturb).run()


async def _kill_holder(made: Household) -> None:
    await asyncio.sleep(_WORK_S)
    holder = await asyncio.to_thread(made.holder)
    await asyncio.to_thread(holder.kill)
    print(f"{holder.name} killed; {(await asyncio.to_thread(made.holder)).name} holds the store")
    await asyncio.sleep(_WORK_S)


def _check_workers(made: Household) -> None:
    """No worker's stream ended; what workers had in hand was known by its delivery, and not run again."""
    assert made.streams() == {"orders": 1, "payments": 1, "stock": 1}
    begun = Counter(line.key for line in Ledger.read(made.effects).lines if line.what == "started")
    assert [key for key, times in begun.items() if times > 1] == []


async def test_the_one_that_joined_takes_over_and_no_worker_stream_ends(tmp_path: Path, store: Store) -> None:
    with household(tmp_path, store, ("orders", "payments", "stock")) as made:
        await _campaign(made, lambda: _kill_holder(made))
        _check_workers(made)


async def test_of_two_that_joined_one_takes_over_and_the_other_joins_it(tmp_path: Path, store: Store) -> None:
    with household(tmp_path, store, ("orders", "payments"), ("stock",)) as made:
        await _campaign(made, lambda: _kill_holder(made))
        _check_workers(made)
        told = [member.name for member in made.joined if "this process holds the store now" in member.tail()]
        assert len(told) == 1, told


async def test_who_is_asked_to_end_hands_over(tmp_path: Path, store: Store) -> None:
    with household(tmp_path, store, ("orders", "payments"), ("stock",)) as made:

        async def ask_to_end() -> None:
            await asyncio.sleep(_WORK_S)
            code = await asyncio.to_thread(made.host.terminate, within_s=_STOP_S)
            assert code == 0, made.host.tail()
            await asyncio.to_thread(made.holder)
            await asyncio.sleep(_WORK_S)

        await _campaign(made, ask_to_end)
        _check_workers(made)


async def test_goes_from_hand_to_hand_and_back(tmp_path: Path, store: Store) -> None:
    with household(tmp_path, store, ("orders",), ("payments",), ("stock",)) as made:

        async def kill_each_holder() -> None:
            for _ in range(4):
                await asyncio.sleep(_WORK_S)
                holder = await asyncio.to_thread(made.holder)
                await asyncio.to_thread(holder.kill)
                if holder is not made.host:
                    # Its apps have no sidecar until it is back, and joins.
                    holder.start()
            await asyncio.sleep(_WORK_S)

        await _campaign(made, kill_each_holder)
