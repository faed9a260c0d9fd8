"""Waiting for instances of another owner: who is asked, who is told, and when the store is read."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from antiphon_names.hashing import PARTITIONS, partition_of, slot_of
from antiphon_sidecar.codec.events import seal, unseal
from antiphon_sidecar.coordination.base import Registration
from antiphon_sidecar.coordination.local import LocalRegistry
from antiphon_sidecar.engine.events import TERMINAL, ExecutionStarted, Status, WorkflowStarted
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.peers.base import Await, Message, Missed, Notice
from antiphon_sidecar.runtime.elsewhere import Askers, Elsewhere
from antiphon_sidecar.runtime.lane import Lane, Phase
from antiphon_sidecar.runtime.watch import End, Watch, Watchers
from antiphon_sidecar.stores.base import InstanceRow
from tests.unit.runtime.fakes import FakeClock, run

APP, ID = "orders", "one"
PARTITION = partition_of(slot_of(ID))
RUNS = frozenset(Status) - TERMINAL
BEGINS = frozenset({Status.PENDING})


class Here:
    """The replica "me"; "a" and "b" own partitions in turn."""

    def __init__(self, owner: str | None = "a") -> None:
        self.registry = LocalRegistry(FakeClock().monotonic)
        self.sent: list[tuple[str, Message]] = []
        self.owned = False
        self.elsewhere = Elsewhere(
            me="me",
            watchers=Watchers(),
            view=lambda: self.registry.view,
            owns=lambda _: self.owned,
            send=lambda to, message: self.sent.append((to, message)),
        )
        self.own(owner)

    def own(self, owner: str | None) -> None:
        for partition in range(PARTITIONS):
            for replica in ("me", "a", "b"):
                self.registry.release(app=APP, partition=partition, replica=replica)
            if owner is not None:
                self.registry.claim(app=APP, partition=partition, replica=owner)
        self.elsewhere.view_changed()

    def wait(self, leaves: frozenset[Status] = RUNS) -> tuple[Watch, bool]:
        watch = Watch(APP, ID, leaves)
        return watch, self.elsewhere.begin(watch)


def test_the_owner_is_asked_and_the_store_is_not() -> None:
    here = Here()
    _, asked = here.wait()
    assert asked
    assert here.sent == [("a", Await(APP, ID, RUNS))]


@pytest.mark.parametrize("owner", ["me", None])
def test_nobody_is_asked_where_nobody_else_owns(owner: str | None) -> None:
    here = Here(owner)
    _, asked = here.wait()
    assert not asked
    assert here.sent == []


def test_a_notice_ends_the_wait_and_needs_no_answer() -> None:
    here = Here()
    watch, _ = here.wait()
    here.elsewhere.noticed("a", Notice(APP, ID, Status.COMPLETED))
    assert not watch.waits
    here.elsewhere.end(watch)
    assert here.sent == [("a", Await(APP, ID, RUNS))]


def test_whoever_gives_up_tells_the_owner() -> None:
    here = Here()
    watch, _ = here.wait()
    here.elsewhere.end(watch)
    assert here.sent[-1] == ("a", Await(APP, ID, RUNS, over=True))


def test_two_who_wait_for_the_same_give_up_when_both_have() -> None:
    here = Here()
    one, _ = here.wait()
    other, _ = here.wait()
    here.elsewhere.end(one)
    assert here.sent[-1] == ("a", Await(APP, ID, RUNS))
    here.elsewhere.end(other)
    assert here.sent[-1] == ("a", Await(APP, ID, RUNS, over=True))


def test_the_next_owner_is_asked() -> None:
    here = Here()
    watch, _ = here.wait()
    here.elsewhere.noticed("a", Notice(APP, ID))
    assert not here.elsewhere.ask(watch)
    here.own("b")
    assert watch.doubtful
    assert here.elsewhere.ask(watch)
    assert here.sent[-1] == ("b", Await(APP, ID, RUNS))


def test_an_owner_of_before_is_not_believed_to_tell() -> None:
    here = Here()
    watch, _ = here.wait()
    here.own("b")
    here.elsewhere.ask(watch)
    here.elsewhere.noticed("a", Notice(APP, ID))
    assert not watch.heard


def test_a_replica_that_takes_the_partition_has_the_status_read_under_its_epoch() -> None:
    here = Here()
    watch, _ = here.wait()
    here.own("me")
    here.elsewhere.ask(watch)
    watch.doubtful = False
    assert not watch.heard
    here.owned = True
    here.elsewhere.taken(APP, frozenset({PARTITION}))
    assert watch.doubtful
    assert not here.elsewhere.ask(watch)
    assert watch.heard


@pytest.mark.parametrize("other", ["a", "b"])
def test_only_a_replica_that_was_asked_is_asked_again_after_its_link_was_cut(other: str) -> None:
    here = Here()
    watch, _ = here.wait()
    here.elsewhere.noticed("a", Notice(APP, ID))
    here.elsewhere.missed(other)
    assert watch.doubtful is (other == "a")
    assert here.elsewhere.ask(watch) is (other == "a")


def test_the_store_is_read_ever_more_rarely_while_nobody_answers() -> None:
    async def main(clock: FakeClock) -> list[float]:
        here = Here()
        watch, _ = here.wait()
        waited = []
        for _ in range(7):
            waited.append(here.elsewhere.patience_s(watch))
            assert not await watch.changed(within_s=waited[-1])
            assert here.elsewhere.ask(watch)
        return waited

    assert run(main) == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_an_owner_that_has_answered_is_relied_on() -> None:
    here = Here()
    watch, _ = here.wait()
    here.elsewhere.noticed("a", Notice(APP, ID))
    assert here.elsewhere.patience_s(watch) == 10.0
    assert not here.elsewhere.ask(watch)
    assert not watch.doubtful


def test_what_the_owner_does_not_have_in_memory_is_read() -> None:
    here = Here()
    watch, _ = here.wait()
    here.elsewhere.noticed("a", Notice(APP, ID, look=True))
    assert watch.doubtful
    assert watch.heard


class Owner:
    """The owner's side; its lanes are set by hand."""

    def __init__(self) -> None:
        self.lanes: dict[str, Lane] = {}
        self.sent: list[tuple[str, Message]] = []
        self.registry = LocalRegistry(FakeClock().monotonic)
        for replica in ("a", "b"):
            self.registry.publish(Registration(APP, replica))
        self.askers = Askers(app=APP, lane=self.lanes.get, send=lambda to, message: self.sent.append((to, message)))

    def lane(self, status: Status | None = Status.RUNNING, phase: Phase = Phase.WORKING) -> None:
        lane = self.lanes[ID] = Lane(ID, slot_of(ID), PARTITION, phase=phase)
        if status is not None:
            lane.state = State(APP, ID, b"r" * 16, "x", status=status, name="w")

    def asked(self, sender: str = "a", leaves: frozenset[Status] = RUNS, *, over: bool = False) -> None:
        self.askers.asked(sender, Await(APP, ID, leaves, over))


