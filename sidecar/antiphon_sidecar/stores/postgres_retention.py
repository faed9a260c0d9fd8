"""How the PostgreSQL store deletes runs that ended long ago.

Used by `postgres` alone. A batch is one statement: it locks the instances in key order, leaves those that somebody
else has locked, and deletes what belongs to the rest. A run that has ended does not change any more; it can only be
purged or replaced by a start of the same ID, both of which lock its row first.
"""

import asyncpg

from antiphon_sidecar.stores.base import Cursor, Old, Retired
from antiphon_sidecar.stores.columns import FINISHED
from antiphon_sidecar.stores.postgres_statement import remembered

_EARLIEST = -(1 << 63)
_OWN = "t.namespace = k.namespace AND t.app = k.app AND t.instance_id = k.instance_id"
_PLACE = (
    "t.namespace || '/' || t.app || '/' || t.instance_id = k.namespace || '/' || k.app || '/' || k.instance_id"
    " AND t.incarnation = k.incarnation"
)


class Retention:
    """The statement of one schema."""

    def __init__(self, schema: str) -> None:
        deletes = ", ".join(
            f"d_{table} AS (DELETE FROM {schema}.{table} t USING k WHERE {condition})"
            for table, condition in (
                ("inbox", _PLACE),
                ("tags", _PLACE),
                ("tasks", f"{_OWN} AND t.incarnation = k.incarnation"),
                ("timers", f"{_OWN} AND t.incarnation = k.incarnation"),
                # Histories of earlier runs of this ID go too: nothing else names them any more.
                ("history", _OWN),
                ("instances", _OWN),
            )
        )
        self.statement = f"""WITH c AS MATERIALIZED (
              SELECT x.namespace, x.app, x.instance_id, x.incarnation, x.completed_at, x.slot, x.parent_app,
                x.parent_instance, x.name
              FROM {schema}.instances x
              WHERE x.namespace || ' ended ' || x.app = $1 || ' ended ' || $2 AND x.status = $3::smallint
              AND x.completed_at IS NOT NULL AND x.completed_at <= $4::bigint
              AND (x.completed_at, x.instance_id || '') > ($5::bigint, $6::text)
              ORDER BY x.completed_at, x.instance_id || '' LIMIT $7),
            k AS MATERIALIZED (
              SELECT c.namespace, c.app, c.instance_id, c.incarnation
              FROM c JOIN {schema}.instances i ON i.namespace = c.namespace AND i.app = c.app
              AND i.instance_id = c.instance_id AND i.incarnation = c.incarnation
              WHERE c.slot >> 11 = ANY ($8::int[])
              AND c.completed_at <= coalesce(
                (SELECT u.until FROM unnest($9::text[], $10::bigint[]) AS u(name, until) WHERE u.name = c.name),
                $11::bigint)
              AND NOT EXISTS (SELECT FROM {schema}.instances p WHERE p.namespace = c.namespace
                AND p.app = c.parent_app AND p.instance_id = c.parent_instance AND p.status NOT IN {FINISHED})
              ORDER BY c.app, c.instance_id FOR UPDATE OF i SKIP LOCKED),
            {deletes},
            {remembered(schema)}
            SELECT (SELECT count(*) FROM k), (SELECT count(*) FROM c), last.completed_at, last.instance_id
            FROM (VALUES (0)) AS one LEFT JOIN (
              SELECT completed_at, instance_id FROM c ORDER BY completed_at DESC, instance_id DESC LIMIT 1
            ) last ON true"""

    async def retire(self, connection: asyncpg.Connection, namespace: str, *, old: Old) -> Retired:
        """Delete a batch."""
        after = old.after or Cursor(_EARLIEST, ("",))
        place = (old.until_most, after.due_at, *after.key, old.limit, list(old.partitions))
        untils = (list(old.named), list(old.named.values()), old.until)
        answer = await connection.fetchrow(self.statement, namespace, old.app, old.status, *place, *untils)
        deleted, looked_at, completed_at, instance_id = answer
        return Retired(deleted, Cursor(completed_at, (instance_id,)) if looked_at == old.limit else None)
