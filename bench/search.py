"""How long the first page of a list takes with a million finished instances, for each filter, in both stores.

`python bench/search.py [--instances N]`. The rows are made by the databases themselves, a few minutes for a million.
"""

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console
from rich.table import Table

from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.stores.base import InstanceFilter, Store
from antiphon_sidecar.stores.postgres import PostgresStore
from antiphon_sidecar.stores.sqlite import SqliteStore
from tests import postgres

PAGE = 100
REPEATS = 15
BEGAN = 1_760_000_000_000_000_000
STEP = 1_000_000_000

#: One instance a second; of 100, two failed; of ten, nine are children; a few wait.
INSTANCES = """
INSERT INTO {schema}instances (namespace, app, instance_id, slot, incarnation, execution_id, generation, version,
  status, name, created_at, updated_at, started_at, completed_at, parent_app, parent_instance, output, waiting_on,
  tags, commit_id)
SELECT 'default', 'app' || (n % 4), 'order-' || n, n % 65536, {blob}, 'e' || n, 0, 3,
  CASE WHEN n % 10000 = 1 THEN 8 WHEN n % 1000 = 2 THEN 0 WHEN n % 50 = 0 THEN 3 ELSE 1 END,
  'flow' || (n % 10), {began} + n * {step}, {began} + n * {step}, {began} + n * {step},
  CASE WHEN n % 10000 = 1 OR n % 1000 = 2 THEN NULL ELSE {began} + (n + n % 600) * {step} END,
  CASE WHEN n % 10 > 0 THEN 'app0' END, CASE WHEN n % 10 > 0 THEN 'order-' || (n - n % 10) END,
  {blob}, CASE WHEN n % 10000 = 1 THEN 'VersionNotAvailable' END, '[["region", "eu"]]', {blob}
FROM {numbers}
"""
TAGS = """
INSERT INTO {schema}tags (namespace, app, instance_id, incarnation, name, value, created_at)
SELECT 'default', 'app' || (n % 4), 'order-' || n, {blob}, {tag}, {began} + n * {step} FROM {numbers}
"""
TASKS = """
INSERT INTO {schema}tasks (namespace, app, instance_id, slot, incarnation, execution_id, task_id, target_app, name,
  request, attempt, created_at, claimed_by, due_at, instance_created_at)
SELECT 'default', 'app' || (n % 4), 'order-' || n, n % 65536, {blob}, 'e' || n, 1,
  CASE WHEN n % 5000 = 2 THEN 'gone' ELSE 'app0' END, 'charge', {blob}, 1, 0, '', 0, {began} + n * {step}
FROM {numbers} WHERE n % 1000 = 2
"""


def filters(count: int) -> dict[str, InstanceFilter]:
    """Return what is asked for, by what a person would call it."""
    middle = BEGAN + count // 2 * STEP
    hour = 3600 * STEP
    return {
        "everything": InstanceFilter(),
        "app": InstanceFilter(app="app1"),
        "status, rare (FAILED)": InstanceFilter(statuses=[Status.FAILED]),
        "status, common, in one app": InstanceFilter(app="app2", statuses=[Status.COMPLETED]),
        "two statuses": InstanceFilter(statuses=[Status.RUNNING, Status.STALLED]),
        "name": InstanceFilter(name="flow3"),
        "name and status": InstanceFilter(name="flow0", statuses=[Status.FAILED]),
        "name and status, nothing fits": InstanceFilter(name="flow3", statuses=[Status.FAILED]),
        "made in an hour long ago": InstanceFilter(created_from=middle, created_until=middle + hour),
        "ended in an hour long ago": InstanceFilter(completed_from=middle, completed_until=middle + hour),
        "ended in ten minutes, failed": InstanceFilter(
            completed_from=middle, completed_until=middle + hour // 6, statuses=[Status.FAILED]
        ),
        "ended since the middle": InstanceFilter(completed_from=middle),
        "tag, rare": InstanceFilter(tags=[("customer", "c77")]),
        "tag, common": InstanceFilter(tags=[("region", "eu")]),
        "two tags": InstanceFilter(tags=[("region", "eu"), ("customer", "c77")]),
        "tag, common, and failed": InstanceFilter(tags=[("region", "eu")], statuses=[Status.FAILED]),
        "parent": InstanceFilter(parent=("app0", f"order-{count // 2 // 10 * 10}")),
        "roots": InstanceFilter(roots=True),
        "ID prefix, rare": InstanceFilter(id_prefix=f"order-{count // 2000}"),
        "ID prefix, common": InstanceFilter(id_prefix="order-"),
        "ID prefix, none": InstanceFilter(id_prefix="invoice-"),
        "waiting on": InstanceFilter(waiting_on="VersionNotAvailable"),
        "waiting for an app": InstanceFilter(waiting_for_app="gone"),
        "everything of it at once": InstanceFilter(
            app="app1", name="flow5", statuses=[Status.COMPLETED], tags=[("region", "eu")], created_until=middle
        ),
    }


