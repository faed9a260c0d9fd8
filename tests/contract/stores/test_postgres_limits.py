"""What a PostgreSQL server, its roles and a pooler may set or lack: time limits, connections, rights."""

import asyncio
import secrets

import asyncpg
import pytest

from antiphon_sidecar.stores.base import Outcome
from antiphon_sidecar.stores.errors import (
    OutcomeUnknown,
    PoolerUnfit,
    PoolExhausted,
    StoreNotWritable,
    TimeLimit,
    TooManyConnections,
    Unreachable,
)
from antiphon_sidecar.stores.postgres import PostgresStore
from tests import pgbouncer, postgres
from tests.contract.stores.opening import beside, opened, works
from tests.contract.stores.rows import APP, ID, message, take, task, turn

# limits


async def test_a_pool_that_is_busy_for_too_long_is_an_error_that_says_so(postgres_server: postgres.Server) -> None:
    async with opened(postgres_server.url, pool_size=2, wait_s=0.2) as store:

        async def slow(connection: asyncpg.Connection) -> None:
            await connection.fetchval("SELECT pg_sleep(0.8)")

        held = [asyncio.create_task(store._connections.call(slow), name="slow") for _ in range(2)]
        async with asyncio.timeout(10):
            while store.use.busy < 2:
                await asyncio.sleep(0.01)
        with pytest.raises(PoolExhausted, match=r"AN313 .*all 2 connections .* busy for 0.2 s; nothing was applied"):
            await store.now()
        assert (store.use.size, store.use.exhausted, store.use.waiting) == (2, 1, 0)
        await asyncio.gather(*held)
        await works(store)
        assert store.use.busy == 0


async def test_a_server_without_free_connections_is_named_and_used_again_later(
    postgres_server: postgres.Server,
) -> None:
    role = f"narrow_{secrets.token_hex(4)}"
    url = postgres_server.url.replace("postgres@", f"{role}@")
    async with beside(postgres_server.url) as admin:
        await admin.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 1; GRANT CREATE ON DATABASE postgres TO {role}")
        async with beside(url):
            with pytest.raises(TooManyConnections, match=r"AN314 .*takes no more connections.*CONNECTION LIMIT"):
                await PostgresStore(url, schema=role).open()
        async with asyncio.timeout(10):
            while await admin.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = $1", role):
                await asyncio.sleep(0.01)
        async with opened(url, role) as store:
            await works(store)
            # A second call at once finds no second connection, and leaves the first one alone.
            answers = await asyncio.gather(*(store.now() for _ in range(3)), return_exceptions=True)
            assert {type(answer) for answer in answers} == {int, TooManyConnections}
            await works(store, "order-2")


async def test_a_statement_that_takes_too_long_applies_nothing(postgres_server: postgres.Server) -> None:
    async with opened(postgres_server.url) as store:
        epoch = await take(store)

        async def slow(connection: asyncpg.Connection) -> None:
            async with connection.transaction():
                await connection.execute("SET LOCAL statement_timeout = '50ms'")
                await connection.fetchval("SELECT pg_sleep(10)")

        with pytest.raises(TimeLimit, match=r"AN319 .*nothing was applied.*statement timeout"):
            await store._connections.call(slow)
        assert await store.commit([turn(None, epoch)]) == [Outcome.COMMITTED]


async def test_limits_of_the_role_do_not_break_our_sessions(postgres_server: postgres.Server) -> None:
    role = f"hasty_{secrets.token_hex(4)}"
    async with beside(postgres_server.url) as admin:
        await admin.execute(f"CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE postgres TO {role}")
        for name in (
            "statement_timeout",
            "lock_timeout",
            "idle_in_transaction_session_timeout",
            "idle_session_timeout",
        ):
            if await admin.fetchval("SELECT count(*) FROM pg_settings WHERE name = $1", name):
                await admin.execute(f"ALTER ROLE {role} SET {name} = '300ms'")
        await admin.execute(f"ALTER ROLE {role} SET default_transaction_read_only = on")
        await admin.execute(f"ALTER ROLE {role} SET synchronous_commit = off")
        async with opened(postgres_server.url.replace("postgres@", f"{role}@"), role, pool_size=1) as store:
            for number in range(3):
                await store._connections.call(lambda each: each.fetchval("SELECT pg_sleep(0.4)"), writes=False)
                await works(store, f"order-{number}")
            pid = await store._connections.call(lambda each: each.fetchval("SELECT pg_backend_pid()"), writes=False)
            await asyncio.sleep(0.5)  # longer than the role lets a session be idle
            again = await store._connections.call(lambda each: each.fetchval("SELECT pg_backend_pid()"), writes=False)
            assert again == pid
            durable = await store._connections.call(lambda each: each.fetchval("SHOW synchronous_commit"), writes=False)
            assert durable == "on"


