"""A new owner looks at once at what the last one let rest."""

import asyncio

from antiphon_names.hashing import slot_of
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.coordination.local import LocalCoordinator, LocalRegistry
from antiphon_sidecar.engine.events import ExecutionStarted, Route, TimerCreated, TimerFired, WorkflowStarted
from antiphon_sidecar.peers.memory import MemoryNetwork, MemoryPeers
from antiphon_sidecar.runtime.clock import StoreClock, SystemClock
from antiphon_sidecar.runtime.committer import Committer
from antiphon_sidecar.runtime.known import KnownApps
from antiphon_sidecar.runtime.parts import Identity, Parts
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.workers import ActivityItem, Item, Offers, TurnItem, WorkerStream
from antiphon_sidecar.stores.base import Commit, HistoryRow, InstanceRow, Outcome, TaskRow, TimerRow
from antiphon_sidecar.stores.memory import MemoryStore

_NS = 1_000_000_000


def _row(now: int, *, version: int) -> InstanceRow:
    return InstanceRow(
        app="orders",
        instance_id="one",
        slot=slot_of("one"),
        incarnation=b"i" * 16,
        execution_id="first",
        generation=0,
        version=version,
        status=0,
        name="buy",
        created_at=now,
        updated_at=now,
    )


async def _leave_a_resting_timer(store: MemoryStore, now: int) -> None:
    """Write what an owner leaves that had fired a timer, found no worker, and died."""
    slot = slot_of("one")
    epoch = await store.take_partition(app="orders", partition=slot >> 11, replica="gone")
    fired = codec.pack([codec.seal(TimerFired(now, 1, now))])
    timer = TimerRow("orders", "one", slot, b"i" * 16, "first", 1, due_at=now, payload=fired)
    route = Route("orders", "orders")
    history = codec.pack(
        codec.seal(event)
        for event in (
            WorkflowStarted(now),
            ExecutionStarted(now, "buy", "one", "first", route=route),
            TimerCreated(now, 1, now),
        )
    )
    turn = HistoryRow(0, 0, history, 3, b"c" * 16)
    row = _row(now, version=1)
    commit = Commit("orders", "one", slot, epoch, b"c" * 16, None, None, row, history=turn, timers=(timer,))
    assert list(await store.commit([commit])) == [Outcome.COMMITTED]
    await store.defer_timers([(timer.ref, now + 55 * _NS)])


async def _leave_a_resting_task(store: MemoryStore, now: int) -> None:
    """Write what an owner leaves that had dispatched a task, was asked to wait for it, and died."""
    slot = slot_of("one")
    epoch = await store.take_partition(app="orders", partition=slot >> 11, replica="gone")
    task = TaskRow("orders", "one", slot, b"i" * 16, "first", 1, "orders", "charge", b"", created_at=now)
    commit = Commit("orders", "one", slot, epoch, b"c" * 16, None, None, _row(now, version=1), tasks=(task,))
    assert list(await store.commit([commit])) == [Outcome.COMMITTED]
    await store.defer_tasks([(task.ref, now + 55 * _NS)])


def _new_owner(store: MemoryStore, clock: SystemClock) -> Replica:
    return Replica(
        Identity(app="orders", replica="new", namespace="default"),
        Parts(
            store=store,
            committer=Committer(store),
            coordinator=LocalCoordinator(LocalRegistry(clock.monotonic), "new"),
            peers=MemoryPeers(MemoryNetwork(), "new"),
            clock=clock,
            store_clock=StoreClock(clock),
            known_apps=KnownApps(store),
        ),
    )


async def _first_item(replica: Replica) -> Item:
    items: asyncio.Queue[Item] = asyncio.Queue()
    committing = asyncio.create_task(replica.parts.committer.run(), name="committer")
    await replica.connect(WorkerStream(offers=Offers(), send=items.put_nowait))
    try:
        async with asyncio.timeout(5):
            return await items.get()
    finally:
        committing.cancel()


async def test_a_task_that_rested_under_the_last_owner_is_dispatched_at_once():
    clock = SystemClock()
    store = MemoryStore("default", clock=clock.wall_ns)
    await _leave_a_resting_task(store, clock.wall_ns())
    replica = _new_owner(store, clock)
    await replica.start()
    item = await _first_item(replica)
    await replica.stop()
    assert isinstance(item, ActivityItem)
    assert (item.ref.task_id, item.attempt) == (1, 2)


async def test_a_timer_that_fired_and_rested_under_the_last_owner_fires_at_once():
    clock = SystemClock()
    store = MemoryStore("default", clock=clock.wall_ns)
    await _leave_a_resting_timer(store, clock.wall_ns())
    replica = _new_owner(store, clock)
    await replica.start()
    item = await _first_item(replica)
    await replica.stop()
    assert isinstance(item, TurnItem)
    assert isinstance(codec.unseal(item.new[-1]), TimerFired)


async def test_an_owner_takes_its_partition_again_when_a_take_landed_late():
    clock = SystemClock()
    store = MemoryStore("default", clock=clock.wall_ns)
    await _leave_a_resting_task(store, clock.wall_ns())
    replica = _new_owner(store, clock)
    await replica.start()
    # The instance waits for this task alone: no commit will be refused that could tell.
    await store.take_partition(app="orders", partition=slot_of("one") >> 11, replica="gone")
    item = await _first_item(replica)
    await replica.stop()
    assert isinstance(item, ActivityItem)
    assert (item.ref.task_id, item.attempt) == (1, 2)