def statements(count: int, *, schema: str, blob: str, numbers: str) -> list[str]:
    """Return what fills a store."""
    given = {"schema": schema, "blob": blob, "numbers": numbers, "began": BEGAN, "step": STEP}
    regions = "'region', CASE n % 3 WHEN 0 THEN 'us' ELSE 'eu' END"
    customers = "'customer', 'c' || (n % 5000)"
    return [
        INSTANCES.format(**given),
        *(TAGS.format(**given, tag=tag) for tag in (regions, customers)),
        TASKS.format(**given),
    ]


async def fill_sqlite(path: Path, count: int) -> Store:
    """Return a filled SQLite store."""
    store = SqliteStore(path)
    await store.open()
    numbers = f"(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) SELECT n FROM c)"
    with closing(sqlite3.connect(path)) as connection:
        for text in statements(count, schema="", blob="x'00'", numbers=numbers):
            connection.execute(text)
            connection.commit()
    return store


async def fill_postgres(server: postgres.Server, count: int) -> Store:
    """Return a filled PostgreSQL store."""
    store = PostgresStore(server.url)
    await store.open()
    connection = await store._connections.connect()
    await connection.execute("SET statement_timeout = 0")
    for text in statements(
        count, schema="antiphon.", blob="'\\x00'::bytea", numbers=f"generate_series(1::bigint, {count}) AS numbers(n)"
    ):
        await connection.execute(text, timeout=3600)
    await connection.execute("ANALYZE; CHECKPOINT", timeout=3600)
    await connection.close()
    return store


async def measure(store: Store, wanted: InstanceFilter) -> tuple[int, float, float]:
    """Return how many instances the first page holds, and its shortest and median time in milliseconds."""
    times: list[float] = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        rows, _ = await store.list_instances(wanted, limit=PAGE)
        times.append((time.perf_counter() - began) * 1000)
    # The first one prepares the statements and warms what is read.
    return len(rows), min(times[1:]), statistics.median(times[1:])


async def main(count: int) -> None:
    """Fill both stores, measure and print."""
    table = Table(title=f"First page of {PAGE}, {count:,} instances, {REPEATS - 1} times each")
    for column in ("filter", "SQLite rows", "ms least", "p50", "PostgreSQL rows", "ms least", "p50"):
        table.add_column(column, justify="left" if column == "filter" else "right")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(postgres.started())
        stores = [await fill_sqlite(folder / "state.db", count), await fill_postgres(server, count)]
        for title, wanted in filters(count).items():
            cells = []
            for store in stores:
                rows, least, median = await measure(store, wanted)
                cells += [str(rows), f"{least:.1f}", f"{median:.1f}"]
            table.add_row(title, *cells)
        for store in stores:
            await store.close()
    Console(width=120).print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().instances))
