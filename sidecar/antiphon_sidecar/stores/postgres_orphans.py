"""How the PostgreSQL store deletes rows whose run is gone (rule 1).

Used by `postgres` alone. Whether a run exists is read from the statement's snapshot. That is safe because a run
that is gone stays gone: its START row is consumed in the commit that makes its instance row, so at every
moment one of the two is there, and an incarnation is never used again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from antiphon_sidecar.stores.base import InboxKind, InboxRow, TaskRow, TimerRow
from antiphon_sidecar.stores.postgres_statement import fence


class Orphans:
    """The statements of one schema."""

    def __init__(self, schema: str) -> None:
        self._statement = f"""WITH {fence(schema, 2)},
            r AS MATERIALIZED (SELECT $1::text AS namespace, u.* FROM unnest({{arrays}}) AS u({{key}}))
            DELETE FROM {schema}.{{table}} t USING r, f
            WHERE t.namespace = r.namespace AND {{same}} AND f.held AND f.app = t.app
            AND f.partition = t.slot >> 11
            AND NOT EXISTS (SELECT FROM {schema}.instances i WHERE i.namespace = t.namespace AND i.app = t.app
              AND i.instance_id = t.instance_id AND i.incarnation = t.incarnation)
            AND NOT EXISTS (SELECT FROM {schema}.inbox s WHERE s.namespace || '/' || s.app || '/' || s.instance_id
              = t.namespace || '/' || t.app || '/' || t.instance_id
              AND s.incarnation = t.incarnation AND s.kind = {InboxKind.START:d}){{further}}
            RETURNING 1"""
        # With the instance's ID: under the row's ID alone there may be what `stores.spent` keeps.
        self._inbox = self._query(
            "inbox", {"row_id": "bytea", "instance_id": "text"}, further=f" AND t.kind <> {InboxKind.START:d}"
        )
        key = {"app": "text", "instance_id": "text", "execution_id": "text"}
        self._tasks = self._query("tasks", {**key, "task_id": "bigint"})
        self._timers = self._query("timers", {**key, "timer_id": "bigint"})

    def _query(self, table: str, key: dict[str, str], *, further: str = "") -> str:
        return self._statement.format(
            table=table,
            arrays=", ".join(f"${number}::{kind}[]" for number, kind in enumerate(key.values(), 5)),
            key=", ".join(key),
            same=" AND ".join(f"t.{column} = r.{column}" for column in key),
            further=further,
        )

    async def drop(
        self,
        connection: asyncpg.Connection,
        namespace: str,
        *,
        fences: Sequence[Any],
        inbox: Sequence[InboxRow],
        tasks: Sequence[TaskRow],
        timers: Sequence[TimerRow],
    ) -> int:
        """Delete those rows whose run is gone, in the partitions whose epoch holds; return how many."""
        dropped = 0
        async with connection.transaction():
            if inbox:
                ids = sorted((row.row_id, row.instance_id) for row in inbox)
                dropped += len(await connection.fetch(self._inbox, namespace, *fences, *zip(*ids, strict=True)))
            for query, rows in ((self._tasks, tasks), (self._timers, timers)):
                if rows:
                    keys = sorted((r.app, r.instance_id, r.execution_id, r.ref.task_id) for r in rows)
                    columns = zip(*keys, strict=True)
                    dropped += len(await connection.fetch(query, namespace, *fences, *columns))
        return dropped


def fences(epochs: Mapping[tuple[str, int], int]) -> list[list[Any]]:
    """Return (app, partition) -> epoch as arrays, in the order in which partitions are locked."""
    ordered = sorted(epochs.items())
    return [
        [app for (app, _), _ in ordered],
        [partition for (_, partition), _ in ordered],
        [epoch for _, epoch in ordered],
    ]
