"""What the PostgreSQL store reads: instances, histories, inboxes and due rows.

Used by `postgres` alone. Each function is one statement, so it sees one state of the store.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg

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

Row = TypeVar("Row", InboxRow, TaskRow, TimerRow)
Key = tuple[str, str, str]

_KEY = "namespace = $1 AND app = $2 AND instance_id = $3"
_PLACE = "namespace || '/' || app || '/' || instance_id = $1 || '/' || $2 || '/' || $3"
_EARLIEST = -(1 << 63)


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a sweep asks for: a page of an app's rows that are due, behind `after`."""

    namespace: str
    app: str
    partitions: Collection[int]
    until: int
    limit: int
    after: Cursor | None


class Reads:
    """The reading statements of one schema."""

    def __init__(self, schema: str) -> None:
        self._instance = f"SELECT {listed(INSTANCE)} FROM {schema}.instances WHERE {_KEY}"
        self._inbox = (
            f"SELECT {listed(INBOX)} FROM {schema}.inbox WHERE {_PLACE}"
            f" ORDER BY kind <> {InboxKind.START:d}, seq LIMIT $4"
        )
        history = (
            f"SELECT {{}} FROM {schema}.instances i JOIN {schema}.history h ON h.namespace = $1 AND h.app = $2"
            " AND h.instance_id = $3 AND h.incarnation = i.incarnation AND h.generation = i.generation"
            " WHERE i.namespace = $1 AND i.app = $2 AND i.instance_id = $3 ORDER BY h.turn"
        )
        self._history = f"{history.format(listed(HISTORY, 'h'))} LIMIT $4::bigint"
        self._load = f"""SELECT
            (SELECT ROW ({listed(INSTANCE)}) FROM {schema}.instances WHERE {_KEY}),
            ARRAY ({history.format(f"ROW ({listed(HISTORY, 'h')})")}),
            ARRAY (SELECT ROW ({listed(INBOX)}) FROM {schema}.inbox WHERE {_PLACE}
              ORDER BY kind <> {InboxKind.START:d}, seq LIMIT $4),
            ARRAY (SELECT ROW ({listed(TASK)}) FROM {schema}.tasks WHERE {_KEY} ORDER BY task_id),
            ARRAY (SELECT ROW ({listed(TIMER)}) FROM {schema}.timers WHERE {_KEY} ORDER BY timer_id)"""
        self._landed = (
            f"SELECT EXISTS (SELECT FROM {schema}.instances WHERE {_KEY} AND commit_id = $4)"
            f" OR EXISTS (SELECT FROM {schema}.history WHERE {_KEY} AND commit_id = $4)"
        )
        due = (
            f"SELECT {{columns}}{{seq}} FROM {schema}.{{table}} WHERE namespace || '/' || app = $1 || '/' || $2"
            " AND due_at <= $3 AND (due_at, seq) > ($4, $5) AND slot >> 11 = ANY ($6::int[])"
            " ORDER BY due_at, seq LIMIT $7"
        )
        self._due_inbox = due.format(columns=listed(INBOX), table="inbox", seq=", seq AS place")
        self._due_tasks = due.format(columns=listed(TASK), table="tasks", seq=", seq")
        self._due_timers = due.format(columns=listed(TIMER), table="timers", seq=", seq")
        # Ordered, so that nobody thinks of reading a table until a row is found: as a rule there is none.
        first = (
            f"(SELECT seq FROM {schema}.{{}} WHERE namespace || '/' || app = $1 || '/' || $2 AND due_at <= {{}}"
            " AND slot >> 11 = ANY ($5::int[]) ORDER BY due_at, seq LIMIT 1)"
        )
        tables = (("inbox", "$3"), ("tasks", "$3"), ("timers", "$4"))
        self._any_due = f"SELECT COALESCE({', '.join(first.format(*each) for each in tables)}) IS NOT NULL"

    async def instance(self, connection: asyncpg.Connection, key: Key) -> InstanceRow | None:
        """Read an instance row."""
        values = await connection.fetchrow(self._instance, *key)
        return instance_row(tuple(values)) if values else None

    async def history(self, connection: asyncpg.Connection, key: Key, *, limit: int | None) -> list[HistoryRow]:
        """Read the history of an instance's current generation, oldest first."""
        return [HistoryRow(*values) for values in await connection.fetch(self._history, *key, limit)]

    async def inbox(self, connection: asyncpg.Connection, key: Key, *, limit: int) -> list[InboxRow]:
        """Read an inbox, START rows first."""
        return [inbox_row(values) for values in await connection.fetch(self._inbox, *key, limit)]

    async def load(self, connection: asyncpg.Connection, key: Key, *, inbox_limit: int) -> Loaded | None:
        """Read an instance with everything that belongs to it."""
        row, history, inbox, tasks, timers = await connection.fetchrow(self._load, *key, inbox_limit)
        if row is None and not inbox:
            return None
        return Loaded(
            row=instance_row(tuple(row)) if row else None,
            history=tuple(HistoryRow(*values) for values in history),
            inbox=tuple(inbox_row(values) for values in inbox),
            tasks=tuple(TaskRow(*values) for values in tasks),
            timers=tuple(TimerRow(*values) for values in timers),
        )

    async def has_commit(self, connection: asyncpg.Connection, key: Key, *, commit_id: bytes) -> bool:
        """Tell whether a commit landed."""
        return bool(await connection.fetchval(self._landed, *key, commit_id))

    async def any_due(self, connection: asyncpg.Connection, sweep: Sweep, *, timers_until: int) -> bool:
        """Tell whether anything is due."""
        marks = (sweep.namespace, sweep.app, sweep.until, timers_until, list(sweep.partitions))
        return bool(await connection.fetchval(self._any_due, *marks))

    async def due_inbox(self, connection: asyncpg.Connection, sweep: Sweep) -> Page[InboxRow]:
        """Read a page of due inbox rows."""
        return await _due(connection, self._due_inbox, sweep=sweep, make=inbox_row)

    async def due_tasks(self, connection: asyncpg.Connection, sweep: Sweep) -> Page[TaskRow]:
        """Read a page of due task rows."""
        return await _due(connection, self._due_tasks, sweep=sweep, make=lambda values: TaskRow(*values))

    async def due_timers(self, connection: asyncpg.Connection, sweep: Sweep) -> Page[TimerRow]:
        """Read a page of due timer rows."""
        return await _due(connection, self._due_timers, sweep=sweep, make=lambda values: TimerRow(*values))


async def _due(
    connection: asyncpg.Connection, query: str, *, sweep: Sweep, make: Callable[[Sequence[Any]], Row]
) -> Page[Row]:
    after: Cursor = sweep.after or Cursor(_EARLIEST, (0,))
    marks = (sweep.namespace, sweep.app, sweep.until, after.due_at, *after.key, list(sweep.partitions), sweep.limit)
    found = await connection.fetch(query, *marks)
    rows = tuple(make(tuple(values)[:-1]) for values in found)
    return Page(rows, Cursor(rows[-1].due_at, (found[-1][-1],)) if len(rows) == sweep.limit else None)
