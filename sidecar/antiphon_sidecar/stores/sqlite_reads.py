"""What the SQLite store reads: instances, histories, inboxes and due rows.

Used by `sqlite` alone. Each function is a job of the reader, which sees committed rows only and one state of
the store for the whole job.
"""

import json
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from antiphon_sidecar.stores.base import (
    Cursor,
    HistoryRow,
    InboxKind,
    InboxRow,
    InstanceRow,
    Loaded,
    Page,
    TaskRow,
    TimerRow,
)
from antiphon_sidecar.stores.columns import HISTORY, INBOX, INSTANCE, TASK, TIMER, inbox_row, instance_row, listed

Key = tuple[str, str, str]
Row = TypeVar("Row", InboxRow, TaskRow, TimerRow)

_KEY = "namespace = ? AND app = ? AND instance_id = ?"
_INSTANCE = f"SELECT {listed(INSTANCE)} FROM instances WHERE {_KEY}"
_HISTORY = (
    f"SELECT {listed(HISTORY)} FROM history WHERE {_KEY} AND incarnation = ? AND generation = ? ORDER BY turn LIMIT ?"
)
_INBOX = f"SELECT {listed(INBOX)} FROM inbox WHERE {_KEY} ORDER BY kind <> {InboxKind.START:d}, seq LIMIT ?"
_TASKS = f"SELECT {listed(TASK)} FROM tasks WHERE {_KEY} ORDER BY task_id"
_TIMERS = f"SELECT {listed(TIMER)} FROM timers WHERE {_KEY} ORDER BY timer_id"
_LANDED = (
    f"SELECT EXISTS (SELECT 1 FROM instances WHERE {_KEY} AND commit_id = ?)"
    f" OR EXISTS (SELECT 1 FROM history WHERE {_KEY} AND commit_id = ?)"
)
# Within one due time by rowid (the inbox's is `seq`), which the index holds anyway.
_DUE = (
    "SELECT rowid, {columns} FROM {table} WHERE namespace = ? AND app = ? AND due_at <= ?"
    " AND (due_at, rowid) > (?, ?) AND slot >> 11 IN (SELECT value FROM json_each(?))"
    " ORDER BY due_at, rowid LIMIT ?"
)
_DUE_INBOX = _DUE.format(columns=listed(INBOX), table="inbox")
_DUE_TASKS = _DUE.format(columns=listed(TASK), table="tasks")
_DUE_TIMERS = _DUE.format(columns=listed(TIMER), table="timers")
_EARLIEST = -(1 << 63)


def instance(connection: sqlite3.Connection, key: Key) -> InstanceRow | None:
    """Read an instance row."""
    values = connection.execute(_INSTANCE, key).fetchone()
    return instance_row(values) if values else None


def history(
    connection: sqlite3.Connection, key: Key, *, row: InstanceRow | None, limit: int | None = None
) -> tuple[HistoryRow, ...]:
    """Read the history of an instance's current generation, oldest first."""
    if row is None:
        return ()
    found = connection.execute(_HISTORY, (*key, row.incarnation, row.generation, -1 if limit is None else limit))
    return tuple(HistoryRow(*values) for values in found)


def inbox(connection: sqlite3.Connection, key: Key, *, limit: int) -> tuple[InboxRow, ...]:
    """Read an inbox, START rows first."""
    return tuple(inbox_row(values) for values in connection.execute(_INBOX, (*key, limit)))


def load(connection: sqlite3.Connection, key: Key, *, inbox_limit: int) -> Loaded | None:
    """Read an instance with everything that belongs to it."""
    row, messages = instance(connection, key), inbox(connection, key, limit=inbox_limit)
    if row is None and not messages:
        return None
    return Loaded(
        row=row,
        history=history(connection, key, row=row),
        inbox=messages,
        tasks=tuple(TaskRow(*values) for values in connection.execute(_TASKS, key)),
        timers=tuple(TimerRow(*values) for values in connection.execute(_TIMERS, key)),
    )


def has_commit(connection: sqlite3.Connection, key: Key, *, commit_id: bytes) -> bool:
    """Tell whether a commit landed."""
    (landed,) = connection.execute(_LANDED, (*key, commit_id, *key, commit_id)).fetchone()
    return bool(landed)


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep asks for: a page of an app's rows that are due, behind `after`."""

    namespace: str
    app: str
    partitions: Collection[int]
    until: int
    limit: int
    after: Cursor | None


def any_due(connection: sqlite3.Connection, sweep: Sweep, *, timers_until: int) -> bool:
    """Tell whether anything is due."""
    pages = (due_inbox(connection, sweep), due_tasks(connection, sweep))
    return any(page.rows for page in pages) or bool(due_timers(connection, replace(sweep, until=timers_until)).rows)


def due_inbox(connection: sqlite3.Connection, sweep: Sweep) -> Page[InboxRow]:
    """Read a page of due inbox rows."""
    return _due(connection, _DUE_INBOX, sweep=sweep, make=inbox_row)


def due_tasks(connection: sqlite3.Connection, sweep: Sweep) -> Page[TaskRow]:
    """Read a page of due task rows."""
    return _due(connection, _DUE_TASKS, sweep=sweep, make=lambda values: TaskRow(*values))


def due_timers(connection: sqlite3.Connection, sweep: Sweep) -> Page[TimerRow]:
    """Read a page of due timer rows."""
    return _due(connection, _DUE_TIMERS, sweep=sweep, make=lambda values: TimerRow(*values))


def _due(
    connection: sqlite3.Connection, query: str, *, sweep: Sweep, make: Callable[[tuple[Any, ...]], Row]
) -> Page[Row]:
    after: Cursor = sweep.after or Cursor(_EARLIEST, (0,))
    partitions = json.dumps(list(sweep.partitions))
    marks = (sweep.namespace, sweep.app, sweep.until, after.due_at, *after.key, partitions, sweep.limit)
    found = connection.execute(query, marks).fetchall()
    rows = tuple(make(values[1:]) for values in found)
    return Page(rows, Cursor(rows[-1].due_at, (found[-1][0],)) if len(rows) == sweep.limit else None)
