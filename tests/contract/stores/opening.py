"""PostgreSQL stores that tests open and close by themselves, and an administrator's session beside them."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg

from antiphon_sidecar.stores.base import Outcome, Store
from antiphon_sidecar.stores.postgres import PostgresStore
from tests.contract.stores.rows import ID, instance, take, turn


@asynccontextmanager
async def opened(url: str | Callable[[], str], schema: str = "", **options: float) -> AsyncIterator[PostgresStore]:
    """Open a store on a schema, by default on one of its own."""
    store = PostgresStore(url, schema=schema or f"servers_{secrets.token_hex(4)}", **options)  # type: ignore[arg-type]
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def beside(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A session of an administrator."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def works(store: Store, name: str = ID) -> None:
    """Take a partition and commit a turn."""
    epoch = await take(store, name)
    assert await store.commit([turn(None, epoch, row=instance(name))]) == [Outcome.COMMITTED]
