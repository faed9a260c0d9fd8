"""A schema that is brought up to date while replicas of the release before run on it."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from antiphon_sidecar.stores import postgres_migrating, postgres_schema
from antiphon_sidecar.stores.errors import StoreNotWritable, TimeLimit, Unreachable
from antiphon_sidecar.stores.postgres import PostgresStore
from tests import postgres
from tests.contract.stores.opening import beside, opened, works
from tests.contract.stores.releases.record import SCHEMA, packed

FROZEN = [json.loads(file.read_text()) for file in sorted(Path(__file__).parent.glob("releases/schema-*.json"))]
#: Rows of the migrated tables.
MANY = 5_000


async def made(url: str, version: int) -> str:
    """Make a schema of an older version; return its name."""
    schema = f"release_{secrets.token_hex(4)}"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(postgres_schema, "MIGRATIONS", postgres_schema.MIGRATIONS[:version])
        async with opened(url, schema):
            return schema


@pytest.fixture
async def admin(postgres_server: postgres.Server) -> AsyncIterator[asyncpg.Connection]:
    async with beside(postgres_server.url) as connection:
        yield connection


async def filled(admin: asyncpg.Connection, schema: str) -> None:
    """Write instances and their tasks, as the release of version 3 did."""
    await admin.execute(
        f"INSERT INTO {schema}.instances (namespace, app, instance_id, slot, incarnation, execution_id, generation,"
        " version, status, name, created_at, updated_at, commit_id) SELECT 'default', 'orders', 'order-' || n, 1,"
        f" '\\x01', 'x', 0, 1, 0, 'ship', n, 5, '\\x02' FROM generate_series(1, {MANY}) n"
    )
    await admin.execute(
        f"INSERT INTO {schema}.tasks (namespace, app, instance_id, slot, incarnation, execution_id, task_id,"
        " target_app, name, request, attempt, created_at, claimed_by, due_at) SELECT 'default', 'orders',"
        f" 'order-' || n, 1, '\\x01', 'x', 1, 'payments', 'pay', '', 1, 5, '', 5 FROM generate_series(1, {MANY}) n"
    )


def unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        return bytes.fromhex(value["hex"])
    return [unpacked(each) for each in value] if isinstance(value, list) else value


async def play(connection: asyncpg.Connection, said: list[Any], schema: str) -> None:
    """Say again what a release said, and compare the answers."""
    async with AsyncExitStack() as transactions:
        for verb, *rest in said:
            if verb == "begin":
                await transactions.enter_async_context(connection.transaction())
            elif verb == "commit":
                await transactions.aclose()
            else:
                text, arguments, answer = rest
                told = getattr(connection, verb)(text.replace(SCHEMA, schema), *unpacked(arguments))
                assert packed(await told) == answer, text


@pytest.mark.parametrize("part", [0.0, 0.5], ids=["before it begins", "in the middle"])
@pytest.mark.parametrize("frozen", FROZEN, ids=lambda frozen: f"schema {frozen['version']}")
async def test_what_an_older_release_says_works_on_the_new_schema(
    postgres_server: postgres.Server, admin: asyncpg.Connection, frozen: dict[str, Any], part: float
) -> None:
    schema = await made(postgres_server.url, frozen["version"])
    said = frozen["said"]
    begins = [number for number, (verb, *_) in enumerate(said) if verb not in ("begin", "commit")]
    middle = begins[int(len(begins) * part)]
    await play(admin, said[:middle], schema)
    async with opened(postgres_server.url, schema):
        await play(admin, said[middle:], schema)


async def test_an_updated_schema_is_the_same_as_a_new_one(
    postgres_server: postgres.Server, admin: asyncpg.Connection
) -> None:
    async def shape(schema: str) -> list[str]:
        columns = """SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' '
            || COALESCE(column_default, '') || COALESCE(collation_name, '') FROM information_schema.columns
            WHERE table_schema = $1"""
        indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = $1"
        rows = [*await admin.fetch(columns, schema), *await admin.fetch(indexes, schema)]
        return sorted(text.replace(schema, "") for (text,) in rows)

    async with opened(postgres_server.url, new := f"new_{secrets.token_hex(4)}"):
        pass
    for version in range(1, len(postgres_schema.MIGRATIONS)):
        old = await made(postgres_server.url, version)
        async with opened(postgres_server.url, old) as store:
            await works(store)
        assert await shape(old) == await shape(new)


async def test_every_migration_can_be_run_again(postgres_server: postgres.Server, admin: asyncpg.Connection) -> None:
    schema = await made(postgres_server.url, 1)
    for _ in range(2):
        await admin.execute(f"UPDATE {schema}.meta SET value = '1' WHERE key = 'schema'")
        async with opened(postgres_server.url, schema):
            pass


async def test_others_are_stopped_for_a_moment_only(
    postgres_server: postgres.Server, admin: asyncpg.Connection
) -> None:
    """An old transaction keeps the migration from its lock; everybody else goes on meanwhile."""
    schema = await made(postgres_server.url, 3)
    await filled(admin, schema)
    waits: list[float] = []
    now = asyncio.get_running_loop().time

    async def use() -> None:
        async with beside(postgres_server.url) as connection:
            for number in range(1_000_000):
                begun = now()
                change = f"UPDATE {schema}.instances SET version = version + 1 WHERE instance_id = $1"
                await connection.execute(change, f"order-{number % MANY}")
                waits.append(now() - begun)

    async with beside(postgres_server.url) as holder:
        transaction = holder.transaction()
        await transaction.start()
        await holder.fetch(f"SELECT FROM {schema}.instances LIMIT 1")
        using = asyncio.create_task(use(), name="use")
        store = PostgresStore(postgres_server.url, schema=schema)
        opening = asyncio.create_task(store.open(), name="migrates")
        blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE%'"
        for _ in range(2):
            async with asyncio.timeout(20):
                while not await admin.fetchval(blocked):
                    await asyncio.sleep(0.01)
                while await admin.fetchval(blocked):
                    await asyncio.sleep(0.01)
        assert not opening.done()
        await transaction.rollback()
        async with asyncio.timeout(60):
            await opening
    using.cancel()
    await asyncio.wait([using])
    await store.close()
    assert len(waits) > 100
    assert max(waits) < 3 * postgres_migrating._LOCK_S
    wrong = await admin.fetchval(
        f"SELECT count(*) FROM {schema}.tasks t JOIN {schema}.instances i USING (namespace, app, instance_id)"
        " WHERE t.instance_created_at <> i.created_at"
    )
    assert wrong == 0


async def test_goes_on_where_a_migration_was_killed(
    postgres_server: postgres.Server, admin: asyncpg.Connection
) -> None:
    schema = await made(postgres_server.url, 3)
    await filled(admin, schema)
    invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid AND indrelid = $1::regclass"
    async with beside(postgres_server.url) as holder, holder.transaction(isolation="repeatable_read"):
        # Building an index waits for whoever may still look at older rows.
        await holder.fetch(f"SELECT FROM {schema}.meta")
        store = PostgresStore(postgres_server.url, schema=schema)
        opening = asyncio.create_task(store.open(), name="migrates")
        building = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND state = 'active'"
        async with asyncio.timeout(20):
            while not (pid := await admin.fetchval(building)) or not await admin.fetchval(
                "SELECT count(*) FROM pg_locks WHERE pid = $1 AND NOT granted", pid
            ):
                await asyncio.sleep(0.01)
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
        with pytest.raises(Unreachable, match="AN301 "):
            await opening
    assert await admin.fetchval(invalid, f"{schema}.instances") == 1
    async with opened(postgres_server.url, schema) as again:
        await works(again, "order-new")
        limit = await again._connections.call(lambda each: each.fetchval("SHOW statement_timeout"), writes=False)
        assert limit == "13500ms"
    assert await admin.fetchval(invalid, f"{schema}.instances") == 0


async def test_gives_up_clearly_when_others_hold_a_table_on_and_on(
    postgres_server: postgres.Server, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = await made(postgres_server.url, 1)
    monkeypatch.setattr(postgres_migrating, "PATIENCE_S", 0.1)
    monkeypatch.setattr(postgres_migrating, "_LOCK_S", 0.1)
    async with admin.transaction():
        await admin.fetch(f"SELECT FROM {schema}.instances")
        with pytest.raises(TimeLimit, match=r"AN319 .*hold its tables: ALTER TABLE .*nothing is lost, start again"):
            await PostgresStore(postgres_server.url, schema=schema).open()
    async with opened(postgres_server.url, schema):
        pass


async def test_names_the_role_that_may_bring_a_schema_up_to_date(
    postgres_server: postgres.Server, admin: asyncpg.Connection
) -> None:
    schema = await made(postgres_server.url, 3)
    await admin.execute(f"CREATE ROLE {schema} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {schema}")
    await admin.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {schema}")
    url = postgres_server.url.replace("postgres@", f"{schema}@")
    with pytest.raises(StoreNotWritable, match=r"AN304 .*version 3 .*must be owner.*as the role that owns its tables"):
        await PostgresStore(url, schema=schema).open()
    assert await admin.fetchval(f"SELECT value FROM {schema}.meta WHERE key = 'schema'") == "3"
