"""Instances in a memory store, replicas with what a test gives them, and the question why."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from antiphon_names.hashing import PARTITIONS, partition_of, slot_of
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.coordination.local import LocalCoordinator, LocalRegistry
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.messages import Kind, Message, Outgoing, Row
from antiphon_sidecar.engine.state import State, evolve
from antiphon_sidecar.peers.memory import MemoryNetwork, MemoryPeers
from antiphon_sidecar.runtime import rows
from antiphon_sidecar.runtime.committer import Committer
from antiphon_sidecar.runtime.dispatch import UnknownApps
from antiphon_sidecar.runtime.known import KnownApps
from antiphon_sidecar.runtime.lane import Lane, Phase
from antiphon_sidecar.runtime.parts import Identity, Parts
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.why import Scene, Wait, failures, fix_for, why
from antiphon_sidecar.runtime.workers import Offers, WorkerStream
from antiphon_sidecar.settings import Concurrency, Limits
from antiphon_sidecar.stores.base import Commit, HistoryRow, InboxRow, InstanceRow, Outcome, TaskRow
from antiphon_sidecar.stores.memory import MemoryStore
from tests.unit.runtime.fakes import EPOCH_NS, FakeClock

APP = "orders"
SECOND = 1_000_000_000


def at(seconds: float) -> int:
    """A store time, in seconds after the clock's beginning."""
    return EPOCH_NS + int(seconds * SECOND)


def route(target: str) -> ev.Route:
    return ev.Route(source=APP, target=target)


def began(name: str = "buy") -> list[ev.Event]:
    return [ev.WorkflowStarted(at(0)), ev.ExecutionStarted(at(0), name, "i1", "x0", route=route(APP))]


class Asked:
    """App "orders" and whoever else a test lets run."""

    def __init__(
        self, *, unknown: UnknownApps | None = None, concurrency: Concurrency | None = None, **limits: Any
    ) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(clock=self.clock.wall_ns)
        self.registry = LocalRegistry(self.clock.monotonic)
        self.known = KnownApps(self.store)
        self.replicas: dict[str, Replica] = {}
        self._network = MemoryNetwork()
        self._unknown = unknown or UnknownApps()
        self._concurrency = concurrency or Concurrency()
        self._limits = Limits(**limits)

    async def app(self, name: str = APP, *, workers: int = 1, **offers: frozenset[str]) -> Replica:
        """Let an app run: a replica that owns its partitions, with workers that declare these names."""
        identity = Identity(app=name, replica=f"{name}-1", namespace="default")
        made = Replica(
            identity,
            Parts(
                store=self.store,
                committer=Committer(self.store),
                coordinator=LocalCoordinator(self.registry, identity.replica),
                peers=MemoryPeers(self._network, identity.replica),
                clock=self.clock,
                store_clock=self.clock.store_clock(),
                known_apps=self.known,
                limits=self._limits,
                concurrency=self._concurrency,
                unknown_apps=self._unknown,
            ),
        )
        self.replicas[name] = made
        for _ in range(workers):
            made.workers.add(WorkerStream(Offers(declares=True, **offers), lambda item: None))
        self.registry.publish(made.presence.registration())
        await self.known.remember(made.presence.registration())
        for partition in range(PARTITIONS):
            self.registry.claim(app=name, partition=partition, replica=identity.replica)
            made.ownership.epochs[partition] = 1
        return made

    def workers_leave(self, app: str) -> None:
        made = self.replicas[app]
        made.workers.streams.clear()
        self.registry.publish(made.presence.registration())

    def leaves(self, app: str) -> None:
        """End an app's sidecar."""
        self.registry.leave(self.replicas.pop(app).identity.replica)

    async def instance(
        self,
        *events: ev.Event,
        app: str = APP,
        instance_id: str = "i1",
        tasks: Mapping[int, TaskRow] | None = None,
        **row: Any,
    ) -> InstanceRow:
        """Store an instance with these events as its history; `row` changes fields of its row."""
        state = State(app, instance_id, b"r" * 16, "x0", version=1, created_at=at(0))
        for event in events:
            evolve(state, event)
        state.name = state.name or "buy"
        slot = slot_of(instance_id)
        epoch = await self.store.take_partition(app=app, partition=partition_of(slot), replica=f"{app}-1")
        stored = replace(rows.instance_row(state, now=at(0)), **row)
        commit = Commit(
            app=app,
            instance_id=instance_id,
            slot=slot,
            epoch=epoch,
            commit_id=b"c" * 16,
            expect_incarnation=None,
            expect_version=None,
            row=stored,
            history=HistoryRow(0, 0, codec.pack([codec.seal(event) for event in events]), len(events), b"c" * 16),
            tasks=tuple((tasks or {}).values()),
        )
        assert await self.store.commit([commit]) == [Outcome.COMMITTED]
        return stored

    def task(self, number: int, *, target: str = "payments", name: str = "charge", **over: Any) -> TaskRow:
        made = TaskRow(
            APP, "i1", slot_of("i1"), b"r" * 16, "x0", number, target, name, b"request", created_at=at(0), attempt=1
        )
        return replace(made, **over)

    def lane(self, *, phase: Phase = Phase.IDLE, queue: bool = False) -> Lane:
        """Take the instance into its owner's memory."""
        replica = self.replicas[APP]
        message = Message(Kind.EVENT, Row.NONE, (ev.EventRaised(at(0), "e"),), message_id=b"m" * 16)
        found = replica.instances.deliver("i1", [])
        assert found is not None
        found.phase, found.since = phase, self.clock.monotonic()
        if queue:
            found.queue.append(message)
        return found

    async def start_row(self, *, app: str, instance_id: str) -> InboxRow:
        """Put a child's start into the store, which nobody has taken up yet."""
        started = ev.ExecutionStarted(at(0), "pay", instance_id, "x1")
        row = rows.inbox_row(Outgoing(app, instance_id, Kind.START, b"s" * 16, b"s" * 16, "x1", events=(started,)))
        assert await self.store.post([row]) is not None
        return row

    def scene(self) -> Scene:
        return Scene(self.store, self.registry.view, self.replicas.get, self.known, self.clock.wall_ns())

    async def why(self, instance_id: str = "i1", app: str = APP) -> list[Wait]:
        row = await self.store.get_instance(app=app, instance_id=instance_id)
        assert row is not None
        return await why(row, self.scene())

    async def the_only(self) -> Wait:
        (wait,) = await self.why()
        return wait

    async def failure(self) -> tuple[list[str], str]:
        """The way of the failure of "i1" as short texts, first cause first; and what to do."""
        row = await self.store.get_instance(app=APP, instance_id="i1")
        assert row is not None
        links = await failures(row, self.scene())
        shown = [f"{link.kind} {link.name} ({link.app}): {link.failure.message}" for link in links]
        return shown, fix_for(links)
