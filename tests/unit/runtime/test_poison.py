"""An instance of whose turn workers die is set aside; those beside it are not, and are not delayed by it."""

import itertools

from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.stores.memory import MemoryData
from tests.unit.engine.build import done, kinds
from tests.unit.runtime.fakes import FakeClock, run
from tests.unit.runtime.house import Hand, House, house
from tests.unit.runtime.test_stalls import in_a_house

POISON = "poison"
STALLED, COMPLETED = ev.Status.STALLED, ev.Status.COMPLETED


async def dies(made: House, hand: Hand) -> Hand:
    """Let a worker die of the poison, after it has done what else it was sent; return the next one."""
    await made.until(lambda: POISON in hand.seen())
    for turn in hand.turns:
        if turn.instance_id != POISON:
            made.answer(turn, done())
    await made.lose(hand)
    return await made.worker()


async def tried(made: House, hand: Hand, times: int = 10) -> Hand:
    for _ in range(times):
        hand = await dies(made, hand)
    return hand


@in_a_house
async def test_ten_lost_workers_in_a_row_set_it_aside(made: House) -> None:
    hand = await made.worker()
    await made.start(POISON)
    hand = await tried(made, hand)
    row = await made.reaches(POISON, STALLED)
    assert row.waiting_on == "InstancePoisoned"
    await made.worker()
    await made.later(120)
    assert hand.turns == []
    assert kinds(await made.history(POISON)) == ["WorkflowStarted", "ExecutionStalled"]


@in_a_house
async def test_resuming_it_gives_it_ten_more_tries(made: House) -> None:
    hand = await made.worker()
    await made.start(POISON)
    hand = await tried(made, hand)
    await made.reaches(POISON, STALLED)
    await made.calls.resume(POISON, None)
    hand = await tried(made, hand)
    await made.reaches(POISON, STALLED)
    await made.calls.resume(POISON, None)
    made.answer(await made.turn(hand), done())
    row = await made.reaches(POISON, COMPLETED)
    assert row.worker_deaths == 0


@in_a_house
async def test_an_answer_ends_the_count(made: House) -> None:
    hand = await made.worker()
    await made.start(POISON)
    hand = await tried(made, hand, 9)
    made.answer(await made.turn(hand), done())
    row = await made.reaches(POISON, COMPLETED)
    assert row.worker_deaths == 0


@in_a_house
async def test_the_tries_come_slower_and_slower(made: House) -> None:
    hand = await made.worker()
    await made.start(POISON)
    times = []
    for _ in range(10):
        await made.until(lambda: POISON in hand.seen())  # noqa: B023
        times.append(made.clock.seconds)
        await made.lose(hand)
        hand = await made.worker()
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[0] < 0.1
    assert pauses[-1] >= 10


@in_a_house
async def test_instances_beside_it_go_on_and_are_not_blamed(made: House) -> None:
    hand = await made.worker()
    others = [f"other-{number}" for number in range(5)]
    await made.start(POISON)
    for each in others:
        await made.start(each)
    # All die together, twice: then nobody can tell which of them it was.
    for _ in range(2):
        await made.until(lambda: len(set(hand.seen())) == 6)  # noqa: B023
        await made.lose(hand)
        hand = await made.worker()
    for _ in range(8):
        while POISON not in hand.seen():
            for turn in hand.turns:
                made.answer(turn, done())
            hand.turns.clear()
            await made.later(0.01)
        await made.lose(hand)
        hand = await made.worker()
    row = await made.reaches(POISON, STALLED)
    assert row.waiting_on == "InstancePoisoned"
    assert {await made.status(each) for each in others} == {COMPLETED}


def test_a_worker_that_takes_its_sidecar_with_it_is_counted_too() -> None:
    async def main(clock: FakeClock) -> None:
        data = MemoryData()
        async with house(clock, data) as first:
            hand = await first.worker()
            await first.start(POISON)
            await first.turn(hand)
        lives = 1
        while True:
            async with house(clock, data, name=f"life-{lives}") as made:
                hand = await made.worker()
                await made.until(lambda: bool(hand.turns) or POISON in made.replica.instances.line.stuck)  # noqa: B023
                if not hand.turns:
                    break
                lives += 1
                assert lives < 20
        async with house(clock, data, name="last") as made:
            row = await made.row(POISON)
            assert (row.status, row.waiting_on) == (STALLED, "InstancePoisoned")
        assert lives == 11

    run(main)
