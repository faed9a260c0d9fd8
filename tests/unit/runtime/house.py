"""One app's whole runtime on a memory store and a clock of its own, with workers that are moved by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.coordination.local import LocalCoordinator, LocalRegistry
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.actions import Action, Response
from antiphon_sidecar.peers.memory import MemoryNetwork, MemoryPeers
from antiphon_sidecar.runtime.calls import Calls, NewInstance
from antiphon_sidecar.runtime.committer import Committer
from antiphon_sidecar.runtime.known import KnownApps
from antiphon_sidecar.runtime.parts import Identity, Parts
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.why import Scene
from antiphon_sidecar.runtime.workers import Item, Offers, TurnItem, WorkerStream
from antiphon_sidecar.settings import Limits
from antiphon_sidecar.stores.base import InstanceRow
from antiphon_sidecar.stores.memory import MemoryData, MemoryStore
from tests.unit.runtime.fakes import FakeClock

APP = "orders"
_STEP_S = 0.01
_PATIENCE_S = 300.0


@dataclass(eq=False)
class Hand:
    """A worker; its turns lie here until the test answers them or lets it die."""

    stream: WorkerStream
    turns: list[TurnItem] = field(default_factory=list)

    def seen(self) -> list[str]:
        """The instances of the turns it was sent."""
        return [turn.instance_id for turn in self.turns]


class House:
    """A replica of one app. `data` outlives it: a second house on the same data is its successor."""

    def __init__(self, clock: FakeClock, data: MemoryData, *, limits: Limits, name: str) -> None:
        self.clock = clock
        self.store = MemoryStore(clock=clock.wall_ns, data=data)
        committer = Committer(self.store)
        self.committing = committer.run
        self.replica = Replica(
            Identity(app=APP, replica=name, namespace="default"),
            Parts(
                store=self.store,
                committer=committer,
                coordinator=LocalCoordinator(LocalRegistry(clock.monotonic), name),
                peers=MemoryPeers(MemoryNetwork(), name),
                clock=clock,
                store_clock=clock.store_clock(),
                known_apps=KnownApps(self.store),
                limits=limits,
            ),
        )
        self.calls = Calls(self.replica)

    async def worker(self, *workflows: str, versions: dict[str, set[str]] | None = None, **offers: Any) -> Hand:
        """Connect a worker; without names it declares nothing."""
        offered = {name: frozenset(each) for name, each in (versions or {}).items()}
        names = frozenset((*workflows, *offered))
        hand = Hand(WorkerStream(Offers(declares=bool(names), workflows=names, versions=offered, **offers), send=_drop))
        hand.stream.send = lambda item: _keep(hand, item)
        await self.replica.connect(hand.stream)
        return hand

    async def lose(self, hand: Hand) -> None:
        """Let a worker die."""
        await self.replica.disconnect(hand.stream)

    async def start(self, instance_id: str, name: str = "ship", **more: Any) -> None:
        """Start an instance without waiting for its first turn."""
        self.starting = asyncio.ensure_future(self.calls.start(NewInstance(instance_id, name, **more)))
        await self.until(lambda: self.replica.instances.get(instance_id) is not None or self.starting.done())

    def answer(self, turn: TurnItem, *actions: Action, **more: Any) -> None:
        """Answer a turn."""
        self.replica.turn_answered(token=turn.token, instance_id=turn.instance_id, response=Response(actions, **more))

    def scene(self) -> Scene:
        """Return what can be seen of what instances wait for."""
        parts = self.replica.parts
        view = parts.coordinator.view()
        return Scene(self.store, view, {APP: self.replica}.get, parts.known_apps, parts.store_clock.now())

    async def row(self, instance_id: str) -> InstanceRow:
        """Return what is durable of an instance."""
        row = await self.store.get_instance(app=APP, instance_id=instance_id)
        assert row is not None
        return row

    async def status(self, instance_id: str) -> ev.Status:
        """Return the durable status."""
        return ev.Status((await self.row(instance_id)).status)

    async def reaches(self, instance_id: str, status: ev.Status) -> InstanceRow:
        """Wait for a durable status."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                row = await self.store.get_instance(app=APP, instance_id=instance_id)
                if row is not None and row.status == status:
                    return row
                await asyncio.sleep(_STEP_S)

    async def history(self, instance_id: str) -> list[ev.Event]:
        """Return the durable history."""
        return [codec.unseal(raw) for raw in await self.calls.history(instance_id)]

    async def until(self, true: Callable[[], bool]) -> None:
        """Let time pass until something is so."""
        async with asyncio.timeout(_PATIENCE_S):
            while not true():
                await asyncio.sleep(_STEP_S)

    async def turn(self, hand: Hand, number: int = 1) -> TurnItem:
        """Wait for a worker's turn, by the count of those it was sent."""
        await self.until(lambda: len(hand.turns) >= number)
        return hand.turns[number - 1]

    async def later(self, seconds: float) -> None:
        """Let time pass: for what must not happen."""
        await asyncio.sleep(seconds)


def _drop(item: Item) -> None:
    """Take an item of a worker that is not there yet: nothing is sent before it connects."""
    raise AssertionError(item)


def _keep(hand: Hand, item: Item) -> None:
    if isinstance(item, TurnItem):
        hand.turns.append(item)


@asynccontextmanager
async def house(
    clock: FakeClock, data: MemoryData | None = None, *, name: str = "one", **limits: Any
) -> AsyncIterator[House]:
    """Run a replica; it ends as a process that is killed: nothing is handed over."""
    made = House(clock, MemoryData() if data is None else data, limits=Limits(**limits), name=name)
    await made.store.open()
    committing = asyncio.ensure_future(made.committing())
    await made.replica.start()
    try:
        yield made
    finally:
        committing.cancel()
        await made.replica.stop()
