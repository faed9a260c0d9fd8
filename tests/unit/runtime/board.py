"""A dispatcher with a real registry around it; what it sends and fails is written down."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from antiphon_names.hashing import slot_of
from antiphon_names.registry import AppRecord, SyncedRecord
from antiphon_sidecar.coordination.base import Registration, View
from antiphon_sidecar.coordination.local import LocalRegistry
from antiphon_sidecar.engine.events import Failure
from antiphon_sidecar.peers.base import Cancel, Dispatch, Message, Progress
from antiphon_sidecar.runtime.callrules import CallRules
from antiphon_sidecar.runtime.dispatch import Dispatcher, UnknownApps
from antiphon_sidecar.runtime.placing import Placing
from antiphon_sidecar.runtime.registry import Registry
from antiphon_sidecar.settings import Limits
from antiphon_sidecar.stores.base import TaskRef, TaskRow
from antiphon_sidecar.stores.memory import MemoryStore
from tests.unit.runtime.fakes import FakeClock

CALLER = "orders"
TARGET = "payments"


class Board:
    """App "orders" calls others."""

    def __init__(self, *, unknown: UnknownApps | None = None, operator: bool = False, **limits: Any) -> None:
        self.clock = FakeClock()
        self.registry = LocalRegistry(self.clock.monotonic)
        self.known: set[str] = set()
        #: What the operator says, of each app and that it has said all; and replicas on another store.
        self.apps: dict[str, AppRecord] = {}
        self.synced: SyncedRecord | None = None
        self.elsewhere: set[str] = set()
        self.sent: list[tuple[str, Dispatch]] = []
        self.failed: list[tuple[TaskRef, Failure]] = []
        self.cancelled: list[tuple[str, TaskRef]] = []
        self.alarms: dict[Hashable, tuple[int, Callable[[], None]]] = {}
        self.dispatcher = Dispatcher(
            placing=Placing(CALLER, "me"),
            clock=self.clock,
            store_clock=self.clock.store_clock(),
            limits=Limits(**limits),
            unknown_apps=unknown or UnknownApps(),
            view=self.view,
            rules=CallRules(
                CALLER,
                registry=Registry(MemoryStore(clock=self.clock.wall_ns), self.view, operator=operator),
                view=self.view,
                shares=self.shares,
                seen=lambda: self.known,
            ),
            send=self._send,
            fail=lambda row, failure: self.failed.append((row.ref, failure)),
            alarms=self,
        )

    def view(self) -> View:
        return replace(self.registry.view, apps=self.apps, synced=self.synced)

    def shares(self, other: Registration) -> bool:
        return other.replica not in self.elsewhere

    def _send(self, to: str, message: Message) -> None:
        if isinstance(message, Cancel):
            self.cancelled.append((to, message.ref))
        else:
            assert isinstance(message, Dispatch)
            self.sent.append((to, message))

    # the dispatcher's alarms; `later` lets them ring

    def arm(self, key: Hashable, at: int, call: Callable[[], None]) -> None:
        self.alarms.setdefault(key, (at, call))

    def disarm(self, key: Hashable) -> None:
        self.alarms.pop(key, None)

    def ring(self) -> None:
        for key, (at, call) in list(self.alarms.items()):
            if at <= self.clock.wall_ns() and self.alarms.pop(key, None) is not None:
                call()

    def replica(self, name: str = "p1", app: str = TARGET, **over: Any) -> None:
        """Let a replica with one worker that declares "charge" register."""
        made = Registration(app, name, workers=1, activities=frozenset({"charge"}))
        self.registry.publish(replace(made, **over))

    def task(self, number: int = 1, **over: Any) -> TaskRow:
        made = TaskRow(
            app=CALLER,
            instance_id="order-1",
            slot=slot_of("order-1"),
            incarnation=b"r" * 16,
            execution_id="x0",
            task_id=number,
            target_app=TARGET,
            name="charge",
            request=b"request",
            created_at=self.clock.wall_ns(),
        )
        return replace(made, **over)

    def offer(self, number: int = 1, **over: Any) -> TaskRef:
        row = self.task(number, **over)
        self.dispatcher.offer([row])
        return row.ref

    def later(self, seconds: float) -> None:
        """Let time pass, alarms ring, and the sweep look again."""
        self.clock.advance(seconds)
        self.ring()
        self.dispatcher.retry_held()

    def begins(self, ref: TaskRef, *, replica: str = "p1", attempt: int = 1) -> None:
        """A worker of the target gets the task now."""
        self.dispatcher.progressed(replica, Progress(ref, attempt, self.clock.wall_ns(), 0))

    def beats(self, ref: TaskRef, details: bytes | None = None, *, replica: str = "p1") -> None:
        """The activity gives a sign of life."""
        self.dispatcher.progressed(replica, Progress(ref, 1, 0, self.clock.wall_ns(), details))

    def sent_to(self) -> list[str]:
        return [to for to, _ in self.sent]

    def reasons(self) -> list[str]:
        """Why what is held is held."""
        return [held.reason for held in self.dispatcher.held.values()]

    def failure(self) -> Failure:
        ((_, failure),) = self.failed
        return failure
