"""Starts that go straight into a first turn: nothing is written before, and nothing of them is lost or done twice."""

import asyncio
from collections.abc import Sequence

import pytest

from antiphon_names.hashing import partition_of, slot_of
from antiphon_sidecar.engine.events import SENTINEL_NS, Status
from antiphon_sidecar.runtime.calls import Calls, NewInstance
from antiphon_sidecar.runtime.errors import Exists
from antiphon_sidecar.runtime.parking import START_PATIENCE_S
from antiphon_sidecar.stores.base import Commit, Outcome
from antiphon_sidecar.stores.errors import OutcomeUnknown, Unreachable
from tests.unit.engine.build import done, task, timer
from tests.unit.runtime.house import APP, Hand, House
from tests.unit.runtime.test_stalls import in_a_house


def starting(made: House, **more: bool) -> "asyncio.Future[str]":
    return asyncio.ensure_future(made.calls.start(NewInstance("one", "ship", **more)))


async def starts_row(made: House) -> int:
    return len(await made.store.load_inbox(app=APP, instance_id="one"))


async def runs_once(made: House, hand: Hand, *, turns: int = 1) -> None:
    await made.reaches("one", Status.COMPLETED)
    await made.later(5)
    assert len(hand.turns) == turns
    assert await starts_row(made) == 0


def committing(made: House, instead: "list[Exception | Outcome]", *, lands: bool = False) -> list[Commit]:
    """Let the next commits end so, one after the other; `lands`: they are applied all the same."""
    seen: list[Commit] = []
    really = made.store.commit

    async def commit(group: Sequence[Commit]) -> Sequence[Outcome]:
        seen.extend(group)
        if not instead:
            return await really(group)
        ending = instead.pop(0)
        if lands:
            await really(group)
        if isinstance(ending, Exception):
            raise ending
        return [ending for _ in group]

    made.store.commit = commit  # type: ignore[method-assign]
    return seen


@in_a_house
async def test_nothing_is_written_before_the_first_turn_has_been_answered(made: House) -> None:
    commits = committing(made, [])
    hand = await made.worker()
    call = starting(made)
    turn = await made.turn(hand)
    assert await made.store.get_instance(app=APP, instance_id="one") is None
    assert not call.done()
    made.answer(turn, task())
    assert await call == "one"
    assert await made.status("one") is Status.RUNNING
    assert [commit.expect_version for commit in commits] == [None]


@in_a_house
async def test_without_a_worker_it_is_durable_at_once(made: House) -> None:
    call = starting(made)
    await made.reaches("one", Status.PENDING)
    hand = await made.worker()
    made.answer(await made.turn(hand), done())
    assert await call == "one"
    await runs_once(made, hand)


@pytest.mark.parametrize("unique", [False, True])
def test_a_run_that_is_not_in_memory_keeps_its_id(unique: bool) -> None:
    async def story(made: House) -> None:
        hand = await made.worker()
        first = starting(made)
        made.answer(await made.turn(hand), task())
        await first
        lane = made.replica.instances.get("one")
        assert lane is not None
        made.replica.instances.forget_unknown(lane)
        second = starting(made, unique=unique)
        made.answer(await made.turn(hand, 2), done())
        with pytest.raises(Exists):
            await second
        assert await made.status("one") is Status.RUNNING

    in_a_house(story)()


@in_a_house
async def test_a_run_that_has_ended_gives_way(made: House) -> None:
    hand = await made.worker()
    first = starting(made)
    made.answer(await made.turn(hand), done())
    await first
    was = await made.reaches("one", Status.COMPLETED)
    second = starting(made)
    made.answer(await made.turn(hand, 2), done())
    made.answer(await made.turn(hand, 3), task())
    assert await second == "one"
    row = await made.reaches("one", Status.RUNNING)
    assert row.incarnation != was.incarnation
    with pytest.raises(Exists):
        await starting(made, unique=True)


@in_a_house
async def test_a_long_first_turn_is_written_down_and_not_repeated(made: House) -> None:
    hand = await made.worker()
    call = starting(made)
    turn = await made.turn(hand)
    row = await made.reaches("one", Status.PENDING)
    assert await starts_row(made) == 1
    made.answer(turn, done())
    assert await call == "one"
    ended = await made.reaches("one", Status.COMPLETED)
    assert (ended.incarnation, ended.created_at) == (row.incarnation, row.created_at)
    await runs_once(made, hand)


@in_a_house
async def test_an_answer_that_comes_while_the_start_is_being_written_waits_for_it(made: House) -> None:
    begin, may_write = made.store.start_instance, asyncio.Event()

    async def slowly(**given: object) -> object:
        await may_write.wait()
        return await begin(**given)  # type: ignore[arg-type]

    made.store.start_instance = slowly  # type: ignore[method-assign, assignment]
    hand = await made.worker()
    call = starting(made)
    turn = await made.turn(hand)
    await made.later(START_PATIENCE_S + 0.5)
    made.answer(turn, done())
    await made.later(0.2)
    assert await made.store.get_instance(app=APP, instance_id="one") is None
    may_write.set()
    assert await call == "one"
    await runs_once(made, hand)


