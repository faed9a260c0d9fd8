"""Heartbeats, apps and the copy of the registry in the PostgreSQL store. Used by `postgres` alone."""

from collections.abc import Collection, Mapping, Sequence

import asyncpg

from antiphon_sidecar.stores.base import AppRecord, Heartbeat
from antiphon_sidecar.stores.postgres_statement import CLOCK


class Presence:
    """The statements of one schema, each method for one connection."""

    def __init__(self, schema: str) -> None:
        self._beat = (
            f"INSERT INTO {schema}.heartbeats (namespace, app, replica, nonce, written_at, in_hand)"
            f" VALUES ($1, $2, $3, $4, {CLOCK}, $5) ON CONFLICT (namespace, app, replica)"
            " DO UPDATE SET nonce = excluded.nonce, written_at = excluded.written_at, in_hand = excluded.in_hand"
        )
        self._heartbeats = (
            f"SELECT app, replica, nonce, written_at, in_hand FROM {schema}.heartbeats WHERE namespace = $1"
            " ORDER BY app, replica"
        )
        self._leave = f"DELETE FROM {schema}.heartbeats WHERE namespace = $1 AND app = $2 AND replica = $3"
        self._remember = (
            f"INSERT INTO {schema}.apps (namespace, app, record, seen_at) VALUES ($1, $2, $3, {CLOCK})"
            " ON CONFLICT (namespace, app) DO UPDATE SET record = excluded.record, seen_at = excluded.seen_at"
        )
        self._known = f"SELECT app, record, seen_at FROM {schema}.apps WHERE namespace = $1 ORDER BY app"
        self._copy = (
            f"WITH lost AS (DELETE FROM {schema}.registry WHERE namespace = $1 AND key = ANY($4::text[]))"
            f" INSERT INTO {schema}.registry AS r (namespace, key, record, written_at)"
            f" SELECT $1, *, {CLOCK} FROM unnest($2::text[], $3::bytea[])"
            " ON CONFLICT (namespace, key) DO UPDATE SET record = excluded.record, written_at = excluded.written_at"
        )
        self._copied = f"SELECT key, record FROM {schema}.registry WHERE namespace = $1 ORDER BY key"

    async def beat(self, connection: asyncpg.Connection, namespace: str, row: tuple[str, str, str, int]) -> None:
        """Write a replica's row: app, replica, nonce and how many calls it has in hand."""
        await connection.fetch(self._beat, namespace, *row)

    async def heartbeats(self, connection: asyncpg.Connection, namespace: str) -> Mapping[tuple[str, str], Heartbeat]:
        """Return all rows."""
        rows = await connection.fetch(self._heartbeats, namespace)
        return {(app, replica): Heartbeat(*rest) for app, replica, *rest in rows}

    async def leave(self, connection: asyncpg.Connection, namespace: str, *, app: str, replica: str) -> None:
        """Delete a replica's row."""
        await connection.fetch(self._leave, namespace, app, replica)

    async def remember(self, connection: asyncpg.Connection, namespace: str, *, app: str, record: bytes) -> None:
        """Write what an app offers."""
        await connection.fetch(self._remember, namespace, app, record)

    async def known(self, connection: asyncpg.Connection, namespace: str) -> Sequence[AppRecord]:
        """Return every remembered app by name."""
        return [AppRecord(*row) for row in await connection.fetch(self._known, namespace)]

    async def copy(
        self,
        connection: asyncpg.Connection,
        namespace: str,
        *,
        changed: Mapping[str, bytes],
        gone: Collection[str],
    ) -> None:
        """Write what the operator says, and delete what it says no longer."""
        # In key order: replicas that copy the same at once never wait for each other in a circle.
        keys = sorted(changed)
        await connection.fetch(self._copy, namespace, keys, [changed[key] for key in keys], sorted(gone))

    async def copied(self, connection: asyncpg.Connection, namespace: str) -> Mapping[str, bytes]:
        """Return what was copied."""
        return dict(await connection.fetch(self._copied, namespace))
