"""What the PostgreSQL store does outside turns: starts, messages, task rows, purge and orphans.

Used by `postgres` alone. Most of it is one statement; what must look at rows after it has locked others is a
transaction, whose every statement takes a snapshot of its own. Rows are locked in key order.
"""

from collections.abc import Collection, Sequence
from typing import Any

import asyncpg

from antiphon_sidecar.engine.events import TERMINAL
from antiphon_sidecar.stores.base import NEVER, InboxKind, InboxRow, InstanceRow, StartOutcome, TaskRef
from antiphon_sidecar.stores.columns import (
    FINISHED,
    INSTANCE,
    MESSAGE,
    TAG,
    instance_values,
    listed,
    message_values,
    tag_values,
)
from antiphon_sidecar.stores.postgres_statement import CLOCK, TYPES, fence, remembered, typed
from antiphon_sidecar.stores.spent import NOBODY

Key = tuple[str, str, str]

RELEASED_AT_ONCE = 1_000
#: How often a start may find its ID taken and then free again.
STARTS_MOST = 5
#: The times are the store's.
_STARTED = tuple(column for column in INSTANCE if column != "updated_at")
_UPDATED_AT = INSTANCE.index("updated_at")
_KEY = "namespace = $1 AND app = $2 AND instance_id = $3"
_OWN = "t.namespace = r.namespace AND t.app = r.app AND t.instance_id = r.instance_id"
_TASK = f"{_OWN} AND t.execution_id = r.execution_id AND t.task_id = r.task_id"
_TIMER = f"{_OWN} AND t.execution_id = r.execution_id AND t.timer_id = r.task_id"
_REF_NAMES = "app, instance_id, execution_id, task_id"


def _marks(first: int, columns: Sequence[str]) -> str:
    return ", ".join(f"${number}::{TYPES[column]}" for number, column in enumerate(columns, first))


def _deferring(rows: str, table: str, *, condition: str) -> str:
    return f"""WITH {rows},
        k AS MATERIALIZED (SELECT r.* FROM r JOIN {table} t ON {condition} ORDER BY r.ord FOR UPDATE OF t)
        UPDATE {table} t SET due_at = r.time FROM k r WHERE {condition}"""


