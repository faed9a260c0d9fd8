"""What only shows with several sessions of a PostgreSQL server: waiting for locks, late rows, lost connections."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, replace
from typing import TypeVar

import asyncpg
import pytest

from antiphon_names.hashing import partition_of
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.stores import postgres_commits, postgres_schema, postgres_statement
from antiphon_sidecar.stores.base import Outcome, StartOutcome
from antiphon_sidecar.stores.errors import (
    OutcomeUnknown,
    StoreNotWritable,
    StoreTooNew,
    StoreUrlInvalid,
    Unreachable,
)
from antiphon_sidecar.stores.postgres import PostgresStore
from tests import postgres
from tests.contract.stores.rows import APP, ID, ident, instance, message, result, start, take, task, timer, turn

T = TypeVar("T")
ROW = instance()


@dataclass(frozen=True)
class Bench:
    """A store, and a session beside it that can hold locks and uncommitted rows."""

    store: PostgresStore
    beside: asyncpg.Connection
    schema: str

    async def waiting(self, work: Awaitable[T]) -> "asyncio.Task[T]":
        """Start the work and return when its session waits for a lock."""
        task = asyncio.create_task(_run(work), name="waits for a lock")
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid <> pg_backend_pid()"
        async with asyncio.timeout(10):
            while not await self.beside.fetchval(query):
                assert not task.done(), "it did not wait"
        return task


async def _run(work: Awaitable[T]) -> T:
    return await work


@pytest.fixture
async def bench(postgres_server: postgres.Server) -> AsyncIterator[Bench]:
    schema = f"sessions_{secrets.token_hex(4)}"
    store = PostgresStore(postgres_server.url, schema=schema)
    await store.open()
    beside = await asyncpg.connect(postgres_server.url)
    await beside.execute(f"SET search_path = {schema}")
    yield Bench(store, beside, schema)
    await beside.close()
    await store.close()


async def test_a_commit_that_waits_while_the_partition_is_taken_is_refused(bench: Bench) -> None:
    epoch = await take(bench.store)
    async with bench.beside.transaction():
        await bench.beside.execute("UPDATE partitions SET epoch = epoch + 1")
        commit = await bench.waiting(bench.store.commit([turn(None, epoch, messages=(message("m"),))]))
    assert await commit == [Outcome.FENCED]
    assert await bench.store.load(app=APP, instance_id=ID) is None


async def test_taking_a_partition_waits_for_a_commit_under_way(bench: Bench) -> None:
    epoch = await take(bench.store)
    async with bench.beside.transaction():
        await bench.beside.execute("SELECT FROM partitions FOR SHARE")
        taking = await bench.waiting(take(bench.store))
        assert not taking.done()
    assert await taking == epoch + 1


async def test_a_version_that_changes_while_a_commit_waits_is_a_conflict(bench: Bench) -> None:
    epoch = await take(bench.store)
    await bench.store.commit([turn(None, epoch, tasks=(task(1),))])
    async with bench.beside.transaction():
        await bench.beside.execute("UPDATE instances SET version = 2")
        late = turn(ROW, epoch, consume_tasks=(task(1).ref,), tasks=(task(2),))
        commit = await bench.waiting(bench.store.commit([late]))
    assert await commit == [Outcome.CONFLICT]
    loaded = await bench.store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert [each.task_id for each in loaded.tasks] == [1]


async def test_a_commit_that_waits_until_its_version_is_there_lands_whole(bench: Bench) -> None:
    """Its snapshot is older than the row it changes; the locked row counts."""
    epoch, ahead = await take(bench.store), replace(ROW, version=2)
    await bench.store.commit([turn(None, epoch, tasks=(task(1),))])
    async with bench.beside.transaction():
        await bench.beside.execute("UPDATE instances SET version = 2")
        await bench.beside.execute("UPDATE tasks SET due_at = 9")
        commit = turn(ahead, epoch, consume_tasks=(task(1).ref,), tasks=(task(2),))
        waiting = await bench.waiting(bench.store.commit([commit]))
    assert await waiting == [Outcome.COMMITTED]
    loaded = await bench.store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert loaded.row == commit.row
    assert [each.task_id for each in loaded.tasks] == [2]


async def test_a_row_that_goes_while_a_commit_waits_refuses_that_commit_alone(bench: Bench) -> None:
    other = instance("order-2", run="run-2")
    epochs = [await take(bench.store), await take(bench.store, "order-2")]
    await bench.store.commit([turn(None, epochs[0], tasks=(task(1), task(2))), turn(None, epochs[1], row=other)])
    async with bench.beside.transaction():
        await bench.beside.execute("DELETE FROM tasks WHERE task_id = 2")
        group = [
            turn(ROW, epochs[0], consume_tasks=(task(1).ref, task(2).ref), timers=(timer(1),)),
            turn(other, epochs[1]),
        ]
        commit = await bench.waiting(bench.store.commit(group))
    assert await commit == [Outcome.ROWS, Outcome.COMMITTED]
    loaded = await bench.store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert (loaded.row, [each.task_id for each in loaded.tasks], loaded.timers) == (ROW, [1], ())


async def test_a_row_committed_late_is_consumed_by_its_id(bench: Bench) -> None:
    """The message got its number first and became visible last; no watermark passes over it."""
    epoch = await take(bench.store)
    await bench.store.commit([turn(None, epoch)])
    async with bench.beside.transaction():
        await bench.beside.execute(
            "INSERT INTO inbox (namespace, app, instance_id, slot, row_id, kind, incarnation, payload,"
            " execution_id, ref_id, due_at) VALUES ('default', $1, $2, $3, $4, 1, $5, '', '', -1, 0)",
            *(APP, ID, ROW.slot, ident("late"), ROW.incarnation),
        )
        await bench.store.post([message("early")])
        (seen,) = await bench.store.load_inbox(app=APP, instance_id=ID)
        first = turn(ROW, epoch, consume_inbox=(seen.row_id,), known_inbox=())
        assert await bench.store.commit([first]) == [Outcome.COMMITTED]
    ahead = replace(ROW, version=2)
    assert await bench.store.commit([turn(ahead, epoch, known_inbox=())]) == [Outcome.UNREAD]
    (late,) = await bench.store.load_inbox(app=APP, instance_id=ID)
    assert late.seq < seen.seq
    assert await bench.store.commit([turn(ahead, epoch, consume_inbox=(late.row_id,))]) == [Outcome.COMMITTED]


async def test_an_instance_made_while_its_first_commit_waits_is_a_conflict(bench: Bench) -> None:
    epoch = await take(bench.store)
    pending = instance(run="run-2", version=0, status=Status.PENDING)
    async with bench.beside.transaction():
        columns = (
            "namespace, app, instance_id, slot, incarnation, execution_id, generation, version, status, name,"
            " created_at, updated_at, commit_id"
        )
        await bench.beside.execute(
            f"INSERT INTO instances ({columns}) VALUES ('default', $1, $2, $3, $4, 'e', 0, 0, 6, 'n', 0, 0, '')",
            *(APP, ID, ROW.slot, pending.incarnation),
        )
        commit = await bench.waiting(bench.store.commit([turn(None, epoch, tasks=(task(1),))]))
    assert await commit == [Outcome.CONFLICT]
    loaded = await bench.store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert (loaded.tasks, loaded.history) == ((), ())
    assert await bench.store.start_instance(row=pending, start=start(pending), unique=False) is StartOutcome.REPEATED


async def test_a_task_that_goes_while_a_result_waits_leaves_no_message(bench: Bench) -> None:
    await bench.store.commit([turn(None, await take(bench.store), tasks=(task(1),))])
    ref = task(1).ref
    async with bench.beside.transaction():
        await bench.beside.execute("DELETE FROM tasks")
        replaced = await bench.waiting(bench.store.replace_tasks([(ref, result(ref))]))
    assert await replaced == [False]
    assert await bench.store.load_inbox(app=APP, instance_id=ID) == []


async def test_a_lock_that_is_not_given_ends_the_wait(bench: Bench, postgres_server: postgres.Server) -> None:
    hasty = PostgresStore(postgres_server.url, schema=bench.schema, session_timeout_s=0.2)
    await hasty.open()
    await take(hasty)
    async with bench.beside.transaction():
        await bench.beside.execute("SELECT FROM partitions FOR SHARE")
        with pytest.raises(Unreachable, match=r"AN319 .*nothing was applied.*lock timeout"):
            await take(hasty)
    assert await take(hasty) == 2
    await hasty.close()


async def test_a_connection_lost_in_a_commit_leaves_its_outcome_unknown(bench: Bench) -> None:
    epoch = await take(bench.store)
    async with bench.beside.transaction():
        await bench.beside.execute("SELECT FROM partitions FOR UPDATE")
        commit = await bench.waiting(bench.store.commit([turn(None, epoch)]))
        await bench.beside.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        )
        with pytest.raises(OutcomeUnknown, match="AN301 "):
            await commit
    assert not await bench.store.has_commit(app=APP, instance_id=ID, commit_id=ident(f"{ID}/1"))
    assert await bench.store.commit([turn(None, epoch)]) == [Outcome.COMMITTED]


async def test_calls_at_once_share_a_few_connections(bench: Bench, postgres_server: postgres.Server) -> None:
    store = PostgresStore(postgres_server.url, schema=bench.schema, pool_size=2)
    await store.open()
    epochs = {f"order-{n}": 0 for n in range(30)}
    partitions = dict.fromkeys(partition_of(instance(name).slot) for name in epochs)
    taken = {each: await store.take_partition(app=APP, partition=each, replica="a") for each in partitions}
    rows = [instance(name) for name in epochs]
    outcomes = await asyncio.gather(
        *[store.commit([turn(None, taken[partition_of(row.slot)], row=row)]) for row in rows]
    )
    assert outcomes == [[Outcome.COMMITTED]] * 30
    await store.close()


async def test_replicas_that_open_an_empty_database_together_agree(postgres_server: postgres.Server) -> None:
    stores = [PostgresStore(postgres_server.url, schema="together") for _ in range(4)]
    await asyncio.gather(*[store.open() for store in stores])
    assert len({store.identity for store in stores}) == 1
    for store in stores:
        await store.close()


async def test_refuses_a_newer_schema(bench: Bench, postgres_server: postgres.Server) -> None:
    await bench.beside.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(StoreTooNew, match=rf"AN302 .*{bench.schema} has version 99"):
        await PostgresStore(postgres_server.url, schema=bench.schema).open()


async def test_brings_a_schema_of_the_first_release_up_to_date(
    postgres_server: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = f"old_{secrets.token_hex(4)}"
    with monkeypatch.context() as patched:
        patched.setattr(postgres_schema, "MIGRATIONS", postgres_schema.MIGRATIONS[:1])
        old = PostgresStore(postgres_server.url, schema=schema)
        await old.open()
        await old.close()
    beside = await asyncpg.connect(postgres_server.url)
    await beside.execute(
        f"INSERT INTO {schema}.instances (namespace, app, instance_id, slot, incarnation, execution_id, generation,"
        " version, status, name, created_at, updated_at, commit_id) VALUES ('default', $1, $2, 1, '\\x01', 'x', 0, 1,"
        " 0, 'ship', 5, 5, '\\x02')",
        APP,
        ID,
    )
    await beside.close()
    store = PostgresStore(postgres_server.url, schema=schema)
    await store.open()
    row = await store.get_instance(app=APP, instance_id=ID)
    await store.close()
    assert row is not None
    assert (row.name, row.waiting_on, row.worker_deaths) == ("ship", None, 0)


async def test_names_the_rights_that_are_missing(bench: Bench, postgres_server: postgres.Server) -> None:
    user = f"reader_{secrets.token_hex(4)}"
    await bench.beside.execute(f"CREATE ROLE {user} LOGIN")
    url = postgres_server.url.replace("postgres@", f"{user}@")
    with pytest.raises(StoreNotWritable, match=f"AN304 .*lacks: .*USAGE on schema {bench.schema}"):
        await PostgresStore(url, schema=bench.schema).open()
    with pytest.raises(StoreNotWritable, match=r"AN304 .*Grant this user CREATE on the database"):
        await PostgresStore(url, schema="not_there").open()
    await bench.beside.execute(f"GRANT USAGE ON SCHEMA {bench.schema} TO {user}")
    with pytest.raises(StoreNotWritable, match=r"lacks: .*DELETE on"):
        await PostgresStore(url, schema=bench.schema).open()


@pytest.mark.parametrize(
    ("url", "text"),
    [
        pytest.param("postgresql://h/d?sslmod=require", "'sslmod' is unknown", id="parameter"),
        pytest.param("postgresql://h/d?connect_timeout=soon", "no number of seconds", id="timeout"),
        pytest.param("postgresql://h/d?sslmode=maybe", "cannot be used", id="sslmode"),
        pytest.param("mysql://h/d", "'mysql' is no scheme", id="scheme"),
    ],
)
async def test_refuses_a_url_it_does_not_understand(url: str, text: str) -> None:
    with pytest.raises(StoreUrlInvalid, match=f"AN305 .*{text}"):
        await PostgresStore(url).open()


async def test_names_a_database_that_is_not_there(postgres_server: postgres.Server) -> None:
    url = postgres_server.url.removesuffix("postgres") + "nowhere"
    with pytest.raises(StoreUrlInvalid, match=r"AN305 .*nowhere"):
        await PostgresStore(url).open()


async def test_says_that_no_server_answers() -> None:
    with pytest.raises(Unreachable, match=r"AN301 .*127\.0\.0\.1:1/"):
        await PostgresStore("postgresql://u:secret@127.0.0.1:1/d").open()


@pytest.mark.parametrize("schema", ["", "1st", "pg_mine", 'a"b', "a b"])
def test_refuses_a_schema_name_that_cannot_be_one(schema: str) -> None:
    with pytest.raises(StoreUrlInvalid, match=r"AN305 .*schema name"):
        PostgresStore("postgresql://h/d", schema=schema)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"name": "nul\0"}, id="refused by the server"),
        pytest.param({"status": 1 << 40}, id="cannot be sent"),
    ],
)
async def test_a_commit_that_cannot_be_written_harms_no_other_of_its_group(
    bench: Bench, bad: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"order-{number}" for number in range(5)]
    partitions = dict.fromkeys(partition_of(instance(name).slot) for name in names)
    taken = {each: await bench.store.take_partition(app=APP, partition=each, replica="a") for each in partitions}
    rows = [instance(name, **(bad if name == "order-3" else {})) for name in names]
    group = [turn(None, taken[partition_of(row.slot)], row=row) for row in rows]
    outcomes = await bench.store.commit(group)
    assert [outcome is Outcome.COMMITTED for outcome in outcomes] == [True, True, True, False, True]
    assert outcomes[3] is Outcome.CONFLICT
    assert "cannot be written" in caplog.text


async def test_looks_rows_up_by_their_keys_only(bench: Bench) -> None:
    """Also right after the tables were empty, when the planner believes anything."""
    epoch = await take(bench.store)
    shape, marks = postgres_commits.prepared(
        "default",
        [
            turn(
                ROW,
                epoch,
                consume_inbox=(ident("a"),),
                consume_tasks=(task(1).ref,),
                consume_timers=(timer(1).ref,),
                discard_inbox=(ident("b"),),
                known_inbox=(),
                end_execution="run-1/0",
                drop_history=True,
                tasks=(task(2),),
                timers=(timer(2),),
                messages=(message("c"),),
            )
        ],
    )
    text = postgres_statement.statement(f'"{bench.schema}"', shape)
    plan = await bench.store._read(lambda connection: connection.fetch(f"EXPLAIN {text}", *marks))
    scans = [line for (line,) in plan if "Scan" in line and ("_by_" in line or "Seq" in line)]
    assert scans
    assert all("inbox_by_instance" in line for line in scans)
    assert not [line for (line,) in plan if "Join Filter" in line and ".row_id" in line]
