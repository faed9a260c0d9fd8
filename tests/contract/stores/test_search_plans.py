"""What the planners make of lists and of retention: index ranges, on empty tables and on filled ones, never a scan."""

import re
import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.stores import search, sqlite_counts, sqlite_lists, sqlite_retention
from antiphon_sidecar.stores.base import InstanceFilter
from antiphon_sidecar.stores.postgres import PostgresStore
from antiphon_sidecar.stores.postgres_counts import Counts
from antiphon_sidecar.stores.postgres_lists import Lists
from antiphon_sidecar.stores.postgres_retention import Retention
from antiphon_sidecar.stores.search import Index
from antiphon_sidecar.stores.sqlite import SqliteStore
from tests import postgres

WALKED = {
    Index.STATUS: "instances_by_status",
    Index.NAME: "instances_by_name",
    Index.PARENT: "instances_by_parent",
    Index.WAITING: "instances_by_waiting",
    Index.TAG: "tags_by_value",
    Index.TARGET: "tasks_by_target",
    Index.PREFIX: "instances_pkey",
    Index.COMPLETION: "instances_by_completion",
}
#: How the row that was found is looked at: by keys.
LOOKED_UP = {"tags_by_instance", "tasks_pkey", "instances_pkey"}
#: In SQLite a primary key's index has a name of its own.
SQLITE_KEYS = {"sqlite_autoindex_instances_1": "instances_pkey", "sqlite_autoindex_tasks_1": "tasks_pkey"}

FILL = """
INSERT INTO instances (namespace, app, instance_id, slot, incarnation, execution_id, generation, version, status, name,
  created_at, updated_at, completed_at, parent_app, parent_instance, commit_id)
SELECT 'default', 'orders', 'i' || n, n % 65536, {blob}, 'e', 0, 1, 1, 'ship', n, n, n, 'p', 'q', {blob}
FROM {numbers}
"""


@pytest.fixture(params=["empty", "filled"])
def filled(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "filled")


@pytest.fixture
async def file(tmp_path: Path, filled: bool) -> Path:
    path = tmp_path / "state.db"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    if filled:
        numbers = "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000) SELECT n FROM c)"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(FILL.format(blob="x''", numbers=numbers))
            connection.execute("ANALYZE")
            connection.commit()
    return path


def of_sqlite(file: Path, text: str, *, marks: dict[str, object] | tuple[object, ...]) -> set[str]:
    """The indexes of a statement's plan; fails when a table is scanned."""
    with closing(sqlite3.connect(file)) as connection:
        plan = [line for *_, line in connection.execute(f"EXPLAIN QUERY PLAN {text}", marks)]
    assert not [line for line in plan if line.startswith("USE TEMP B-TREE")], plan
    scans = [line for line in plan if line.startswith("SCAN") and not re.match(r"SCAN (w|json_each|\()", line)]
    assert not scans, plan
    names = [match[1] for line in plan if (match := re.search(r"USING (?:COVERING )?INDEX (\S+)", line))]
    return {SQLITE_KEYS.get(name, name) for name in names}


@pytest.mark.parametrize("index", Index)
def test_sqlite_walks_one_index(file: Path, index: Index) -> None:
    wanted = InstanceFilter(id_prefix="a", tags=[("k", "v")], waiting_for_app="b", completed_from=0)
    marks = sqlite_lists._marks("default", wanted)
    marks = sqlite_lists._ranged(marks, ("a", "1"), (1, "", ""), 10)
    used = of_sqlite(file, sqlite_lists.walking(index), marks=marks)
    assert WALKED[index] in used
    assert used <= {WALKED[index]} | LOOKED_UP
    assert of_sqlite(file, sqlite_lists.counting(index), marks=marks) == {WALKED[index]}


