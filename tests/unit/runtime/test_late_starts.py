"""A start that comes late: what is remembered of a run that was purged, for how long, and what a caller is told."""

import asyncio
from typing import Any

import pytest

from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.runtime.calls import NewInstance
from antiphon_sidecar.stores.base import StartOutcome
from antiphon_sidecar.stores.errors import OutcomeUnknown
from antiphon_sidecar.stores.memory import MemoryData
from antiphon_sidecar.stores.spent import REMEMBERED_NS, START_WITHIN_NS
from tests.unit.engine.build import done
from tests.unit.runtime.fakes import FakeClock, run
from tests.unit.runtime.house import House, house
from tests.unit.runtime.test_stalls import in_a_house

REMEMBERED_S, WITHIN_S = REMEMBERED_NS / 1e9, START_WITHIN_NS / 1e9


async def run_and_purge(made: House) -> None:
    hand = await made.worker()
    await made.start("order-1")
    made.answer(await made.turn(hand), done())
    await made.reaches("order-1", Status.COMPLETED)
    await made.calls.purge("order-1", force=False)


def test_a_purged_run_is_remembered_for_its_time_whoever_owns_it():
    async def main(clock: FakeClock) -> list[int]:
        data = MemoryData()
        inbox = data.tables("default").inbox
        seen = []
        async with house(clock, data) as made:
            await run_and_purge(made)
            await made.later(REMEMBERED_S - 30)
            seen.append(len(inbox))
        # Whoever takes a partition looks a minute ahead at once.
        async with house(clock, data, name="two") as made:
            await made.later(20)
            seen.append(len(inbox))
            await made.later(20)
            seen.append(len(inbox))
        return seen

    assert run(main) == [1, 1, 0]


@in_a_house
async def test_a_start_that_took_effect_and_is_sent_again_after_the_purge_is_answered_and_does_nothing(
    made: House,
) -> None:
    begin = made.store.start_instance

    async def answer_is_lost(**given: Any) -> StartOutcome:
        made.store.start_instance = begin  # type: ignore[method-assign]
        await begin(**given)
        made.replica.instances.deliver("order-1", [])
        await made.reaches("order-1", Status.COMPLETED)
        await made.calls.purge("order-1", force=False)
        raise OutcomeUnknown("connection reset")

    made.store.start_instance = answer_is_lost  # type: ignore[method-assign]
    # Without a worker, a start is written before anything else.
    call = asyncio.ensure_future(made.calls.start(NewInstance("order-1", "ship")))
    await asyncio.sleep(0)
    hand = await made.worker()
    made.answer(await made.turn(hand), done())
    assert await call == "order-1"
    await made.later(5)
    assert len(hand.turns) == 1
    assert await made.calls.get("order-1", payloads=False) is None


@in_a_house
async def test_a_start_that_did_not_reach_the_store_in_time_is_given_up(made: House) -> None:
    begin = made.store.start_instance

    async def takes_long(**given: Any) -> StartOutcome:
        made.store.start_instance = begin  # type: ignore[method-assign]
        await asyncio.sleep(WITHIN_S + 1)
        raise OutcomeUnknown("connection reset")

    made.store.start_instance = takes_long  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown) as caught:
        await made.calls.start(NewInstance("order-1", "ship"))
    assert str(caught.value) == (
        'AN301 StoreUnreachable: the start of instance "order-1" in app "orders" did not reach the store within 30 s, '
        "and is sent no more; an earlier copy of it may have taken effect. Look with `antiphon workflow get order-1`; "
        "start it again if it is not there."
    )
    assert await made.calls.get("order-1", payloads=False) is None
