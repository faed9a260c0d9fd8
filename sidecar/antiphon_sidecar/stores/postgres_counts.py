"""What the PostgreSQL store counts. Used by `postgres` alone; each count is one statement over index ranges."""

from collections.abc import Sequence

import asyncpg

from antiphon_sidecar.engine.events import TERMINAL, Status
from antiphon_sidecar.stores import postgres_schema
from antiphon_sidecar.stores.counting import About, NameCounts, OpenTasks

#: The statuses of what has not ended.
_OPEN = ", ".join(f"{status:d}" for status in sorted(set(Status) - TERMINAL))


class Counts:
    """The statements of one schema."""

    def __init__(self, schema: str) -> None:
        # One range for each app and status; a range that spans statuses would read what has ended too.
        self.instances_text = f"""SELECT a.app, x.name,
              count(*) FILTER (WHERE x.open AND x.status NOT IN ({Status.SUSPENDED:d}, {Status.STALLED:d})),
              count(*) FILTER (WHERE x.open AND x.status = {Status.SUSPENDED:d}),
              count(*) FILTER (WHERE x.open AND x.status = {Status.STALLED:d}),
              count(*) FILTER (WHERE NOT x.open), min(x.created_at) FILTER (WHERE x.open)
            FROM unnest($2::text[]) AS a(app) CROSS JOIN LATERAL (
              SELECT o.name, s.status, o.created_at, true AS open
              FROM unnest(ARRAY[{_OPEN}]::smallint[]) AS s(status) CROSS JOIN LATERAL (
                SELECT i.name, i.created_at FROM {schema}.instances i
                WHERE i.namespace || '/' || i.app = $1 || '/' || a.app AND i.status = s.status
                ORDER BY i.created_at DESC OFFSET 0) o
              UNION ALL
              SELECT f.name, 0::smallint, 0, false FROM {schema}.instances f
              WHERE f.namespace || ' ended ' || f.app = $1 || ' ended ' || a.app
              AND f.status = {Status.FAILED:d}::smallint AND f.completed_at IS NOT NULL AND f.completed_at >= $3::bigint
            ) x GROUP BY a.app, x.name"""
        self.tasks_text = f"""SELECT a.app, t.count, t.oldest FROM unnest($2::text[]) WITH ORDINALITY AS a(app, place)
            CROSS JOIN LATERAL (
              SELECT count(*), min(t.created_at) AS oldest FROM {schema}.tasks t
              WHERE t.namespace || '/' || t.target_app = $1 || '/' || a.app) t ORDER BY a.place"""
        self._about = f"SELECT current_setting('server_version'), value FROM {schema}.meta WHERE key = 'schema'"

    async def instances(
        self, connection: asyncpg.Connection, namespace: str, *, apps: Sequence[str], failed_since: int
    ) -> list[NameCounts]:
        """Count by app and workflow."""
        rows = await connection.fetch(self.instances_text, namespace, sorted(set(apps)), failed_since)
        return sorted((NameCounts(*row) for row in rows), key=lambda each: (each.app, each.name))

    async def tasks(self, connection: asyncpg.Connection, namespace: str, *, apps: Sequence[str]) -> list[OpenTasks]:
        """Count the calls to each app."""
        return [OpenTasks(*row) for row in await connection.fetch(self.tasks_text, namespace, list(apps))]

    async def about(self, connection: asyncpg.Connection) -> About:
        """Return the server's version, and the schema's."""
        row = await connection.fetchrow(self._about)
        return About("postgresql", row[0], int(row[1]), len(postgres_schema.MIGRATIONS))
