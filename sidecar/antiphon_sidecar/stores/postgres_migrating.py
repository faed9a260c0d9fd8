"""Brings the PostgreSQL store's schema from one version to the next, beside replicas of the release before.

Used by `postgres_schema`, which has the statements. A new schema is made in one transaction. One that is in use is
changed statement by statement: a lock that stops others is waited for a second at most and then tried again, indexes
are built while rows are written, and many rows are changed a few at a time. Each statement may be run again, so that a
process that is killed in between leaves nothing that the next one could not go on from.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from antiphon_sidecar.stores.errors import TimeLimit, Unreachable

logger = logging.getLogger(__name__)

#: For one statement: the index of a big table takes a while.
STATEMENT_S = 3_600.0
#: How long one process waits for another that migrates, and how long for a lock that others hold on and on.
PATIENCE_S = 600.0
_LOCK_S = 1.0
_PAUSE_S = 0.2

_INDEX = re.compile(r"CREATE INDEX (\w+) ON")
#: A statement that changes the rows behind a key, and returns the last key, as texts; it begins with empty ones.
_BATCH = "WITH batch"


@asynccontextmanager
async def alone(connection: asyncpg.Connection, schema: str) -> AsyncIterator[None]:
    """Keep other processes from migrating this schema, and this session's statements from timing out.

    It asks for the lock again and again: whoever waits for it in the server would hold up the building of indexes.
    """
    key = f"antiphon {schema}"
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", key):
                logger.info("another process brings the store's schema up to date", extra={"schema": schema})
                await asyncio.sleep(_PAUSE_S)
    except TimeoutError as error:
        raise Unreachable(
            f"another process has been at work on the schema {schema} for {PATIENCE_S:.0f} s, and has not come to an"
            " end. Look for it (pg_stat_activity on the server), or start again later."
        ) from error
    limits = [(name, await connection.fetchval(f"SHOW {name}")) for name in ("statement_timeout", "lock_timeout")]
    await connection.execute("SET statement_timeout = 0; SET lock_timeout = 0")
    try:
        yield
    finally:
        if not connection.is_closed():
            for name, value in limits:
                await connection.execute(f"SET {name} = '{value}'")
            await connection.fetchval("SELECT pg_advisory_unlock(hashtextextended($1, 0))", key)


async def make(connection: asyncpg.Connection, name: str, *, migrations: Sequence[str]) -> None:
    """Run all migrations for a schema without rows; `name` is quoted. The caller has a transaction open."""
    for migration in migrations:
        for statement in _statements(migration, name):
            if not statement.startswith(_BATCH):
                await connection.execute(statement, timeout=STATEMENT_S)


async def change(connection: asyncpg.Connection, name: str, *, migration: str) -> None:
    """Run one migration for a schema in use; it may have been run in part."""
    for statement in _statements(migration, name):
        index = _INDEX.match(statement)
        if index is not None:
            await _build(connection, name, index[1], statement)
        elif statement.startswith(_BATCH):
            await _fill(connection, statement)
        else:
            await _briefly(connection, _again(statement))


def _statements(migration: str, name: str) -> list[str]:
    text = migration.format(schema=name)
    return [statement for part in text.split(";\n") if (statement := part.strip().removesuffix(";"))]


def _again(statement: str) -> str:
    """Return the statement in the form that may be run when it has been run before."""
    for verb in ("CREATE TABLE ", " ADD COLUMN "):
        if verb in statement:
            return statement.replace(verb, f"{verb}IF NOT EXISTS ")
    raise AssertionError(f"a migration may not use this, because it could not be run again: {statement}")


async def _build(connection: asyncpg.Connection, name: str, index: str, statement: str) -> None:
    """Build an index while rows are written; what is left of an attempt that ended early is dropped first."""
    broken = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid"
    if await connection.fetchval(broken, f"{name}.{index}"):
        await connection.execute(f"DROP INDEX CONCURRENTLY {name}.{index}", timeout=STATEMENT_S)
    begin = f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {index} ON"
    await connection.execute(_INDEX.sub(begin, statement, count=1), timeout=STATEMENT_S)


async def _fill(connection: asyncpg.Connection, statement: str) -> None:
    """Change rows a few at a time, each batch in a transaction of its own."""
    key: list[str] | None = [""] * 5
    while key is not None:
        try:
            key = await connection.fetchval(statement, key, timeout=STATEMENT_S)
        except asyncpg.DeadlockDetectedError:
            logger.debug("a batch of a migration is run again")


async def _briefly(connection: asyncpg.Connection, statement: str) -> None:
    """Run a statement that stops others, and stop them for a second at most while it waits for its lock.

    Raises:
        TimeLimit: others hold the lock on and on.
    """
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{int(_LOCK_S * 1000)}ms'")
                await connection.execute(statement, timeout=STATEMENT_S)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if asyncio.get_running_loop().time() > deadline:
                raise TimeLimit(
                    f"the schema cannot be brought up to date, because transactions hold its tables: {statement}. Look"
                    " for old ones (pg_stat_activity, xact_start); nothing is lost, start again later."
                ) from error
            logger.info("a table of the store is locked by others; trying again", extra={"error": str(error)})
            await asyncio.sleep(_PAUSE_S)
        else:
            return
