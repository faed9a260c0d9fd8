"""Retention at one replica: what goes, at what pace, and how it rests when nothing can go."""

import asyncio
import contextlib
import itertools
from dataclasses import replace

from antiphon_names.hashing import partition_of, slot_of
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.runtime.retention import BATCH, PAUSES, ROUND_MOST_S, ROUND_S, Retention
from antiphon_sidecar.stores.base import Commit, InstanceRow, Old, Retired
from antiphon_sidecar.stores.errors import Unreachable
from antiphon_sidecar.stores.memory import MemoryStore
from tests.unit.runtime.fakes import EPOCH_NS, FakeClock, run

DAY_S = 86_400.0


class SlowStore(MemoryStore):
    """A store whose batches take a tenth of a second each."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock=clock.wall_ns)
        self.time = clock
        self.began: list[float] = []
        self.away = False

    async def retire(self, old: Old) -> Retired:
        self.began.append(self.time.seconds)
        self.time.advance(0.1)
        if self.away:
            raise Unreachable("away")
        return await super().retire(old)


async def ended(store: MemoryStore, each: str, status: Status = Status.COMPLETED, **over: object) -> None:
    """Write a run that ended when the clock was at zero."""
    slot = slot_of(each)
    row = InstanceRow("orders", each, slot, b"r" * 16, "e", 0, 1, int(status), "ship", 1, 1, completed_at=EPOCH_NS)
    epoch = await store.take_partition(app="orders", partition=partition_of(slot), replica="a")
    commit = Commit("orders", each, slot, epoch, b"c" * 16, None, None, replace(row, **over))  # type: ignore[arg-type]
    await store.commit([commit])


def retention(store: SlowStore, named: dict[Status, dict[str, float]] | None = None, **keep_s: float) -> Retention:
    return Retention(
        app="orders",
        store=store,
        clock=store.time,
        store_clock=store.time.store_clock(),
        epochs=dict.fromkeys(range(32), 1),
        keep_s={Status[name.upper()]: seconds for name, seconds in keep_s.items()},
        named=lambda: named or {},
    )


async def rounds(subject: Retention, clock: FakeClock, *, until_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(until_s - clock.seconds):
            await subject.run()


def test_deletes_what_is_older_than_its_status_is_kept():
    async def scenario(clock: FakeClock) -> None:
        store = SlowStore(clock)
        subject = retention(store, completed=DAY_S, failed=2 * DAY_S)
        for name, status in (("a", Status.COMPLETED), ("b", Status.FAILED), ("c", Status.TERMINATED)):
            await ended(store, name, status)
        left = []
        for day in (0.5, 1.5, 2.5, 99):
            clock.seconds = day * DAY_S
            await subject.once()
            left.append(sum([await store.get_instance(app="orders", instance_id=name) is not None for name in "abc"]))
        assert left == [3, 2, 1, 1]
        assert subject.deleted == {Status.COMPLETED: 1, Status.FAILED: 1}

    run(scenario)


def test_takes_a_tenth_of_the_time_at_most():
    async def scenario(clock: FakeClock) -> None:
        store = SlowStore(clock)
        subject = retention(store, completed=1.0)
        for number in range(3 * BATCH + 1):
            await ended(store, f"i{number}")
        clock.seconds = 10.0
        await subject.once()
        assert subject.deleted[Status.COMPLETED] == 3 * BATCH + 1
        pauses = [round(after - before, 3) for before, after in itertools.pairwise(store.began)]
        assert pauses == [0.1 * (1 + PAUSES)] * 3

    run(scenario)


def test_goes_on_when_the_store_is_back():
    async def scenario(clock: FakeClock) -> None:
        store = SlowStore(clock)
        subject = retention(store, completed=1.0)
        await ended(store, "a")
        store.away = True
        asyncio.get_running_loop().call_later(3.5 * ROUND_S, setattr, store, "away", False)
        await rounds(subject, clock, until_s=5.5 * ROUND_S)
        assert (subject.deleted[Status.COMPLETED], len(store.began)) == (1, 5)

    run(scenario)


def test_looks_more_and_more_rarely_at_what_must_stay():
    async def scenario(clock: FakeClock) -> None:
        store = SlowStore(clock)
        subject = retention(store, completed=1.0)
        await ended(store, "parent", Status.RUNNING, completed_at=None)
        for number in range(BATCH):
            await ended(store, f"i{number}", parent_app="orders", parent_instance="parent")
        await rounds(subject, clock, until_s=50 * ROUND_MOST_S)
        # Two batches a round: one that is full, and the end.
        assert 50 <= len(store.began) / 2 < 60

    run(scenario)


def test_a_workflow_with_a_retention_of_its_own_follows_that_alone():
    async def scenario(clock: FakeClock) -> None:
        store = SlowStore(clock)
        named = {Status.COMPLETED: {"ship": 3 * DAY_S}, Status.FAILED: {"ship": DAY_S}}
        subject = retention(store, named, completed=DAY_S)
        await ended(store, "ship-1")
        await ended(store, "other-1", name="other")
        await ended(store, "ship-2", Status.FAILED)
        await ended(store, "other-2", Status.FAILED, name="other")
        left = []
        for day in (2, 4):
            clock.seconds = day * DAY_S
            await subject.once()
            names = ("ship-1", "other-1", "ship-2", "other-2")
            left.append([each for each in names if await store.get_instance(app="orders", instance_id=each)])
        assert left == [["ship-1", "other-2"], ["other-2"]]

    run(scenario)
