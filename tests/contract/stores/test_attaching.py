"""A store that is read without being made or migrated: by whoever only looks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from antiphon_sidecar.stores.errors import StoreAbsent, StoreError, StoreTooNew, StoreTooOld
from antiphon_sidecar.stores.postgres import PostgresStore
from antiphon_sidecar.stores.sqlite import SqliteStore
from tests import postgres
from tests.contract.stores.rows import APP, ID, OTHER, instance, take, turn


@pytest.fixture
def make(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[], SqliteStore | PostgresStore]:
    if kind == "memory":
        pytest.skip("a store in memory is its process's alone")
    if kind == "sqlite":
        return lambda: SqliteStore(tmp_path / "state.db")
    server: postgres.Server = request.getfixturevalue("postgres_server")
    schema = f"attach_{abs(hash(str(tmp_path))):x}"
    return lambda: PostgresStore(server.url, schema=schema, pool_size=1)


async def attach(store: SqliteStore | PostgresStore) -> None:
    if isinstance(store, SqliteStore):
        await store.attach(writes=False)
    else:
        await store.attach()


async def age(store: SqliteStore | PostgresStore, by: int) -> None:
    """Let the schema be of another release; the store must be open."""
    if isinstance(store, SqliteStore):
        await store._writer.run(
            lambda each: each.execute(
                f"PRAGMA user_version = {int(each.execute('PRAGMA user_version').fetchone()[0]) + by}"
            )
        )
    else:
        text = f"UPDATE {store._schema}.meta SET value = (value::int + $1)::text WHERE key = 'schema'"
        await store._write(lambda each: each.execute(text, by))


async def test_what_is_not_there_is_not_made(make: Callable[[], SqliteStore | PostgresStore]) -> None:
    for _ in range(2):
        store = make()
        with pytest.raises(StoreAbsent):
            await attach(store)
        await store.close()


async def test_what_is_there_is_read_beside_its_owner(make: Callable[[], SqliteStore | PostgresStore]) -> None:
    owner = make()
    await owner.open()
    await owner.commit([turn(None, await take(owner))])
    beside = make()
    await attach(beside)
    assert beside.identity == owner.identity
    assert await beside.get_instance(app=APP, instance_id=ID) == instance()
    assert await beside.known_apps() == await owner.known_apps()
    await beside.close()
    await owner.close()
    again = make()
    await attach(again)
    assert await again.get_instance(app=APP, instance_id=ID) == instance()
    await again.close()


@pytest.mark.parametrize(("by", "refused"), [(-1, StoreTooOld), (1, StoreTooNew)])
async def test_a_schema_of_another_release_is_left_as_it_is(
    make: Callable[[], SqliteStore | PostgresStore], by: int, refused: type[StoreError]
) -> None:
    owner = make()
    await owner.open()
    await age(owner, by)
    for _ in range(2):
        beside = make()
        with pytest.raises(refused):
            await attach(beside)
        await beside.close()
    await owner.close()


async def test_a_file_that_is_only_looked_at_takes_no_writes(tmp_path: Path) -> None:
    made = SqliteStore(tmp_path / "state.db")
    await made.open()
    await made.close()
    looking = SqliteStore(tmp_path / "state.db")
    await looking.attach(writes=False)
    with pytest.raises(StoreError):
        await looking.remember_app(app=OTHER, record=b"{}")
    assert list(await looking.known_apps()) == []
    await looking.close()