async def test_a_transaction_that_idles_for_too_long_is_ended_and_its_connection_replaced(
    postgres_server: postgres.Server,
) -> None:
    async with opened(postgres_server.url, pool_size=1, session_timeout_s=0.2) as store:

        async def idle(connection: asyncpg.Connection) -> None:
            async with connection.transaction():
                await connection.fetchval("SELECT 1")
                await asyncio.sleep(1)
                await connection.fetchval("SELECT 2")

        with pytest.raises((Unreachable, OutcomeUnknown), match="AN301 "):
            await store._connections.call(idle)
        await works(store)


# poolers


async def test_works_through_a_pooler_that_pools_by_session(postgres_server: postgres.Server) -> None:
    with pgbouncer.started(postgres_server, mode="session") as url:
        async with opened(url) as store, opened(url) as other:
            await works(store)
            await works(other)
            await asyncio.gather(*(store.now() for _ in range(20)))


async def test_works_through_a_pooler_that_has_one_session_to_give(postgres_server: postgres.Server) -> None:
    with pgbouncer.started(postgres_server, mode="session", size=1) as url:
        async with opened(url, pool_size=1) as store:
            await works(store)


@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_refuses_a_pooler_that_mixes_sessions(postgres_server: postgres.Server, mode: str) -> None:
    with pgbouncer.started(postgres_server, mode=mode) as url:
        for _ in range(3):
            with pytest.raises(PoolerUnfit, match=r"AN317 .*Set pool_mode = session"):
                await PostgresStore(url, schema="never").open()
    async with beside(postgres_server.url) as admin:
        assert await admin.fetchval("SELECT to_regnamespace('never')") is None


# rights


async def test_a_role_with_the_rights_of_the_docs_works(postgres_server: postgres.Server) -> None:
    schema = f"granted_{secrets.token_hex(4)}"
    async with opened(postgres_server.url, schema), beside(postgres_server.url) as admin:
        await admin.execute(
            f"CREATE ROLE {schema} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {schema};"
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {schema}"
        )
        async with opened(postgres_server.url.replace("postgres@", f"{schema}@"), schema) as store:
            epoch = await take(store)
            await store.commit([turn(None, epoch, tasks=(task(1),), messages=(message("m"),))])
            assert len(await store.load_inbox(app=APP, instance_id=ID)) == 1


async def test_names_each_right_that_is_missing(postgres_server: postgres.Server) -> None:
    schema = f"partial_{secrets.token_hex(4)}"
    url = postgres_server.url.replace("postgres@", f"{schema}@")
    async with opened(postgres_server.url, schema), beside(postgres_server.url) as admin:
        tables = [
            name for (name,) in await admin.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
        ]
        await admin.execute(f"CREATE ROLE {schema} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {schema}")
        await admin.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {schema}")
        assert len(tables) >= 10
        for table in tables:
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
                await admin.execute(f"REVOKE {right} ON {schema}.{table} FROM {schema}")
                with pytest.raises(StoreNotWritable, match=rf"AN304 .*lacks: {right} on {schema}\.{table}\. Grant"):
                    await PostgresStore(url, schema=schema).open()
                await admin.execute(f"GRANT {right} ON {schema}.{table} TO {schema}")


async def test_a_right_that_is_taken_away_later_is_named_and_may_come_back(postgres_server: postgres.Server) -> None:
    schema = f"revoked_{secrets.token_hex(4)}"
    async with opened(postgres_server.url, schema), beside(postgres_server.url) as admin:
        await admin.execute(f"CREATE ROLE {schema} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {schema}")
        await admin.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {schema}")
        async with opened(postgres_server.url.replace("postgres@", f"{schema}@"), schema) as store:
            epoch = await take(store)
            await admin.execute(f"REVOKE INSERT ON {schema}.history FROM {schema}")
            with pytest.raises(StoreNotWritable, match=r"AN304 .*permission denied for table history"):
                await store.commit([turn(None, epoch)])
            await admin.execute(f"GRANT INSERT ON {schema}.history TO {schema}")
            assert await store.commit([turn(None, epoch)]) == [Outcome.COMMITTED]


async def test_a_role_that_may_not_connect_is_told(postgres_server: postgres.Server) -> None:
    name = f"closed_{secrets.token_hex(4)}"
    async with beside(postgres_server.url) as admin:
        await admin.execute(f"CREATE DATABASE {name}")
        await admin.execute(f"CREATE ROLE {name} LOGIN")
        await admin.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    url = postgres_server.url.replace("postgres@", f"{name}@").removesuffix("postgres") + name
    with pytest.raises(StoreNotWritable, match=r"AN304 .*Grant this user CONNECT"):
        await PostgresStore(url).open()