class Messages:
    """The statements of one schema, each method for one connection."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        instance = _marks(2, _STARTED)
        message = _marks(2 + len(_STARTED), MESSAGE)
        tags = ", ".join(
            f"${number}::{kind}[]" for number, kind in enumerate(typed(TAG).values(), 2 + len(_STARTED) + len(MESSAGE))
        )
        late = 2 + len(_STARTED) + len(MESSAGE) + len(TAG)
        # The message first: whether its ID is taken is seen when it is written, not in the statement's snapshot, which
        # may be older than the purge of the run that the same message began. A run that appears meanwhile is an error.
        self._start = f"""WITH clock AS MATERIALIZED (SELECT {CLOCK} AS now),
            sent AS (INSERT INTO {schema}.inbox (namespace, {listed(MESSAGE)}, due_at)
              SELECT $1, {message}, clock.now FROM clock WHERE clock.now <= ${late}::bigint
              AND NOT EXISTS (SELECT FROM {schema}.instances i WHERE i.namespace = $1 AND i.app = $2::text
                AND i.instance_id = $3::text)
              ON CONFLICT (namespace, row_id) DO NOTHING RETURNING 1),
            made AS (INSERT INTO {schema}.instances (namespace, {listed(_STARTED)}, updated_at, commit_id)
              SELECT $1, {instance}, clock.now, '' FROM sent, clock RETURNING 1),
            tagged AS (INSERT INTO {schema}.tags (namespace, {listed(TAG)})
              SELECT $1, u.* FROM made, unnest({tags}) AS u)
            SELECT count(*) FROM made"""
        self._spent = f"""SELECT EXISTS (SELECT FROM {schema}.inbox WHERE namespace = $1 AND row_id = $2),
            {CLOCK} > $3"""
        self._remember = f"""WITH k AS MATERIALIZED (
              SELECT $1::text AS namespace, $2::text AS app, $3::text AS instance_id),
            {remembered(schema)} SELECT"""
        arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(typed(MESSAGE).values(), 2))
        self._post = f"""WITH {self._rows(arrays, listed(MESSAGE))},
            m AS MATERIALIZED (
              SELECT r.*, COALESCE(
                (SELECT i.incarnation FROM {schema}.instances i WHERE i.namespace = r.namespace
                 AND i.app = r.app AND i.instance_id = r.instance_id AND i.status NOT IN {FINISHED}),
                (SELECT b.incarnation FROM {schema}.inbox b WHERE b.namespace || '/' || b.app || '/' || b.instance_id
                 = r.namespace || '/' || r.app || '/' || r.instance_id
                 AND b.kind = {InboxKind.START:d} ORDER BY b.seq LIMIT 1)
              ) AS run FROM r),
            n AS (INSERT INTO {schema}.inbox (namespace, {listed(MESSAGE)}, due_at)
              SELECT namespace, {listed(MESSAGE).replace("incarnation", "run")}, {CLOCK}
              FROM m WHERE run IS NOT NULL ORDER BY ord ON CONFLICT (namespace, row_id) DO NOTHING)
            SELECT m.run IS NOT NULL OR EXISTS (
              SELECT FROM {schema}.inbox b WHERE b.namespace = m.namespace AND b.row_id = m.row_id)
            FROM m ORDER BY m.ord"""
        refs = "$2::text[], $3::text[], $4::text[], $5::bigint[]"
        results = self._rows(
            f"{refs}, $6::bytea[], $7::smallint[], $8::bytea[], $9::bigint[]",
            f"{_REF_NAMES}, row_id, kind, payload, ref_id",
        )
        self._replace = f"""WITH {results},
            k AS MATERIALIZED (
              SELECT r.* FROM r JOIN {schema}.tasks t ON {_TASK} ORDER BY r.ord FOR UPDATE OF t),
            g AS (DELETE FROM {schema}.tasks t USING k r WHERE {_TASK}
              RETURNING r.*, t.slot, t.incarnation),
            n AS (INSERT INTO {schema}.inbox (namespace, app, instance_id, slot, row_id, kind, incarnation,
                payload, execution_id, ref_id, due_at)
              SELECT namespace, app, instance_id, slot, row_id, kind, incarnation, payload, execution_id, ref_id,
                {CLOCK} FROM g ORDER BY ord ON CONFLICT (namespace, row_id) DO NOTHING)
            SELECT ord FROM g"""
        attempts = self._rows(f"{refs}, $6::bigint[]", f"{_REF_NAMES}, attempt")
        self._bump = f"""WITH {fence(schema, 7)}, {attempts},
            k AS MATERIALIZED (
              SELECT r.* FROM r JOIN {schema}.tasks t ON {_TASK} AND t.attempt = r.attempt
              JOIN f ON f.held AND f.app = t.app AND f.partition = t.slot >> 11
              WHERE (SELECT count(*) FROM f) > 0 ORDER BY r.ord FOR UPDATE OF t)
            UPDATE {schema}.tasks t SET attempt = t.attempt + 1, claimed_by = '', due_at = $10
            FROM k r WHERE {_TASK} RETURNING r.ord"""
        self._claim = f"""WITH {attempts},
            k AS MATERIALIZED (
              SELECT r.* FROM r JOIN {schema}.tasks t ON {_TASK} AND t.attempt = r.attempt
              AND t.claimed_by IN ('', $7) ORDER BY r.ord FOR UPDATE OF t)
            UPDATE {schema}.tasks t SET claimed_by = $7 FROM k r WHERE {_TASK} RETURNING r.ord"""
        self._have = f"""WITH {self._rows(refs, _REF_NAMES)}
            SELECT r.ord FROM r JOIN {schema}.tasks t ON {_TASK}"""
        said = self._rows(f"{refs}, $6::bytea[]", f"{_REF_NAMES}, details")
        self._note_details = f"""WITH {said},
            k AS MATERIALIZED (
              SELECT r.* FROM r JOIN {schema}.tasks t ON {_TASK} ORDER BY r.ord FOR UPDATE OF t)
            UPDATE {schema}.tasks t SET details = r.details FROM k r WHERE {_TASK}"""
        times = self._rows(f"{refs}, $6::bigint[]", f"{_REF_NAMES}, time")
        self._defer_tasks = _deferring(times, f"{schema}.tasks", condition=_TASK)
        self._defer_timers = _deferring(times, f"{schema}.timers", condition=_TIMER)
        ids = self._rows("$2::bytea[], $3::bigint[]", "row_id, time")
        condition = f"t.namespace = r.namespace AND t.row_id = r.row_id AND t.instance_id <> '{NOBODY}'"
        self._defer_inbox = _deferring(ids, f"{schema}.inbox", condition=condition)
        self._release = f"""WITH r AS MATERIALIZED (
              SELECT namespace, {_REF_NAMES} FROM {schema}.tasks
              WHERE namespace || '/' || app = $1 || '/' || $2 AND target_app = $3 AND due_at > $4
              ORDER BY {_REF_NAMES} LIMIT {RELEASED_AT_ONCE} FOR UPDATE)
            UPDATE {schema}.tasks t SET due_at = $4 FROM r WHERE {_TASK} RETURNING 1"""

    @staticmethod
    def _rows(arrays: str, names: str) -> str:
        """Return `r`: the given rows, with the namespace and their ordinals."""
        return f"""r AS MATERIALIZED (
              SELECT $1::text AS namespace, u.* FROM unnest({arrays}) WITH ORDINALITY AS u({names}, ord))"""

    async def start(
        self,
        connection: asyncpg.Connection,
        namespace: str,
        *,
        row: InstanceRow,
        start: InboxRow,
        unique: bool,
        until: int,
    ) -> StartOutcome:
        """Insert a PENDING instance with its START row, in place of a finished run."""
        started = instance_values(row)
        started = (*started[:_UPDATED_AT], *started[_UPDATED_AT + 1 :])
        tags = list(zip(*tag_values(row), strict=True)) or [()] * len(TAG)
        values = (namespace, *started, *message_values(start), *tags, until)
        for _ in range(STARTS_MOST):
            try:
                if await connection.fetchval(self._start, *values):
                    return StartOutcome.CREATED
            except asyncpg.UniqueViolationError:
                # Another run of this ID has just begun.
                pass
            async with connection.transaction():
                outcome = await self._restart(connection, values, row=row, unique=unique)
            if outcome is not None:
                return outcome
        return StartOutcome.ACTIVE

    async def _restart(
        self, connection: asyncpg.Connection, values: tuple[Any, ...], *, row: InstanceRow, unique: bool
    ) -> StartOutcome | None:
        """Look at what is in the way, and take the place of a run that has ended; None when it went away."""
        key = (values[0], row.app, row.instance_id)
        query = f"SELECT incarnation, status FROM {self._schema}.instances WHERE {_KEY} FOR UPDATE"
        found = await connection.fetchrow(query, *key)
        incarnation, status = found or (None, None)
        if incarnation == row.incarnation:
            return StartOutcome.REPEATED
        spent, late = await connection.fetchrow(self._spent, values[0], row.incarnation, values[-1])
        if spent or late:
            return StartOutcome.REPEATED if spent else StartOutcome.LATE
        if incarnation is None:
            return None
        if status not in TERMINAL:
            return StartOutcome.ACTIVE
        if unique:
            return StartOutcome.FINISHED
        await self._drop_run(connection, key, incarnation=incarnation)
        # Other starts of this ID wait for this transaction, because it deleted the row they meet.
        assert await connection.fetchval(self._start, *values[:-1], NEVER), "the row was deleted above"
        return StartOutcome.CREATED

    async def post(self, connection: asyncpg.Connection, namespace: str, *, rows: Sequence[InboxRow]) -> list[bool]:
        """Insert messages for the instances that can take them."""
        columns = list(zip(*(message_values(row) for row in rows), strict=True))
        return [answer for (answer,) in await connection.fetch(self._post, namespace, *columns)]

    async def replace(
        self, connection: asyncpg.Connection, namespace: str, *, items: Sequence[tuple[TaskRef, InboxRow]]
    ) -> list[bool]:
        """Turn task rows into inbox rows; of two results of one task the first counts."""
        first = {ref: (number, row) for number, (ref, row) in reversed(list(enumerate(items)))}
        ordered = sorted(first.items(), key=lambda item: _order(item[0]))
        results = [(row.row_id, row.kind, row.payload, row.ref_id) for _, (_, row) in ordered]
        marks = (*_columns([ref for ref, _ in ordered]), *zip(*results, strict=True))
        replaced = [False] * len(items)
        for (ordinal,) in await connection.fetch(self._replace, namespace, *marks):
            replaced[ordered[ordinal - 1][1][0]] = True
        return replaced

    async def bump(
        self,
        connection: asyncpg.Connection,
        namespace: str,
        *,
        fences: Sequence[Any],
        items: Sequence[tuple[TaskRef, int]],
        due_at: int,
    ) -> list[bool]:
        """Raise the attempts that still are the given ones, where the epoch holds."""
        ordered = sorted(enumerate(items), key=lambda item: _order(item[1][0]))
        refs = _columns([ref for _, (ref, _) in ordered])
        attempts = [attempt for _, (_, attempt) in ordered]
        found = await connection.fetch(self._bump, namespace, *refs, attempts, *fences, due_at)
        return _answers(ordered, found)

    async def claim(
        self, connection: asyncpg.Connection, namespace: str, *, replica: str, items: Sequence[tuple[TaskRef, int]]
    ) -> list[bool]:
        """Claim attempts for a replica."""
        ordered = sorted(enumerate(items), key=lambda item: _order(item[1][0]))
        refs = _columns([ref for _, (ref, _) in ordered])
        attempts = [attempt for _, (_, attempt) in ordered]
        found = await connection.fetch(self._claim, namespace, *refs, attempts, replica)
        return _answers(ordered, found)

    async def have(self, connection: asyncpg.Connection, namespace: str, *, refs: Sequence[TaskRef]) -> list[bool]:
        """Tell which task rows are there."""
        there = [False] * len(refs)
        for (ordinal,) in await connection.fetch(self._have, namespace, *_columns(refs)):
            there[ordinal - 1] = True
        return there

    async def note_details(
        self, connection: asyncpg.Connection, namespace: str, *, items: Sequence[tuple[TaskRef, bytes]]
    ) -> None:
        """Write what tasks last said of their progress."""
        ordered = sorted(dict(items).items(), key=lambda item: _order(item[0]))
        refs = _columns([ref for ref, _ in ordered])
        await connection.fetch(self._note_details, namespace, *refs, [details for _, details in ordered])

    async def defer_inbox(
        self, connection: asyncpg.Connection, namespace: str, *, items: Sequence[tuple[bytes, int]]
    ) -> None:
        """Move due_at of inbox rows."""
        row_ids, times = zip(*sorted(items), strict=True)
        await connection.fetch(self._defer_inbox, namespace, row_ids, times)

    async def defer_tasks(
        self, connection: asyncpg.Connection, namespace: str, *, items: Sequence[tuple[TaskRef, int]]
    ) -> None:
        """Move due_at of task rows."""
        ordered = sorted(items, key=lambda item: _order(item[0]))
        refs = _columns([ref for ref, _ in ordered])
        await connection.fetch(self._defer_tasks, namespace, *refs, [due_at for _, due_at in ordered])

    async def defer_timers(
        self, connection: asyncpg.Connection, namespace: str, *, items: Sequence[tuple[TaskRef, int]]
    ) -> None:
        """Move due_at of timer rows."""
        ordered = sorted(items, key=lambda item: _order(item[0]))
        refs = _columns([ref for ref, _ in ordered])
        await connection.fetch(self._defer_timers, namespace, *refs, [due_at for _, due_at in ordered])

    async def release(self, connection: asyncpg.Connection, key: Key, *, now: int) -> int:
        """Make a batch of the task rows of (namespace, app, target app) due; return how many."""
        return len(await connection.fetch(self._release, *key, now))

    async def purge(
        self, connection: asyncpg.Connection, key: Key, *, incarnation: bytes, starts: Collection[bytes]
    ) -> bool:
        """Delete a finished run and the START rows it emitted that nobody consumed."""
        async with connection.transaction():
            query = (
                f"SELECT FROM {self._schema}.instances WHERE {_KEY} AND incarnation = $4"
                f" AND status IN {FINISHED} FOR UPDATE"
            )
            if await connection.fetchrow(query, *key, incarnation) is None:
                return False
            await self._drop_run(connection, key, incarnation=incarnation)
            if starts:
                unread = f"namespace = $1 AND row_id = ANY ($2::bytea[]) AND kind = {InboxKind.START:d}"
                await connection.execute(f"DELETE FROM {self._schema}.inbox WHERE {unread}", key[0], list(starts))
        return True

    async def _drop_run(self, connection: asyncpg.Connection, key: Key, *, incarnation: bytes) -> None:
        """Delete a run whose instance row this transaction has locked."""
        place = "namespace || '/' || app || '/' || instance_id = $1 || '/' || $2 || '/' || $3"
        for table, condition in (("inbox", place), ("tags", place), ("tasks", _KEY), ("timers", _KEY)):
            query = f"DELETE FROM {self._schema}.{table} WHERE {condition} AND incarnation = $4"
            await connection.execute(query, *key, incarnation)
        await connection.execute(self._remember, *key)
        # Histories of earlier runs of this ID go too: nothing else names them any more.
        for table in ("history", "instances"):
            await connection.execute(f"DELETE FROM {self._schema}.{table} WHERE {_KEY}", *key)


def _order(ref: TaskRef) -> tuple[Any, ...]:
    return (ref.app, ref.instance_id, ref.execution_id, ref.task_id)


def _columns(refs: Sequence[TaskRef]) -> list[tuple[Any, ...]]:
    return list(zip(*(_order(ref) for ref in refs), strict=True))


def _answers(ordered: Sequence[tuple[int, Any]], found: Sequence[Any]) -> list[bool]:
    answers = [False] * len(ordered)
    for (ordinal,) in found:
        answers[ordered[ordinal - 1][0]] = True
    return answers
