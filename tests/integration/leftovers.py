"""Looks into a store from outside, as no part of Antiphon does: what is left, what is behind, what was committed."""

import sqlite3

import asyncpg

from antiphon_names.hosts import database_path
from antiphon_sidecar.engine.events import TERMINAL
from tests.integration.programs import Store

_TABLES = ("inbox", "tasks", "timers")


async def rows_left(store: Store) -> dict[str, int]:
    """Return how many rows of work a store holds, by table; tables without any are left out."""
    if store.url.startswith("sqlite:"):
        counts = _in_sqlite(store)
    else:
        counts = await _in_postgres(store)
    return {table: count for table, count in counts.items() if count}


def _in_sqlite(store: Store) -> dict[str, int]:
    connection = sqlite3.connect(f"file:{database_path(store.url)}?mode=ro", uri=True, timeout=10)
    try:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _TABLES}
    finally:
        connection.close()


async def _in_postgres(store: Store) -> dict[str, int]:
    connection = await asyncpg.connect(store.url)
    try:
        return {table: await connection.fetchval(f'SELECT count(*) FROM "{store.schema}".{table}') for table in _TABLES}
    finally:
        await connection.close()


async def behind(store: Store, *, since_ns: int) -> list[str]:
    """Return the instances that have not ended and have not gone on since a time, in nanoseconds since 1970.

    One that waits for a child goes on with it.
    """
    connection = await asyncpg.connect(store.url)
    try:
        rows = await connection.fetch(
            f'SELECT i.app, i.instance_id FROM "{store.schema}".instances i'
            " WHERE i.updated_at < $1 AND NOT i.status = ANY($2::smallint[]) AND NOT EXISTS"
            f' (SELECT 1 FROM "{store.schema}".instances c WHERE c.updated_at >= $1'
            " AND (c.namespace, c.parent_app, c.parent_instance) = (i.namespace, i.app, i.instance_id))",
            since_ns,
            [int(status) for status in TERMINAL],
        )
        return [f"{row['app']}/{row['instance_id']}" for row in rows]
    finally:
        await connection.close()


async def commits_of(store: Store, replica: str) -> int:
    """Return how many turns stand in the histories of the instances that a replica owns."""
    connection = await asyncpg.connect(store.url)
    schema = f'"{store.schema}"'
    try:
        found = await connection.fetchval(
            f"SELECT count(*) FROM {schema}.history JOIN {schema}.instances i USING (namespace, app, instance_id)"
            f" JOIN {schema}.partitions p USING (namespace, app)"
            " WHERE p.partition = i.slot >> 11 AND p.replica = $1",
            replica,
        )
        return int(found)
    finally:
        await connection.close()