def in_time(check: Callable[[Owner], None], *, seconds: float = 0.0) -> Owner:
    """Do something on a loop, and let time pass."""

    async def main(clock: FakeClock) -> Owner:
        owner = Owner()
        check(owner)
        await asyncio.sleep(seconds)
        return owner

    return run(main)


def test_each_is_told_once_when_the_status_is_what_it_waits_for() -> None:
    def live(owner: Owner) -> None:
        owner.lane(None)
        owner.asked("a", BEGINS)
        owner.asked("b", RUNS)
        for status in (Status.RUNNING, Status.SUSPENDED, Status.RUNNING, Status.COMPLETED, Status.COMPLETED):
            owner.askers.changed(ID, status)

    assert in_time(live).sent == [
        ("a", Notice(APP, ID, Status.RUNNING)),
        ("b", Notice(APP, ID, Status.COMPLETED)),
    ]


ROW = InstanceRow(
    APP,
    ID,
    slot_of(ID),
    b"i" * 16,
    "e1",
    1,
    7,
    int(Status.COMPLETED),
    "ship",
    created_at=1,
    updated_at=9,
    started_at=2,
    completed_at=8,
    custom_status=b"done",
    output=b'"tea"',
    tags=(("kind", "x"),),
)
STARTED = ExecutionStarted(timestamp=1, name="ship", instance_id=ID, execution_id="e1", input='"in"')


