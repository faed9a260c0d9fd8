"""A task that an owner does not know may be that of the next owner: its row says whether anybody waits for it."""

from typing import Any

from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.peers.base import Cancel, Progress
from antiphon_sidecar.runtime import receiving, rows
from antiphon_sidecar.stores.base import TaskRef
from antiphon_sidecar.stores.memory import MemoryData
from tests.unit.engine.build import task, timer
from tests.unit.runtime.fakes import FakeClock, run
from tests.unit.runtime.house import APP, House, house


async def _waits(made: House) -> None:
    """Run an instance to where it waits for an event."""
    hand = await made.worker()
    await made.start("one")
    made.answer(await made.turn(hand), timer(1, ev.SENTINEL_NS))
    await made.reaches("one", ev.Status.RUNNING)


async def _asks_for_a_task(made: House) -> TaskRef:
    """Go on with the instance after its event, and ask for a task."""
    hand = await made.worker()
    await made.calls.raise_event("one", "go", "1")
    turn = await made.turn(hand)
    made.answer(turn, task(5))
    ref = TaskRef(APP, "one", turn.execution_id, 5)
    await made.until(lambda: made.replica.dispatcher.knows(ref))
    return ref


def _said_by(made: House) -> list[tuple[str, Any]]:
    """Return what the replica says from now on, as it grows."""
    said: list[tuple[str, Any]] = []
    made.replica.send = lambda to, message: said.append((to, message))  # type: ignore[method-assign]
    return said


def test_a_task_of_the_next_owner_is_not_cancelled_before_it_is_over():
    async def main(clock: FakeClock) -> None:
        data = MemoryData()
        async with house(clock, data, name="first") as first:
            await _waits(first)
            async with house(clock, data, name="next") as following:
                ref = await _asks_for_a_task(following)
                lane = first.replica.instances.get("one")
                assert first.replica.instances.owns("one")
                assert lane is not None
                assert lane.state is not None
                assert 5 not in lane.state.tasks

                said, runs = _said_by(first), Progress(ref, 1, clock.wall_ns(), 0)
                receiving.received(first.replica, "target", runs)
                # Not for long: its own sweep would tell it what the next owner has committed.
                await first.later(0.1)
                assert said == []

                result = rows.replaced_result(ref, slot=lane.slot, incarnation=lane.state.incarnation, event=b"")
                assert await first.store.replace_tasks([(ref, result)]) == [True]
                receiving.received(first.replica, "target", runs)
                receiving.received(first.replica, "target", runs)
                await first.later(0.1)
                assert said == [("target", Cancel(ref))]

    run(main)
