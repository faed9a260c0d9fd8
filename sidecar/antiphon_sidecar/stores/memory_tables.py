"""The tables of the memory store: plain dictionaries, one set for each namespace.

Used by `memory` alone. It adds and removes rows and keeps the per-instance indexes right; what may be
added or removed when is the store's business.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from antiphon_sidecar.stores import spent
from antiphon_sidecar.stores.base import (
    AppRecord,
    Heartbeat,
    HistoryRow,
    InboxKind,
    InboxRow,
    InstanceRow,
    TaskRef,
    TaskRow,
    TimerRow,
)


@dataclass(slots=True)
class Run:
    """What belongs to one instance ID; dictionaries instead of sets, because their order is fixed."""

    row: InstanceRow | None = None
    commit_id: bytes = b""
    history: dict[tuple[bytes, int], dict[int, HistoryRow]] = field(default_factory=dict)
    inbox: dict[bytes, None] = field(default_factory=dict)
    tasks: dict[TaskRef, None] = field(default_factory=dict)
    timers: dict[TaskRef, None] = field(default_factory=dict)


@dataclass(slots=True)
class Tables:
    """One namespace's rows. `seq` is the number that the last inbox row got."""

    runs: dict[tuple[str, str], Run] = field(default_factory=dict)
    inbox: dict[bytes, InboxRow] = field(default_factory=dict)
    tasks: dict[TaskRef, TaskRow] = field(default_factory=dict)
    timers: dict[TaskRef, TimerRow] = field(default_factory=dict)
    epochs: dict[tuple[str, int], tuple[int, str]] = field(default_factory=dict)
    heartbeats: dict[tuple[str, str], Heartbeat] = field(default_factory=dict)
    apps: dict[str, AppRecord] = field(default_factory=dict)
    registry: dict[str, bytes] = field(default_factory=dict)
    schemas: dict[str, str] = field(default_factory=dict)
    #: (app, kind, name) -> (holder, mark) -> (replica, given at, lapses_ns).
    grants: dict[tuple[str, int, str], dict[tuple[str, str], tuple[str, int, int]]] = field(default_factory=dict)
    seq: int = 0

    def run(self, app: str, instance_id: str) -> Run:
        """Return the entry of an instance ID, made when it is not there."""
        return self.runs.setdefault((app, instance_id), Run())

    def row(self, app: str, instance_id: str) -> InstanceRow | None:
        """Return the instance row."""
        run = self.runs.get((app, instance_id))
        return run.row if run else None

    def epoch(self, app: str, partition: int) -> int:
        """Return a partition's epoch, 0 when nobody ever took it."""
        return self.epochs.get((app, partition), (0, ""))[0]

    def holds(self, epoch: int, *, app: str, partition: int) -> bool:
        """Tell whether a partition was taken and has exactly this epoch."""
        return epoch > 0 and epoch == self.epoch(app, partition)

    def inbox_of(self, app: str, instance_id: str) -> list[InboxRow]:
        """Return an instance's inbox by `seq`."""
        run = self.runs.get((app, instance_id))
        return [self.inbox[row_id] for row_id in run.inbox] if run else []

    def message(self, row_id: bytes) -> InboxRow | None:
        """Return the message of an ID; not what is left of one in `spent`."""
        row = self.inbox.get(row_id)
        return None if row is None or row.instance_id == spent.NOBODY else row

    def starts_of(self, app: str, instance_id: str) -> Iterator[InboxRow]:
        """Yield the unread START rows of an instance by `seq`."""
        return (row for row in self.inbox_of(app, instance_id) if row.kind is InboxKind.START)

    def add_inbox(self, row: InboxRow, *, now: int) -> None:
        """Add a message unless its ID is there."""
        if row.row_id in self.inbox:
            return
        self.seq += 1
        self.inbox[row.row_id] = replace(row, seq=self.seq, due_at=now)
        self.run(row.app, row.instance_id).inbox[row.row_id] = None

    def remember_start(self, row: InstanceRow, *, now: int) -> None:
        """Keep the message ID of a run that is deleted soon after it began."""
        due_at = row.created_at + spent.REMEMBERED_NS
        if due_at <= now or row.incarnation in self.inbox:
            return
        left = InboxRow(row.app, spent.NOBODY, row.slot, row.incarnation, InboxKind.CONTROL, row.incarnation, b"")
        self.add_inbox(left, now=due_at)

    def drop_inbox(self, row_id: bytes) -> bool:
        """Delete a message; False when it is not there."""
        row = self.inbox.pop(row_id, None)
        if row is None:
            return False
        self.runs[row.app, row.instance_id].inbox.pop(row_id, None)
        self._tidy(row.app, row.instance_id)
        return True

    def add_task(self, row: TaskRow) -> None:
        """Add a task row."""
        self.tasks[row.ref] = row
        self.run(row.app, row.instance_id).tasks[row.ref] = None

    def drop_task(self, ref: TaskRef) -> TaskRow | None:
        """Delete a task row and return it; None when it is not there."""
        row = self.tasks.pop(ref, None)
        if row is not None:
            self.runs[ref.app, ref.instance_id].tasks.pop(ref, None)
            self._tidy(ref.app, ref.instance_id)
        return row

    def add_timer(self, row: TimerRow) -> None:
        """Add a timer row."""
        self.timers[row.ref] = row
        self.run(row.app, row.instance_id).timers[row.ref] = None

    def drop_timer(self, ref: TaskRef) -> TimerRow | None:
        """Delete a timer row and return it; None when it is not there."""
        row = self.timers.pop(ref, None)
        if row is not None:
            self.runs[ref.app, ref.instance_id].timers.pop(ref, None)
            self._tidy(ref.app, ref.instance_id)
        return row

    def drop_run(self, app: str, instance_id: str) -> None:
        """Delete the instance row and every history row of its ID."""
        run = self.runs[app, instance_id]
        run.row, run.commit_id = None, b""
        run.history.clear()
        self._tidy(app, instance_id)

    def _tidy(self, app: str, instance_id: str) -> None:
        run = self.runs[app, instance_id]
        if run.row is None and not (run.history or run.inbox or run.tasks or run.timers):
            del self.runs[app, instance_id]


@dataclass(slots=True)
class MemoryData:
    """The content of a memory store; replicas that are given the same object share the store."""

    identity: str = "memory"
    namespaces: dict[str, Tables] = field(default_factory=dict)

    def tables(self, namespace: str) -> Tables:
        """Return a namespace's tables, made when they are not there."""
        return self.namespaces.setdefault(namespace, Tables())