def test_sqlite_finds_the_statuses_of_an_app_one_by_one(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        texts = ((sqlite_lists.NEXT_STATUS, 3), (sqlite_lists.NEXT_APP, 2))
        plans = [connection.execute(f"EXPLAIN QUERY PLAN {text}", ("x",) * marks).fetchall() for text, marks in texts]
    ranges = [plan[0][-1].partition("instances_by_status ")[2] for plan in plans]
    assert ranges == ["(namespace=? AND app=? AND status>?)", "(namespace=? AND app>?)"]


def test_sqlite_finds_what_ended_long_ago_by_its_end(file: Path) -> None:
    marks = ("[1]", "{}", 9, "default", "orders", int(Status.COMPLETED), 9, 0, "", 100)
    assert of_sqlite(file, sqlite_retention.OLD, marks=marks) <= {"instances_by_completion", "instances_pkey"}


def test_sqlite_counts_what_has_not_ended_without_reading_what_has(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        plans = [
            [line for *_, line in connection.execute(f"EXPLAIN QUERY PLAN {text}", marks)]
            for text, marks in ((sqlite_counts.UNFINISHED, ("x", "x")), (sqlite_counts.FAILED, ("x", "x", 0)))
        ]
    assert plans[0][0].endswith("instances_by_status (namespace=? AND app=? AND status=?)")
    assert plans[1][0].endswith("instances_by_completion (namespace=? AND app=? AND status=? AND completed_at>?)")
    assert of_sqlite(file, sqlite_counts.TASKS, marks=("x", "x")) == {"tasks_by_target"}


@pytest.fixture
async def store(postgres_server: postgres.Server, filled: bool) -> PostgresStore:
    schema = f"plans_{secrets.token_hex(4)}"
    made = PostgresStore(postgres_server.url, schema=schema)
    await made.open()
    if filled:
        fill = FILL.replace("INTO instances", f"INTO {schema}.instances")
        fill = fill.format(blob="'\\x00'::bytea", numbers="generate_series(1, 5000) n")
        await made._write(lambda each: each.execute(f"{fill}; ANALYZE {schema}.instances"))
    return made


async def of_postgres(store: PostgresStore, text: str, *, count: int, sorts: int = 1) -> set[str]:
    """The indexes of a statement's generic plan in a session of the store; fails when a table is scanned."""

    async def explain(connection: asyncpg.Connection) -> Iterable[str]:
        async with connection.transaction():
            await connection.execute(f"PREPARE asked AS {text}")
            rows = await connection.fetch(f"EXPLAIN EXECUTE asked ({', '.join(['NULL'] * count)})")
            await connection.execute("DEALLOCATE asked")
        return [line for (line,) in rows]

    plan = await store._read(explain)
    await store.close()
    assert not [line for line in plan if "Seq Scan" in line], "\n".join(plan)
    # A scan of an index without a condition on it reads all of the index.
    for place, line in enumerate(plan):
        if re.search(r"Index (Only )?Scan", line):
            assert "Index Cond" in plan[place + 1], "\n".join(plan)
    # Ranges are merged once; each of them is in order by itself.
    assert sum("Sort  (" in line for line in plan) <= sorts, "\n".join(plan)
    named = (re.search(r"(?:using|Bitmap Index Scan on) (\S+)", line) for line in plan)
    return {match[1] for match in named if match}


@pytest.mark.parametrize("index", Index)
async def test_postgres_walks_one_index(store: PostgresStore, index: Index) -> None:
    walking = Lists(store._schema).walks[index]
    used = await of_postgres(store, walking.text, count=len(walking.names))
    assert WALKED[index] in used
    assert used <= {WALKED[index]} | LOOKED_UP


@pytest.mark.parametrize("index", Index)
async def test_postgres_counts_by_one_index(store: PostgresStore, index: Index) -> None:
    counting = Lists(store._schema).counts[index]
    assert await of_postgres(store, counting.text, count=len(counting.names)) == {WALKED[index]}


async def test_postgres_counts_what_has_not_ended_without_reading_what_has(store: PostgresStore) -> None:
    used = await of_postgres(store, Counts(store._schema).instances_text, count=3)
    assert used == {"instances_by_status", "instances_by_completion"}


async def test_postgres_counts_calls_by_their_target(store: PostgresStore) -> None:
    assert await of_postgres(store, Counts(store._schema).tasks_text, count=2) == {"tasks_by_target"}


async def test_postgres_finds_what_ended_long_ago_by_its_end(store: PostgresStore) -> None:
    used = await of_postgres(store, Retention(store._schema).statement, count=11, sorts=2)
    assert "instances_by_completion" in used
    assert not {name for name in used if name.startswith(("instances_by_name", "instances_by_status"))}


def test_knows_every_index() -> None:
    assert set(WALKED) == set(Index)
    assert set(search.UNORDERED) < set(Index)
