"""Looks into a store from outside, as no part of Antiphon does: which rows are left when all is done."""

import sqlite3

import asyncpg

from antiphon_names.hosts import database_path
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
