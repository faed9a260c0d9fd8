"""The stores under test: each test runs over every kind, on fresh and empty data."""

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from antiphon_sidecar.stores.base import Store
from antiphon_sidecar.stores.memory import MemoryStore
from antiphon_sidecar.stores.memory_tables import MemoryData
from antiphon_sidecar.stores.postgres import PostgresStore
from antiphon_sidecar.stores.sqlite import SqliteStore
from tests import postgres

Opener = Callable[..., Awaitable[Store]]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    with postgres.started() as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def open_store(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Opener]:
    """Open one more replica's store on this test's data; all are closed at the end."""
    make = _maker(kind, tmp_path, request)
    async with AsyncExitStack() as opened:

        async def opener(namespace: str = "default") -> Store:
            store = make(namespace)
            await store.open()
            opened.push_async_callback(store.close)
            return store

        yield opener


def _maker(kind: str, folder: Path, request: pytest.FixtureRequest) -> Callable[[str], Store]:
    if kind == "sqlite":
        return lambda namespace: SqliteStore(folder / "state.db", namespace=namespace)
    if kind == "postgres":
        server: postgres.Server = request.getfixturevalue("postgres_server")
        schema = f"test_{secrets.token_hex(6)}"
        return lambda namespace: PostgresStore(server.url, namespace=namespace, schema=schema, pool_size=2)
    data = MemoryData(identity=secrets.token_hex(8))
    return lambda namespace: MemoryStore(namespace, clock=time.time_ns, data=data)


@pytest.fixture
async def store(open_store: Opener) -> Store:
    return await open_store()
