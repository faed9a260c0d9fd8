"""A new owner looks at once at what the last one let rest."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from antiphon_names.hashing import PARTITIONS, slot_of
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.coordination.base import Registration
from antiphon_sidecar.coordination.local import LocalCoordinator, LocalRegistry
from antiphon_sidecar.engine.events import ExecutionStarted, Route, TimerCreated, TimerFired, WorkflowStarted
from antiphon_sidecar.peers.base import InHand, InHandAsked, Message
from antiphon_sidecar.peers.memory import MemoryNetwork, MemoryPeers
from antiphon_sidecar.runtime.clock import StoreClock, SystemClock
from antiphon_sidecar.runtime.committer import Committer
from antiphon_sidecar.runtime.known import KnownApps
from antiphon_sidecar.runtime.parts import Identity, Parts
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.workers import ActivityItem, Item, Offers, TurnItem, WorkerStream
from antiphon_sidecar.settings import Limits
from antiphon_sidecar.stores.base import NEVER, Commit, HistoryRow, InstanceRow, Outcome, TaskRow, TimerRow
from antiphon_sidecar.stores.memory import MemoryStore

_NS = 1_000_000_000
_ALL = range(PARTITIONS)


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


class _Other:
    """A replica that was asked what it has in hand, and has not answered."""

    def __init__(self, clock: SystemClock) -> None:
        self.registry = LocalRegistry(clock.monotonic)
        self.network = MemoryNetwork()
        self._peers = MemoryPeers(self.network, "other")
        self._asked: asyncio.Queue[InHandAsked] = asyncio.Queue()
        self._peers.receive(self._received)
        self.registry.publish(Registration("payments", "other"))

    def _received(self, sender: str, message: Message) -> None:
        if isinstance(message, InHandAsked):
            self._asked.put_nowait(message)

    async def answer(self) -> None:
        """Say that nothing is in hand, after the new owner has looked once."""
        asked = await self._asked.get()
        self._peers.send("new", InHand(asked.app, asked.partitions, ()))

    async def leave(self) -> None:
        """Be gone."""
        await self._asked.get()
        self.registry.leave("other")


def _new_owner(
    store: MemoryStore, clock: SystemClock, *, beside: _Other | None = None, limits: Limits | None = None
) -> Replica:
    registry, network = LocalRegistry(clock.monotonic), MemoryNetwork()
    if beside is not None:
        registry, network = beside.registry, beside.network
    return Replica(
        Identity(app="orders", replica="new", namespace="default"),
        Parts(
            store=store,
            committer=Committer(store),
            coordinator=LocalCoordinator(registry, "new"),
            peers=MemoryPeers(network, "new"),
            clock=clock,
            store_clock=StoreClock(clock),
            known_apps=KnownApps(store),
            limits=limits or Limits(),
        ),
    )


@asynccontextmanager
async def _working(replica: Replica) -> AsyncIterator["asyncio.Queue[Item]"]:
    """Connect a worker; yield what it is sent."""
    items: asyncio.Queue[Item] = asyncio.Queue()
    committing = asyncio.create_task(replica.parts.committer.run(), name="committer")
    await replica.connect(WorkerStream(offers=Offers(), send=items.put_nowait))
    try:
        async with asyncio.timeout(5):
            yield items
    finally:
        committing.cancel()


async def _first_item(replica: Replica) -> Item:
    async with _working(replica) as items:
        return await items.get()


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


@pytest.mark.parametrize("settled", [_Other.answer, _Other.leave])
async def test_a_task_is_dispatched_as_soon_as_nobody_is_left_who_may_have_it_in_hand(
    settled: Callable[[_Other], Awaitable[None]],
):
    clock = SystemClock()
    store = MemoryStore("default", clock=clock.wall_ns)
    await _leave_a_resting_task(store, clock.wall_ns())
    other = _Other(clock)
    # Neither the next sweep nor the end of the other's time comes within this test.
    replica = _new_owner(store, clock, beside=other, limits=Limits(sweep_s=3_600.0, lease_s=3_600.0))
    await replica.start()
    async with _working(replica) as items:
        async with asyncio.timeout(5):
            while (await store.due_tasks(app="orders", partitions=_ALL, until=NEVER, limit=1, after=None)).rows[
                0
            ].due_at > clock.wall_ns():
                await asyncio.sleep(0.01)
        assert items.empty(), "the other may have it in hand"
        await settled(other)
        item = await items.get()
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