def test_all_of_an_end_is_told_and_the_store_need_not_be_read() -> None:
    def live(owner: Owner) -> None:
        owner.lane(Status.RUNNING)
        owner.asked("me", RUNS)
        owner.askers.changed(ID, Status.COMPLETED, End(ROW, [seal(WorkflowStarted(1)), seal(STARTED)]))

    (_, notice) = in_time(live).sent[-1]
    assert isinstance(notice, Notice)
    here = Here()
    watch, _ = here.wait()
    here.elsewhere.noticed("a", notice)
    assert watch.end is not None
    assert watch.end.row == ROW
    assert [unseal(raw) for raw in watch.end.events] == [STARTED]


def test_a_large_end_is_read_from_the_store() -> None:
    def live(owner: Owner) -> None:
        owner.lane(Status.RUNNING)
        owner.asked("a", RUNS)
        owner.askers.changed(ID, Status.COMPLETED, End(replace(ROW, output=b"x" * 70_000), [seal(STARTED)]))

    assert in_time(live).sent == [("a", Notice(APP, ID, Status.COMPLETED))]


def test_what_is_so_already_is_told_at_once() -> None:
    def live(owner: Owner) -> None:
        owner.lane(Status.RUNNING)
        owner.asked("a", BEGINS)
        owner.askers.changed(ID, Status.COMPLETED)

    assert in_time(live).sent == [("a", Notice(APP, ID, Status.RUNNING))]


@pytest.mark.parametrize("phase", [Phase.COMMITTING, Phase.LOADING])
def test_a_status_that_may_not_be_durable_is_not_told(phase: Phase) -> None:
    def live(owner: Owner) -> None:
        owner.lane(Status.COMPLETED, phase)
        owner.asked("a")

    assert in_time(live).sent == []


def test_a_long_wait_is_confirmed_once_and_a_short_one_not() -> None:
    def live(owner: Owner) -> None:
        owner.lane()
        owner.asked("a", BEGINS | {Status.RUNNING})
        owner.asked("b", BEGINS | {Status.RUNNING})
        owner.asked("b", BEGINS | {Status.RUNNING}, over=True)

    assert in_time(live, seconds=1.0).sent == [("a", Notice(APP, ID))]


def test_whoever_waits_for_what_is_not_in_memory_looks_and_is_told_later() -> None:
    def live(owner: Owner) -> None:
        owner.asked("a")
        owner.askers.changed(ID, Status.COMPLETED)

    assert in_time(live).sent == [("a", Notice(APP, ID, look=True)), ("a", Notice(APP, ID, Status.COMPLETED))]


def test_whether_an_end_still_stands_is_for_the_store_to_say() -> None:
    def live(owner: Owner) -> None:
        owner.lane(Status.COMPLETED)
        owner.asked("a")
        owner.askers.changed(ID, Status.FAILED)

    assert in_time(live).sent == [("a", Notice(APP, ID, look=True)), ("a", Notice(APP, ID, Status.FAILED))]


def test_that_there_is_no_such_instance_is_for_the_store_to_say() -> None:
    def live(owner: Owner) -> None:
        owner.lane(None, Phase.LOADING)
        owner.asked("a")
        owner.askers.changed(ID, None)
        owner.askers.changed(ID, Status.COMPLETED)

    assert in_time(live).sent == [("a", Notice(APP, ID, look=True)), ("a", Notice(APP, ID, Status.COMPLETED))]


def test_nobody_is_told_who_gave_up() -> None:
    def live(owner: Owner) -> None:
        owner.lane()
        owner.asked("a")
        owner.asked("a", over=True)
        owner.asked("b", over=True)
        owner.askers.changed(ID, Status.COMPLETED)

    assert in_time(live, seconds=1.0).sent == []


def test_nobody_is_told_of_what_another_owns_now() -> None:
    def live(owner: Owner) -> None:
        owner.lane()
        owner.asked("a")
        owner.askers.dropped(PARTITION)
        owner.askers.changed(ID, Status.COMPLETED)

    assert in_time(live, seconds=1.0).sent == []


def test_those_who_are_gone_are_forgotten() -> None:
    def live(owner: Owner) -> None:
        owner.lane()
        owner.asked("a")
        owner.asked("b")
        owner.registry.leave("a")
        owner.askers.view_changed(owner.registry.view)
        owner.askers.changed(ID, Status.COMPLETED)

    assert in_time(live).sent == [("b", Notice(APP, ID, Status.COMPLETED))]


def test_one_who_is_reached_again_is_told_that_notices_may_be_lost() -> None:
    assert in_time(lambda owner: owner.askers.relinked("a")).sent == [("a", Missed())]