@in_a_house
async def test_a_client_that_leaves_during_a_long_first_turn_changes_nothing(made: House) -> None:
    hand = await made.worker()
    call = starting(made)
    turn = await made.turn(hand)
    call.cancel()
    await made.later(START_PATIENCE_S + 0.5)
    made.answer(turn, done())
    await runs_once(made, hand)


@in_a_house
async def test_a_worker_that_dies_in_the_first_turn_leaves_a_durable_start(made: House) -> None:
    hand = await made.worker()
    call = starting(made)
    await made.turn(hand)
    await made.lose(hand)
    await made.reaches("one", Status.PENDING)
    other = await made.worker()
    made.answer(await made.turn(other), done())
    assert await call == "one"
    await runs_once(made, other)


@in_a_house
async def test_a_store_that_cannot_write_is_told_of_at_once(made: House) -> None:
    committing(made, [Unreachable("no route")])
    made.store.start_instance = failing  # type: ignore[method-assign, assignment]
    hand = await made.worker()
    call = starting(made)
    made.answer(await made.turn(hand), done())
    with pytest.raises(Unreachable):
        await call
    await made.later(5)
    assert await made.store.get_instance(app=APP, instance_id="one") is None


async def failing(**given: object) -> None:
    raise Unreachable("no route")


@pytest.mark.parametrize("lands", [False, True])
def test_a_commit_of_unknown_outcome_begins_one_run(lands: bool) -> None:
    async def story(made: House) -> None:
        committing(made, [OutcomeUnknown("connection reset")], lands=lands)
        hand = await made.worker()
        call = starting(made)
        made.answer(await made.turn(hand), done())
        if not lands:
            made.answer(await made.turn(hand, 2), done())
        assert await call == "one"
        await runs_once(made, hand, turns=1 if lands else 2)

    in_a_house(story)()


@in_a_house
async def test_a_partition_that_is_lost_in_the_first_turn_leaves_the_start_to_the_next_owner(made: House) -> None:
    committing(made, [Outcome.FENCED])
    hand = await made.worker()
    call = starting(made)
    made.answer(await made.turn(hand), done())
    made.answer(await made.turn(hand, 2), done())
    assert await call == "one"
    await runs_once(made, hand, turns=2)


@in_a_house
async def test_an_id_is_drawn_near_where_the_run_can_begin(made: House) -> None:
    def near(name: str = "ship") -> list[bool]:
        return [partition_of(slot_of(made.calls.new_instance_id(name))) < 8 for _ in range(50)]

    made.replica.instances.owns = (  # type: ignore[method-assign]
        lambda instance_id: partition_of(slot_of(instance_id)) < 8
    )
    assert not all(near())
    hand = await made.worker("ship")
    assert all(near())
    assert not all(near("other"))
    hand.stream.turns = 32
    assert not all(near())
    elsewhere = Calls(made.replica, app="payments")
    assert len({elsewhere.new_instance_id("ship") for _ in range(5)}) == 5


@in_a_house
async def test_an_event_that_comes_in_the_first_turn_goes_into_the_next(made: House) -> None:
    hand = await made.worker()
    call = starting(made)
    turn = await made.turn(hand)
    await made.calls.raise_event("one", "go", "1")
    seen = await made.calls.get("one", payloads=True)
    assert seen is not None
    assert seen.status is Status.PENDING
    made.answer(turn, timer(1, SENTINEL_NS))
    assert await call == "one"
    made.answer(await made.turn(hand, 2), done(2))
    await runs_once(made, hand, turns=2)


@in_a_house
async def test_whoever_looks_while_the_first_commit_is_under_way_waits_for_it(made: House) -> None:
    hand = await made.worker()
    call = starting(made)
    made.answer(await made.turn(hand), task())
    seen = await made.calls.get("one", payloads=False)
    assert seen is not None
    assert await call == "one"


@in_a_house
async def test_a_second_start_of_the_id_leaves_nobody_waiting_for_the_first(made: House) -> None:
    begin, may_write = made.store.start_instance, asyncio.Event()

    async def slowly(**given: object) -> object:
        await may_write.wait()
        return await begin(**given)  # type: ignore[arg-type]

    made.store.start_instance = slowly  # type: ignore[method-assign, assignment]
    committing(made, [Outcome.CONFLICT])
    hand = await made.worker()
    first = starting(made)
    made.answer(await made.turn(hand), task())
    await made.until(lambda: made.replica.instances.get("one") is None)
    asked = asyncio.ensure_future(made.calls.get("one", payloads=False))
    await asyncio.sleep(0)
    second = starting(made)
    await made.later(0.1)
    may_write.set()
    made.answer(await made.turn(hand, 2), task())
    assert await first == "one"
    with pytest.raises(Exists):
        await second
    async with asyncio.timeout(10):
        assert await asked is not None
