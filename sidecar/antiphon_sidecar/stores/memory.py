"""The store contract in memory: for tests, the test kit and the simulator; nothing survives the process.

Every method is atomic: none awaits anything, so on one event loop nothing comes between its first and its
last line. Nothing is random and no order depends on hashing, so that a seeded run repeats exactly. Several
`MemoryStore` objects that are given the same `MemoryData` are replicas on one store.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from antiphon_names.hashing import partition_of
from antiphon_sidecar.engine.events import TERMINAL
from antiphon_sidecar.stores import memory_commits, memory_counts, memory_grants, memory_lists, memory_orphans
from antiphon_sidecar.stores.base import (
    NEVER,
    AppRecord,
    Commit,
    Cursor,
    Heartbeat,
    HistoryRow,
    InboxKind,
    InboxRow,
    InstanceFilter,
    InstanceRow,
    Loaded,
    Old,
    Outcome,
    Page,
    Retired,
    StartOutcome,
    TaskRef,
    TaskRow,
    TimerRow,
)
from antiphon_sidecar.stores.counting import About, NameCounts, OpenTasks
from antiphon_sidecar.stores.limits import Grant, Limited
from antiphon_sidecar.stores.memory_tables import MemoryData, Run, Tables

Row = TypeVar("Row", InboxRow, TaskRow, TimerRow)


class MemoryStore:
    """A `Store` whose clock and content are handed in; see `stores.base` for what each method promises."""

    def __init__(
        self,
        namespace: str = "default",
        *,
        clock: Callable[[], int],
        data: MemoryData | None = None,
    ) -> None:
        self._data = MemoryData() if data is None else data
        self._tables: Tables = self._data.tables(namespace)
        self._clock = clock

    async def open(self) -> None:
        """Do nothing: the content was handed in."""

    async def close(self) -> None:
        """Do nothing: the content belongs to whoever made it."""

    @property
    def identity(self) -> str:
        """The identity of the content."""
        return self._data.identity

    async def now(self) -> int:
        """Return the injected clock's time."""
        return self._clock()

    # replicas and apps

    async def beat(self, *, app: str, replica: str, nonce: str, in_hand: int = 0) -> None:
        """Write this replica's heartbeat row."""
        self._tables.heartbeats[app, replica] = Heartbeat(nonce, self._clock(), in_hand)

    async def heartbeats(self) -> Mapping[tuple[str, str], Heartbeat]:
        """Return all heartbeat rows."""
        return dict(sorted(self._tables.heartbeats.items()))

    async def leave(self, *, app: str, replica: str) -> None:
        """Delete the heartbeat row."""
        self._tables.heartbeats.pop((app, replica), None)

    async def remember_app(self, *, app: str, record: bytes) -> None:
        """Write what an app offers."""
        self._tables.apps[app] = AppRecord(app, record, self._clock())

    async def known_apps(self) -> Sequence[AppRecord]:
        """Return every remembered app by name."""
        return [self._tables.apps[app] for app in sorted(self._tables.apps)]

    async def copy_registry(self, changed: Mapping[str, bytes], *, gone: Collection[str] = ()) -> None:
        """Write what the operator says."""
        self._tables.registry.update(changed)
        for key in gone:
            self._tables.registry.pop(key, None)

    async def registry_copy(self) -> Mapping[str, bytes]:
        """Return what was copied."""
        return dict(sorted(self._tables.registry.items()))

    async def keep_schemas(self, schemas: Mapping[str, str]) -> None:
        """Write those that are not there."""
        for digest in sorted(schemas):
            self._tables.schemas.setdefault(digest, schemas[digest])

    async def schemas(self, digests: Collection[str]) -> Mapping[str, str]:
        """Return those that are there."""
        return {digest: self._tables.schemas[digest] for digest in sorted(digests) if digest in self._tables.schemas}

    # counts

    async def count_instances(self, *, apps: Sequence[str], failed_since: int) -> Sequence[NameCounts]:
        """Count by app and workflow."""
        return memory_counts.instances(self._tables, apps, failed_since=failed_since)

    async def count_tasks(self, *, apps: Sequence[str]) -> Sequence[OpenTasks]:
        """Count the calls to each app."""
        return memory_counts.tasks(self._tables, apps)

    async def about(self) -> About:
        """Say that it is in memory."""
        return About("memory", "", 0, 0)

    # ownership

    async def take_partition(self, *, app: str, partition: int, replica: str) -> int:
        """Raise the partition's epoch."""
        epoch = self._tables.epoch(app, partition) + 1
        self._tables.epochs[app, partition] = (epoch, replica)
        return epoch

    def _holds(self, epochs: Mapping[tuple[str, int], int], *, app: str, slot: int) -> bool:
        partition = partition_of(slot)
        return self._tables.holds(epochs.get((app, partition), 0), app=app, partition=partition)

    # turns

    async def load(self, *, app: str, instance_id: str, inbox_limit: int = 1000) -> Loaded | None:
        """Read an instance."""
        run = self._tables.runs.get((app, instance_id))
        if run is None or (run.row is None and not run.inbox):
            return None
        tasks = sorted((self._tables.tasks[ref] for ref in run.tasks), key=lambda row: row.task_id)
        timers = sorted((self._tables.timers[ref] for ref in run.timers), key=lambda row: row.timer_id)
        return Loaded(
            row=run.row,
            history=tuple(_history(run)),
            inbox=tuple(self._inbox(app, instance_id)[:inbox_limit]),
            tasks=tuple(tasks),
            timers=tuple(timers),
        )

    async def load_inbox(self, *, app: str, instance_id: str, limit: int = 1000) -> Sequence[InboxRow]:
        """Read an instance's inbox."""
        return self._inbox(app, instance_id)[:limit]

    def _inbox(self, app: str, instance_id: str) -> list[InboxRow]:
        rows = self._tables.inbox_of(app, instance_id)
        return sorted(rows, key=lambda row: (row.kind is not InboxKind.START, row.seq))

    async def commit(self, group: Sequence[Commit]) -> Sequence[Outcome]:
        """Apply the commits one after another."""
        outcomes = []
        for commit in group:
            outcome = memory_commits.judge(self._tables, commit)
            if outcome is Outcome.COMMITTED:
                memory_commits.apply(self._tables, commit, now=self._clock())
            outcomes.append(outcome)
        return outcomes

    async def has_commit(self, *, app: str, instance_id: str, commit_id: bytes) -> bool:
        """Tell whether this commit landed."""
        run = self._tables.runs.get((app, instance_id))
        return run is not None and (
            run.commit_id == commit_id
            or any(row.commit_id == commit_id for rows in run.history.values() for row in rows.values())
        )

    async def replace_tasks(self, items: Sequence[tuple[TaskRef, InboxRow]]) -> Sequence[bool]:
        """Turn task rows into inbox rows."""
        return [self._replace(ref, message) for ref, message in items]

    def _replace(self, ref: TaskRef, message: InboxRow) -> bool:
        task = self._tables.drop_task(ref)
        if task is None:
            return False
        row = replace(
            message,
            app=ref.app,
            instance_id=ref.instance_id,
            slot=task.slot,
            incarnation=task.incarnation,
            execution_id=task.execution_id,
        )
        self._tables.add_inbox(row, now=self._clock())
        return True

    async def bump_attempts(
        self,
        *,
        epochs: Mapping[tuple[str, int], int],
        items: Sequence[tuple[TaskRef, int]],
        due_at: int,
    ) -> Sequence[bool]:
        """Raise the attempts that still are the given ones."""
        return [self._bump(epochs, ref, attempt=attempt, due_at=due_at) for ref, attempt in items]

    def _bump(self, epochs: Mapping[tuple[str, int], int], ref: TaskRef, *, attempt: int, due_at: int) -> bool:
        task = self._tables.tasks.get(ref)
        if task is None or task.attempt != attempt:
            return False
        if not self._holds(epochs, app=task.app, slot=task.slot):
            return False
        raised = replace(task, attempt=attempt + 1, claimed_by="", due_at=due_at)
        self._tables.tasks[ref] = raised
        return True

    async def claim_tasks(self, *, replica: str, items: Sequence[tuple[TaskRef, int]]) -> Sequence[bool]:
        """Claim attempts for a replica."""
        return [self._claim(ref, attempt=attempt, replica=replica) for ref, attempt in items]

    def _claim(self, ref: TaskRef, *, attempt: int, replica: str) -> bool:
        task = self._tables.tasks.get(ref)
        if task is None or task.attempt != attempt or task.claimed_by not in ("", replica):
            return False
        self._tables.tasks[ref] = replace(task, claimed_by=replica)
        return True

    async def have_tasks(self, refs: Sequence[TaskRef]) -> Sequence[bool]:
        """Tell which task rows are there."""
        return [ref in self._tables.tasks for ref in refs]

    async def note_details(self, items: Sequence[tuple[TaskRef, bytes]]) -> None:
        """Write what tasks last said of their progress."""
        for ref, details in items:
            row = self._tables.tasks.get(ref)
            if row is not None:
                self._tables.tasks[ref] = replace(row, details=details)

    # limits

    async def acquire_grants(
        self, limited: Limited, *, replica: str, gone_ns: int, grants: Sequence[Grant]
    ) -> Sequence[bool]:
        """Give grants as far as the limit allows."""
        return memory_grants.acquire(
            self._tables, limited, replica=replica, gone_ns=gone_ns, grants=grants, now=self._clock()
        )

    async def release_grants(self, items: Sequence[tuple[Limited, Grant]]) -> None:
        """Take grants back."""
        memory_grants.release(self._tables, items)

    # client calls that arrive anywhere

    async def start_instance(
        self, *, row: InstanceRow, start: InboxRow, unique: bool, until: int = NEVER
    ) -> StartOutcome:
        """Insert a PENDING instance and its START row."""
        now, found = self._clock(), self._tables.row(row.app, row.instance_id)
        if start.row_id in self._tables.inbox or (found is not None and found.incarnation == row.incarnation):
            return StartOutcome.REPEATED
        if now > until:
            return StartOutcome.LATE
        if found is not None:
            if found.status not in TERMINAL:
                return StartOutcome.ACTIVE
            if unique:
                return StartOutcome.FINISHED
            self._drop(found)
        self._tables.run(row.app, row.instance_id).row = replace(row, updated_at=now)
        self._tables.add_inbox(start, now=now)
        return StartOutcome.CREATED

    def _drop(self, row: InstanceRow) -> None:
        """Delete a run: its instance row, history, messages, tasks and timers."""
        tables, run = self._tables, self._tables.run(row.app, row.instance_id)
        for message in tables.inbox_of(row.app, row.instance_id):
            if message.incarnation == row.incarnation:
                tables.drop_inbox(message.row_id)
        for ref in [ref for ref in run.tasks if tables.tasks[ref].incarnation == row.incarnation]:
            tables.drop_task(ref)
        for ref in [ref for ref in run.timers if tables.timers[ref].incarnation == row.incarnation]:
            tables.drop_timer(ref)
        tables.drop_run(row.app, row.instance_id)
        tables.remember_start(row, now=self._clock())

    async def post(self, rows: Sequence[InboxRow]) -> Sequence[bool]:
        """Insert messages for instances that have not ended."""
        return [self._post(row) for row in rows]

    def _post(self, message: InboxRow) -> bool:
        if message.row_id in self._tables.inbox:
            return True
        row = self._tables.row(message.app, message.instance_id)
        if row is not None and row.status not in TERMINAL:
            incarnation = row.incarnation
        else:
            start = next(self._tables.starts_of(message.app, message.instance_id), None)
            if start is None:
                return False
            incarnation = start.incarnation
        self._tables.add_inbox(replace(message, incarnation=incarnation), now=self._clock())
        return True

    async def get_instance(self, *, app: str, instance_id: str) -> InstanceRow | None:
        """Read the instance row."""
        return self._tables.row(app, instance_id)

    async def history(self, *, app: str, instance_id: str, limit: int | None = None) -> Sequence[HistoryRow]:
        """Read the history of the current generation."""
        run = self._tables.runs.get((app, instance_id))
        return _history(run)[:limit] if run else []

    async def list_instances(
        self, filter: InstanceFilter, *, limit: int, after: bytes | None = None
    ) -> tuple[Sequence[InstanceRow], bytes | None]:
        """Return a page, newest first."""
        return memory_lists.page(self._tables, filter, limit=limit, after=after)

    async def purge(self, *, app: str, instance_id: str, incarnation: bytes, starts: Collection[bytes] = ()) -> bool:
        """Delete a finished run."""
        row = self._tables.row(app, instance_id)
        if row is None or row.incarnation != incarnation or row.status not in TERMINAL:
            return False
        self._drop(row)
        for row_id in starts:
            message = self._tables.inbox.get(row_id)
            if message is not None and message.kind is InboxKind.START:
                self._tables.drop_inbox(row_id)
        return True

    async def retire(self, old: Old) -> Retired:
        """Delete a batch of runs that ended long ago."""
        found = memory_lists.ended(self._tables, old)
        gone = [row for row in found if memory_lists.may_go(self._tables, old, row)]
        for row in gone:
            self._drop(row)
        if len(found) < old.limit:
            return Retired(len(gone), None)
        return Retired(len(gone), memory_lists.end_of(found[-1]))

    # sweeps

    async def any_due(self, *, app: str, partitions: Collection[int], until: int, timers_until: int) -> bool:
        """Tell whether anything is due."""
        return (
            any(_due(self._tables.inbox.values(), app=app, partitions=partitions, until=until))
            or any(_due(self._tables.tasks.values(), app=app, partitions=partitions, until=until))
            or any(_due(self._tables.timers.values(), app=app, partitions=partitions, until=timers_until))
        )

    async def due_inbox(
        self, *, app: str, partitions: Collection[int], until: int, limit: int, after: Cursor | None = None
    ) -> Page[InboxRow]:
        """Return due inbox rows."""
        due = _due(self._tables.inbox.values(), app=app, partitions=partitions, until=until)
        return _page(((Cursor(row.due_at, (row.seq,)), row) for row in due), limit, after)

    async def due_tasks(
        self, *, app: str, partitions: Collection[int], until: int, limit: int, after: Cursor | None = None
    ) -> Page[TaskRow]:
        """Return due task rows."""
        due = _due(self._tables.tasks.values(), app=app, partitions=partitions, until=until)
        return _page(((_cursor(row), row) for row in due), limit, after)

    async def due_timers(
        self, *, app: str, partitions: Collection[int], until: int, limit: int, after: Cursor | None = None
    ) -> Page[TimerRow]:
        """Return due timer rows."""
        due = _due(self._tables.timers.values(), app=app, partitions=partitions, until=until)
        return _page(((_cursor(row), row) for row in due), limit, after)

    async def defer_inbox(self, items: Sequence[tuple[bytes, int]]) -> None:
        """Move due_at of inbox rows."""
        for row_id, due_at in items:
            row = self._tables.message(row_id)
            if row is not None:
                self._tables.inbox[row_id] = replace(row, due_at=due_at)

    async def defer_tasks(self, items: Sequence[tuple[TaskRef, int]]) -> None:
        """Move due_at of task rows."""
        for ref, due_at in items:
            row = self._tables.tasks.get(ref)
            if row is not None:
                self._tables.tasks[ref] = replace(row, due_at=due_at)

    async def defer_timers(self, items: Sequence[tuple[TaskRef, int]]) -> None:
        """Move due_at of timer rows."""
        for ref, due_at in items:
            row = self._tables.timers.get(ref)
            if row is not None:
                self._tables.timers[ref] = replace(row, due_at=due_at)

    async def release_tasks(self, *, app: str, target_app: str, now: int) -> int:
        """Make the rows of `app` for `target_app` due."""
        held = [
            row
            for row in self._tables.tasks.values()
            if row.app == app and row.target_app == target_app and row.due_at > now
        ]
        for row in held:
            self._tables.tasks[row.ref] = replace(row, due_at=now)
        return len(held)

    async def drop_orphans(
        self,
        *,
        epochs: Mapping[tuple[str, int], int],
        inbox: Sequence[InboxRow],
        tasks: Sequence[TaskRow],
        timers: Sequence[TimerRow],
    ) -> int:
        """Delete rows whose run is gone."""
        return memory_orphans.drop(self._tables, epochs=epochs, inbox=inbox, tasks=tasks, timers=timers)


def _history(run: Run) -> list[HistoryRow]:
    if run.row is None:
        return []
    turns = run.history.get((run.row.incarnation, run.row.generation), {})
    return [turns[turn] for turn in sorted(turns)]


def _due(rows: Iterable[Row], *, app: str, partitions: Collection[int], until: int) -> Iterator[Row]:
    return (row for row in rows if row.app == app and row.due_at <= until and partition_of(row.slot) in partitions)


def _cursor(row: TaskRow | TimerRow) -> Cursor:
    ref = row.ref
    return Cursor(row.due_at, (ref.instance_id, ref.execution_id, ref.task_id))


def _page(rows: Iterable[tuple[Cursor, Row]], limit: int, after: Cursor | None) -> Page[Row]:
    """Sort by (due_at, key), go on behind `after` and cut."""
    found = sorted(rows, key=lambda item: (item[0].due_at, item[0].key))
    if after is not None:
        found = [item for item in found if (item[0].due_at, item[0].key) > (after.due_at, after.key)]
    page = found[:limit]
    return Page(tuple(row for _, row in page), page[-1][0] if len(page) == limit else None)
