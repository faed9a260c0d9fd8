"""Clients that wait for an end: at the owner it is answered from what was committed, as the store has it."""

import asyncio
from typing import Any

from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.runtime.calls import Snapshot
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


def _waited(end: ac.Complete, *, payloads: bool = True) -> tuple[Snapshot, Snapshot | None, int]:
    """Return what one who waited was told, what the store says, and how often it was asked for an instance."""

    async def main(clock: FakeClock) -> tuple[Snapshot, Snapshot | None, int]:
        async with house(clock) as made:
            hand = await _begun(made)
            reads = 0
            get_instance = made.store.get_instance

            async def counted(**key: Any) -> Any:
                nonlocal reads
                reads += 1
                return await get_instance(**key)

            made.store.get_instance = counted  # type: ignore[method-assign]
            waiting = asyncio.ensure_future(made.calls.wait_finished(ID, payloads=payloads))
            await made.later(0.05)
            await _end(made, hand, end)
            told = await waiting
            asked = reads
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
