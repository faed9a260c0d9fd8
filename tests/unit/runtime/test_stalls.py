"""An instance whose turn no worker can do is set aside durably, keeps what comes, and goes on with one that can."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.runtime.why import why
from antiphon_sidecar.runtime.workers import TurnItem
from antiphon_sidecar.stores.memory import MemoryData
from tests.unit.engine.build import done, kinds, task, timer
from tests.unit.runtime.fakes import FakeClock, run
from tests.unit.runtime.house import Hand, House, house

MISSING = ac.VersionNotAvailable(1)
STALLED, RUNNING = ev.Status.STALLED, ev.Status.RUNNING
PYTHON = "grpc-python/1.85.1"


def in_a_house(test: Callable[[House], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def wrapped() -> None:
        async def main(clock: FakeClock) -> None:
            async with house(clock) as made:
                await test(made)

        run(main)

    wrapped.__name__ = test.__name__
    return wrapped


def new_kinds(turn: TurnItem) -> list[str]:
    return kinds([codec.unseal(raw) for raw in turn.new])


def past_kinds(turn: TurnItem) -> list[str]:
    return kinds([codec.unseal(raw) for raw in turn.past])


async def stalled(made: House, instance_id: str = "one") -> Hand:
    """An instance that stalled in its second turn, for an event, and the worker that refused it."""
    hand = await made.worker()
    await made.start(instance_id)
    made.answer(await made.turn(hand), timer(1, ev.SENTINEL_NS))
    await made.reaches(instance_id, RUNNING)
    await made.calls.raise_event(instance_id, "go", "1")
    made.answer(await made.turn(hand, 2), MISSING, task(5))
    await made.reaches(instance_id, STALLED)
    return hand


@in_a_house
async def test_the_stall_is_durable_and_says_why(made: House) -> None:
    await stalled(made)
    row = await made.row("one")
    assert (row.status, row.waiting_on) == (STALLED, "VersionNotAvailable")
    history = await made.history("one")
    assert kinds(history) == ["WorkflowStarted", "ExecutionStarted", "TimerCreated", "ExecutionStalled"]
    (wait,) = await why(row, made.scene())
    assert wait.reason == "VersionNotAvailable"
    assert wait.message.startswith("AN202 VersionNotAvailable: ")


@in_a_house
async def test_the_worker_that_refused_is_not_asked_again(made: House) -> None:
    hand = await stalled(made)
    await made.later(120)
    assert len(hand.turns) == 2


@in_a_house
async def test_what_comes_meanwhile_is_kept_for_the_next_worker(made: House) -> None:
    await stalled(made)
    await made.calls.raise_event("one", "more", "2")
    lane = made.replica.instances.get("one")
    assert lane is not None
    await made.until(lambda: len(lane.queue) == 2)
    other = await made.worker()
    turn = await made.turn(other)
    assert new_kinds(turn) == ["WorkflowStarted", "EventRaised", "EventRaised"]
    made.answer(turn, timer(2, ev.SENTINEL_NS))
    row = await made.reaches("one", RUNNING)
    assert row.waiting_on is None


@in_a_house
async def test_a_worker_that_is_there_already_is_asked_before_it_stalls(made: House) -> None:
    await made.worker()
    await made.worker()
    await made.start("one")
    hands = [made.replica.workers.streams[0], made.replica.workers.streams[1]]
    lane = made.replica.instances.get("one")
    assert lane is not None
    await made.until(lambda: lane.stream in hands)
    first = lane.stream
    made.replica.turn_answered(token=lane.token, instance_id="one", response=ac.Response((MISSING,)))
    await made.until(lambda: lane.stream is not None and lane.stream is not first)
    made.replica.turn_answered(token=lane.token, instance_id="one", response=ac.Response((done(),)))
    await made.reaches("one", ev.Status.COMPLETED)
    assert "ExecutionStalled" not in kinds(await made.history("one"))


@in_a_house
async def test_an_instance_that_stalls_in_its_first_turn_starts_later(made: House) -> None:
    hand = await made.worker()
    await made.start("one", input='"in"')
    made.answer(await made.turn(hand), MISSING)
    await made.reaches("one", STALLED)
    found = await made.calls.get("one", payloads=True)
    assert found is not None
    assert found.started is not None
    assert found.started.input == '"in"'
    other = await made.worker()
    turn = await made.turn(other)
    assert new_kinds(turn) == ["WorkflowStarted", "ExecutionStarted"]
    made.answer(turn, done())
    await made.reaches("one", ev.Status.COMPLETED)
    again = await made.calls.get("one", payloads=True)
    assert again is not None
    assert again.started is not None


@in_a_house
async def test_each_worker_that_refuses_leaves_no_further_event(made: House) -> None:
    await stalled(made)
    for _ in range(3):
        hand = await made.worker()
        made.answer(await made.turn(hand), MISSING)
        await made.until(lambda: "one" in made.replica.instances.line.stuck)
    assert kinds(await made.history("one")).count("ExecutionStalled") == 1


@in_a_house
async def test_only_workers_that_keep_histories_are_told_of_stalls(made: House) -> None:
    await stalled(made)
    plain = await made.worker()
    turn = await made.turn(plain)
    assert past_kinds(turn) == ["WorkflowStarted", "ExecutionStarted", "TimerCreated"]
    await made.lose(plain)
    stateful = await made.worker(stateful_history=True)
    turn = await made.turn(stateful)
    assert past_kinds(turn) == ["WorkflowStarted", "ExecutionStarted", "TimerCreated", "ExecutionStalled"]


@pytest.mark.parametrize("how", ["terminate", "purge"])
def test_it_can_be_ended(how: str) -> None:
    async def main(clock: FakeClock) -> None:
        async with house(clock) as made:
            await stalled(made)
            if how == "terminate":
                await made.calls.terminate("one", '"bye"', recursive=False)
                row = await made.row("one")
                assert (row.status, row.output, row.waiting_on) == (ev.Status.TERMINATED, b'"bye"', None)
            else:
                assert (await made.calls.purge("one", force=True)).deleted == 1
                assert await made.calls.get("one", payloads=False) is None

    run(main)


@in_a_house
async def test_it_can_be_suspended_and_is_tried_again_when_resumed(made: House) -> None:
    hand = await stalled(made)
    await made.calls.suspend("one", "audit")
    row = await made.row("one")
    assert (row.status, row.waiting_on) == (ev.Status.SUSPENDED, None)
    await made.calls.resume("one", "done")
    turn = await made.turn(hand, 3)
    assert new_kinds(turn) == ["WorkflowStarted", "EventRaised"]
    made.answer(turn, done())
    await made.reaches("one", ev.Status.COMPLETED)


def test_a_new_owner_knows_of_it_and_asks_its_own_workers() -> None:
    async def main(clock: FakeClock) -> None:
        data = MemoryData()
        async with house(clock, data) as first:
            await stalled(first)
        async with house(clock, data, name="two") as second:
            await second.until(lambda: "one" in second.replica.instances.line.absent)
            row = await second.row("one")
            assert (row.status, row.waiting_on) == (STALLED, "VersionNotAvailable")
            turn = await second.turn(await second.worker())
            second.answer(turn, timer(2, ev.SENTINEL_NS))
            await second.reaches("one", RUNNING)
            assert kinds(await second.history("one"))[-3:] == ["WorkflowStarted", "EventRaised", "TimerCreated"]

    run(main)


# versions that workers declare


async def pinned(made: House, version: str = "v1") -> Hand:
    """An instance that runs in a version, and its worker."""
    hand = await made.worker(versions={"ship": {version}})
    await made.start("one")
    made.answer(await made.turn(hand), timer(1, ev.SENTINEL_NS), version=version)
    await made.reaches("one", RUNNING)
    return hand


@in_a_house
async def test_a_pinned_instance_goes_only_to_workers_that_offer_its_version(made: House) -> None:
    old = await pinned(made)
    new = await made.worker(versions={"ship": {"v2"}})
    await made.lose(old)
    await made.calls.raise_event("one", "go", None)
    row = await made.reaches("one", STALLED)
    assert row.waiting_on == "VersionNotAvailable"
    (stall,) = [event for event in await made.history("one") if isinstance(event, ev.ExecutionStalled)]
    assert 'version "v1"' in stall.description
    assert "workers have: v2." in stall.description
    both = await made.worker(versions={"ship": {"v1", "v2"}})
    made.answer(await made.turn(both), done(), version="v1")
    await made.reaches("one", ev.Status.COMPLETED)
    assert new.turns == []


@in_a_house
async def test_patches_that_do_not_continue_the_history_stall_it(made: House) -> None:
    hand = await made.worker()
    await made.start("one")
    made.answer(await made.turn(hand), timer(1, ev.SENTINEL_NS), patches=("p1",))
    await made.reaches("one", RUNNING)
    await made.calls.raise_event("one", "go", None)
    made.answer(await made.turn(hand, 2), ac.Complete(2, ev.Status.FAILED), patches=())
    row = await made.reaches("one", STALLED)
    assert row.waiting_on == "PatchMismatch"
    newer = await made.worker()
    made.answer(await made.turn(newer), done(), patches=("p1", "p2"))
    await made.reaches("one", ev.Status.COMPLETED)


@in_a_house
async def test_what_began_without_a_version_stays_with_code_without_one(made: House) -> None:
    plain = await made.worker("ship")
    await made.start("one")
    made.answer(await made.turn(plain), timer(1, ev.SENTINEL_NS))
    await made.reaches("one", RUNNING)
    await made.lose(plain)
    named = await made.worker(versions={"ship": {"v1", "v2"}})
    await made.calls.raise_event("one", "go", None)
    row = await made.reaches("one", STALLED)
    assert (row.waiting_on, named.turns) == ("VersionNotAvailable", [])
    both = await made.worker(versions={"ship": {"", "v2"}})
    made.answer(await made.turn(both), done())
    await made.reaches("one", ev.Status.COMPLETED)


@in_a_house
async def test_a_start_that_names_a_version_goes_to_a_worker_that_has_it(made: House) -> None:
    old = await made.worker(versions={"ship": {"v1"}})
    new = await made.worker(versions={"ship": {"v1", "v2"}})
    await made.start("one", version="v2")
    await made.turn(new)
    assert old.turns == []


@in_a_house
async def test_code_without_versions_takes_a_start_that_names_one(made: House) -> None:
    plain = await made.worker("ship")
    await made.start("one", version="2.0")
    made.answer(await made.turn(plain), done())
    await made.reaches("one", ev.Status.COMPLETED)


# sizes

_MIB = 1 << 20


@in_a_house
async def test_a_history_that_a_worker_cannot_receive_stalls_and_the_others_go_on(made: House) -> None:
    small = await made.worker(agent=PYTHON)
    await made.start("big", input="x" * (3 * _MIB))
    made.answer(await made.turn(small), timer(1, ev.SENTINEL_NS))
    await made.reaches("big", RUNNING)
    await made.calls.raise_event("big", "more", "y" * (2 * _MIB))
    row = await made.reaches("big", STALLED)
    assert row.waiting_on == "HistoryTooLargeForWorker"
    await made.start("small")
    made.answer(await made.turn(small, 2), done())
    await made.reaches("small", ev.Status.COMPLETED)
    assert small.seen() == ["big", "small"]
    await made.worker(agent=PYTHON)
    await made.later(10)
    large = await made.worker(agent=PYTHON, stateful_history=True)
    made.answer(await made.turn(large), done())
    await made.reaches("big", ev.Status.COMPLETED)


@in_a_house
async def test_a_size_after_which_a_stream_ends_twice_is_the_limit(made: House) -> None:
    agent = f"{PYTHON} of a worker that lowered its limit"
    hand = await made.worker(agent=agent, stateful_history=True)
    await made.start("big", input="x" * (5 * _MIB))
    await made.turn(hand)
    await made.lose(hand)
    again = await made.worker(agent=agent, stateful_history=True)
    await made.turn(again)
    await made.lose(again)
    third = await made.worker(agent=agent, stateful_history=True)
    row = await made.reaches("big", STALLED)
    assert (row.waiting_on, third.turns) == ("HistoryTooLargeForWorker", [])


def test_the_setting_says_what_workers_receive() -> None:
    async def main(clock: FakeClock) -> None:
        async with house(clock, worker_message_bytes_max=_MIB) as made:
            await made.worker(agent=PYTHON, stateful_history=True)
            await made.start("big", input="x" * (2 * _MIB))
            row = await made.reaches("big", STALLED)
            assert row.waiting_on == "HistoryTooLargeForWorker"

    run(main)


@in_a_house
async def test_what_nobody_runs_is_not_looked_at_when_a_worker_becomes_free(made: House) -> None:
    hand = await made.worker("ship")
    await made.start("unknown", "no such workflow")
    line = made.replica.instances.line
    await made.until(lambda: "unknown" in line.absent)
    await made.start("one")
    made.answer(await made.turn(hand), done())
    await made.reaches("one", ev.Status.COMPLETED)
    assert (list(line.absent), list(line.waiting)) == (["unknown"], [])
    other = await made.worker("no such workflow")
    assert (await made.turn(other)).instance_id == "unknown"


@in_a_house
async def test_one_that_waits_for_a_free_worker_says_so(made: House) -> None:
    hand = await made.worker("ship", turns_max=1)
    await made.start("one")
    turn = await made.turn(hand)
    await made.start("two")
    await made.until(lambda: "two" in made.replica.instances.line.waiting)
    row = await made.row("two")
    assert [wait.reason for wait in await why(row, made.scene())] == ["WorkersBusy"]
    made.answer(turn, done())
    assert (await made.turn(hand, 2)).instance_id == "two"
