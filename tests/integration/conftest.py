"""Stores for the tests with real processes: a file of its own, or a schema of a server that they share."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.integration.programs import Stack, Store, stack


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    with postgres.started() as server:
        yield server


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path}/state.db")


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "sqlite":
        return Store(f"sqlite:///{tmp_path}/state.db")
    server: postgres.Server = request.getfixturevalue("postgres_server")
    return Store(server.url, schema=f"test_{secrets.token_hex(6)}")


@pytest.fixture
def sqlite_stack(tmp_path: Path, sqlite_store: Store) -> Iterator[Stack]:
    with stack(tmp_path, sqlite_store) as made:
        yield made


@pytest.fixture
def any_stack(tmp_path: Path, store: Store) -> Iterator[Stack]:
    with stack(tmp_path, store) as made:
        yield made
