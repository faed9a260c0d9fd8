"""Clients that wait for an end: at the owner it is answered from what was committed, as the store has it."""

import asyncio
from typing import Any

from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.runtime.calls import NewInstance, Snapshot
from tests.unit.runtime.fakes import FakeClock, run
from tests.unit.runtime.house import APP, Hand, House, house

ID = "one"


async def _begun(made: House) -> Hand:
    """Start an instance whose first turn asks for nothing."""
    hand = await made.worker()
    await made.start(ID, input='"in"')
    made.answer(await made.turn(hand))
    await made.starting
    return hand


async def _end(made: House, hand: Hand, end: ac.Complete) -> None:
    """Let an event come, and the workflow end by it."""
    raising = asyncio.ensure_future(made.calls.raise_event(ID, "go", None))
    made.answer(await made.turn(hand, 2), end)
    await raising


def _counted(made: House) -> list[str]:
    """Return a list that grows by each instance that the store is asked for."""
    asked: list[str] = []
    get_instance = made.store.get_instance

    async def counted(*, app: str, instance_id: str) -> Any:
        asked.append(instance_id)
        return await get_instance(app=app, instance_id=instance_id)

    made.store.get_instance = counted  # type: ignore[method-assign]
    return asked


def _waited(end: ac.Complete, *, payloads: bool = True) -> tuple[Snapshot, Snapshot | None, int]:
    """Return what one who waited was told, what the store says, and how often it was asked for an instance."""

    async def main(clock: FakeClock) -> tuple[Snapshot, Snapshot | None, int]:
        async with house(clock) as made:
            hand = await _begun(made)
            reads = _counted(made)
            waiting = asyncio.ensure_future(made.calls.wait_finished(ID, payloads=payloads))
            await made.later(0.05)
            await _end(made, hand, end)
            told = await waiting
            asked = len(reads)
            return told, await made.calls.get(ID, payloads=payloads), asked

    return run(main)


def test_the_end_is_told_as_the_store_has_it_and_the_store_is_not_asked() -> None:
    told, stored, reads = _waited(ac.Complete(1, ev.Status.COMPLETED, '"out"'))
    assert told == stored
    assert (told.status, told.row.output, told.row.app) == (ev.Status.COMPLETED, b'"out"', APP)
    assert told.started is not None
    assert told.started.input == '"in"'
    assert reads == 0


def test_a_failure_is_told_as_the_store_has_it() -> None:
    told, stored, reads = _waited(ac.Complete(1, ev.Status.FAILED, failure=ev.Failure("Planned", "no")))
    assert told == stored
    assert told.failure is not None
    assert reads == 0


def test_payloads_are_told_only_when_they_are_asked_for() -> None:
    told, stored, _ = _waited(ac.Complete(1, ev.Status.COMPLETED, '"out"'), payloads=False)
    assert told == stored
    assert told.started is None


def test_an_end_in_memory_is_no_answer_where_the_store_has_another_run() -> None:
    async def main(clock: FakeClock) -> tuple[bool, int]:
        async with house(clock) as made:
            await made.calls.start(NewInstance(ID, "ship", scheduled_at=clock.wall_ns() + 3600 * 10**9))
            before = State(APP, ID, b"b" * 16, "before", status=ev.Status.COMPLETED, name="ship")
            assert made.replica.instances.deliver(ID, [], state=before) is not None
            reads = _counted(made)
            waits = [made.calls.wait_started, made.calls.wait_finished]
            waiting = [asyncio.ensure_future(wait(ID, payloads=False)) for wait in waits]
            await made.later(1.0)
            early = any(wait.done() for wait in waiting)
            for wait in waiting:
                wait.cancel()
            return early, len(reads)

    early, reads = run(main)
    assert not early
    assert reads == 2


def test_an_end_that_was_told_is_looked_up_and_waited_for_again_where_the_id_has_another_run() -> None:
    async def main(clock: FakeClock) -> Snapshot:
        async with house(clock) as made:
            hand = await _begun(made)
            waiting = asyncio.ensure_future(made.calls.wait_finished(ID, payloads=False))
            await made.later(0.05)
            # As another owner tells it: without the row.
            made.replica.watchers.notify(APP, ID, ev.Status.COMPLETED)
            await made.later(1.0)
            assert not waiting.done()
            await _end(made, hand, ac.Complete(1, ev.Status.COMPLETED, '"out"'))
            return await waiting

    assert run(main).row.output == b'"out"'
