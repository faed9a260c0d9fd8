"""Concurrency limits of the PostgreSQL store. Used by `postgres` alone.

Whoever gives grants of a name holds an advisory lock for it, and counts in a statement begun after that: what others
gave before is visible then, so that the limit is exact over replicas. Taking back needs no lock.
"""

from collections.abc import Sequence

import asyncpg

from antiphon_sidecar.stores.base import InboxKind
from antiphon_sidecar.stores.columns import FINISHED
from antiphon_sidecar.stores.limits import Grant, GrantKind, Limited
from antiphon_sidecar.stores.postgres_statement import CLOCK

_NAME = "g.namespace = $1 AND g.app = $2 AND g.kind = $3::smallint AND g.name = $4"


class Grants:
    """The statements of one schema, each method for one connection."""

    def __init__(self, schema: str) -> None:
        self._lock_name = f"antiphon grants {schema}"
        self._gone = f"""DELETE FROM {schema}.grants g WHERE {_NAME} AND g.given_at + g.lapses_ns <= {CLOCK}
            AND NOT EXISTS (SELECT FROM {schema}.heartbeats h WHERE h.namespace = g.namespace AND h.app = g.app
              AND h.replica = g.replica AND h.written_at + $5::bigint + g.lapses_ns > {CLOCK})"""
        self._ended = f"""DELETE FROM {schema}.grants g WHERE {_NAME}
            AND NOT EXISTS (SELECT FROM {schema}.instances i WHERE i.namespace = g.namespace AND i.app = g.app
              AND i.instance_id = g.holder AND i.incarnation = decode(g.mark, 'hex') AND i.status NOT IN {FINISHED})
            AND NOT EXISTS (SELECT FROM {schema}.inbox b WHERE b.namespace || '/' || b.app || '/' || b.instance_id
              = g.namespace || '/' || g.app || '/' || g.holder
              AND b.incarnation = decode(g.mark, 'hex') AND b.kind = {InboxKind.START:d})"""
        self._out = f"SELECT g.holder, g.mark FROM {schema}.grants g WHERE {_NAME}"
        self._give = f"""INSERT INTO {schema}.grants AS g
              (namespace, app, kind, name, holder, mark, replica, given_at, lapses_ns)
            SELECT $1, $2, $3::smallint, $4, u.holder, u.mark, $5, {CLOCK}, u.lapses_ns
            FROM unnest($6::text[], $7::text[], $8::bigint[]) AS u(holder, mark, lapses_ns)
            ON CONFLICT (namespace, app, kind, name, holder, mark)
            DO UPDATE SET replica = excluded.replica, given_at = excluded.given_at"""
        self._release = f"""DELETE FROM {schema}.grants g USING unnest(
              $2::text[], $3::smallint[], $4::text[], $5::text[], $6::text[]) AS u(app, kind, name, holder, mark)
            WHERE g.namespace = $1 AND g.app = u.app AND g.kind = u.kind AND g.name = u.name
            AND g.holder = u.holder AND g.mark = u.mark"""

    async def acquire(
        self,
        connection: asyncpg.Connection,
        namespace: str,
        *,
        limited: Limited,
        replica: str,
        gone_ns: int,
        grants: Sequence[Grant],
    ) -> list[bool]:
        """Give grants as far as the limit allows."""
        key = (namespace, limited.app, int(limited.kind), limited.name)
        async with connection.transaction():
            lock = "/".join((self._lock_name, *map(str, key)))
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", lock)
            if limited.kind is GrantKind.WORKFLOW:
                await connection.execute(self._ended, *key)
            else:
                await connection.execute(self._gone, *key, gone_ns)
            out = {tuple(row) for row in await connection.fetch(self._out, *key)}
            given = []
            for grant in grants:
                one = (grant.holder, grant.mark)
                given.append(one in out or len(out) < limited.most)
                if given[-1]:
                    out.add(one)
            chosen = {(g.holder, g.mark): g.lapses_ns for g, yes in zip(grants, given, strict=True) if yes}
            if chosen:
                marks = ([holder for holder, _ in chosen], [mark for _, mark in chosen], list(chosen.values()))
                await connection.execute(self._give, *key, replica, *marks)
        return given

    async def release(
        self, connection: asyncpg.Connection, namespace: str, *, items: Sequence[tuple[Limited, Grant]]
    ) -> None:
        """Take grants back."""
        rows = [(each.app, int(each.kind), each.name, grant.holder, grant.mark) for each, grant in items]
        await connection.execute(self._release, namespace, *map(list, zip(*rows, strict=True)))
