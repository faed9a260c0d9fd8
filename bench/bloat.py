"""What PostgreSQL's tables look like after many instances, and whether the last ones cost what the first ones did.

`python bench/bloat.py [--instances N]`. The store is driven as hosts drive it, with the same statements in groups of
64, but by nothing else: 200,000 instances take some minutes instead of an hour. Each instance is started, calls
two activities, has a timer that it does not wait for, gets one event, and ends: four commits.
"""

import argparse
import asyncio
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import asyncpg
from processes import Cost, cost_of
from rich.console import Console
from rich.table import Table

from antiphon_names.hashing import partition_of, slot_of
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.stores.base import (
    Commit,
    HistoryRow,
    InboxKind,
    InboxRow,
    InstanceRow,
    Outcome,
    TaskRow,
    TimerRow,
)
from antiphon_sidecar.stores.postgres import PostgresStore
from tests import postgres

APP = "orders"
#: Commits of one statement, and instances under way at once.
GROUP = 64
AT_ONCE = 4
PROBE = 1_000
PAYLOAD = secrets.token_bytes(400)
SIZES = """
SELECT c.relname, coalesce(s.n_live_tup, 0), coalesce(s.n_dead_tup, 0), pg_table_size(c.oid), pg_indexes_size(c.oid),
  coalesce(s.autovacuum_count, 0), coalesce(s.n_tup_upd, 0), coalesce(s.n_tup_hot_upd, 0)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE n.nspname = 'antiphon' AND c.relkind = 'r' AND c.relname = ANY ($1) ORDER BY c.relname
"""
INDEXES = """
SELECT indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes WHERE schemaname = 'antiphon'
ORDER BY pg_relation_size(indexrelid) DESC LIMIT 14
"""
TABLES = ("instances", "history", "inbox", "tasks", "timers", "tags")


@dataclass(slots=True)
class Run:
    """An instance under way."""

    row: InstanceRow
    epoch: int
    turns: int = 0

    def commit(self, *, ends: bool = False, **over: object) -> Commit:
        """Return the next commit, which adds a turn of a few hundred bytes."""
        before, now = self.row, time.time_ns()
        status = Status.COMPLETED if ends else Status.RUNNING
        self.row = replace(
            before, version=before.version + 1, status=int(status), updated_at=now, completed_at=now if ends else None
        )
        commit_id = secrets.token_bytes(16)
        self.turns += 1
        made = Commit(
            APP,
            before.instance_id,
            before.slot,
            self.epoch,
            commit_id,
            before.incarnation,
            before.version,
            self.row,
            history=HistoryRow(0, self.turns - 1, PAYLOAD, 3, commit_id),
        )
        return replace(made, **over)  # type: ignore[arg-type]  # fields of a commit

    def task(self, number: int) -> TaskRow:
        """Return an activity that the instance asks for."""
        row = self.row
        key = (APP, row.instance_id, row.slot, row.incarnation, row.execution_id, number)
        return TaskRow(*key, "payments", "charge", PAYLOAD, instance_created_at=row.created_at)

    def timer(self, number: int) -> TimerRow:
        """Return a timer of the instance, years away."""
        row = self.row
        return TimerRow(APP, row.instance_id, row.slot, row.incarnation, row.execution_id, number, 1 << 62, b"")

    def message(self, kind: InboxKind, row_id: bytes) -> InboxRow:
        """Return a message for the instance."""
        row = self.row
        return InboxRow(APP, row.instance_id, row.slot, row_id, kind, row.incarnation, PAYLOAD)


async def group_through(store: PostgresStore, numbers: Sequence[int], epochs: dict[int, int]) -> None:
    """Take a group of instances from their starts to their ends."""
    runs = []
    for number in numbers:
        name, run_id, now = f"order-{number}", secrets.token_bytes(16), time.time_ns()
        slot = slot_of(name)
        row = InstanceRow(APP, name, slot, run_id, run_id.hex(), 0, 0, int(Status.PENDING), "ship", now, now)
        runs.append(Run(replace(row, tags=(("customer", f"c{number % 5000}"),)), epochs[partition_of(slot)]))
        await store.start_instance(row=runs[-1].row, start=runs[-1].message(InboxKind.START, run_id), unique=True)
    timers = [run.timer(9) for run in runs]
    await committed(
        store,
        [
            run.commit(consume_inbox=(run.row.incarnation,), tasks=(run.task(1),), timers=(timer,))
            for run, timer in zip(runs, timers, strict=True)
        ],
    )
    events = [run.message(InboxKind.EVENT, secrets.token_bytes(16)) for run in runs]
    await store.post(events)
    await committed(
        store,
        [
            run.commit(consume_inbox=(event.row_id,), consume_tasks=(run.task(1).ref,), tasks=(run.task(2),))
            for run, event in zip(runs, events, strict=True)
        ],
    )
    await committed(store, [run.commit(consume_tasks=(run.task(2).ref,)) for run in runs])
    await committed(store, [run.commit(ends=True, end_execution=run.row.execution_id) for run in runs])


async def committed(store: PostgresStore, group: Sequence[Commit]) -> None:
    """Commit a group, all of which must land."""
    outcomes = await store.commit(group)
    assert set(outcomes) == {Outcome.COMMITTED}, outcomes


async def through(store: PostgresStore, first: int, last: int, epochs: dict[int, int]) -> None:
    """Take instances through, some groups at once."""
    groups = iter([range(begin, min(begin + GROUP, last)) for begin in range(first, last, GROUP)])

    async def lane() -> None:
        for numbers in groups:
            await group_through(store, numbers, epochs)

    async with asyncio.TaskGroup() as all_lanes:
        for _ in range(AT_ONCE):
            all_lanes.create_task(lane())


def per_instance(before: Cost, after: Cost) -> float:
    """Return the milliseconds of CPU that PostgreSQL took for each of PROBE instances."""
    return (after.cpu_s - before.cpu_s) * 1000 / PROBE


async def main(count: int) -> None:
    """Fill, measure and print."""
    console = Console(width=140)
    with postgres.started() as server:
        store = PostgresStore(server.url)
        await store.open()
        watch = await asyncpg.connect(server.url)
        epochs = {p: await store.take_partition(app=APP, partition=p, replica="a") for p in range(32)}
        # The first ones warm what is prepared once for each connection.
        await through(store, 0, PROBE, epochs)
        costs, done, began = [], PROBE, time.perf_counter()
        while done < count:
            before = cost_of([server.pid])
            await through(store, done, done + PROBE, epochs)
            costs.append(per_instance(before, cost_of([server.pid])))
            done += PROBE
        seconds = time.perf_counter() - began
        await asyncio.sleep(1.5)
        console.print(f"{count:,} instances in {seconds:.0f} s; CPU of PostgreSQL for each instance, in milliseconds:")
        fifth = max(len(costs) // 5, 1)
        means = [sum(part) / len(part) for part in (costs[i : i + fifth] for i in range(0, len(costs), fifth))]
        console.print(
            f"first {PROBE:,}: {costs[0]:.2f}; last {PROBE:,}: {costs[-1]:.2f}; by fifths: "
            + ", ".join(f"{mean:.2f}" for mean in means[:5])
        )
        await show(console, watch)
        await store.close()
        await watch.close()


async def show(console: Console, watch: asyncpg.Connection) -> None:
    """Print what the tables and the largest indexes have come to."""
    columns = ("table", "rows", "dead rows", "table MB", "indexes MB", "autovacuums", "updates", "in place %")
    table = Table(*columns)
    for name, live, dead, size, indexes, vacuums, updates, hot in await watch.fetch(SIZES, list(TABLES)):
        share = f"{100 * hot / updates:.0f}" if updates else ""
        numbers = (f"{live:,}", f"{dead:,}", f"{size / 1e6:.1f}", f"{indexes / 1e6:.1f}", str(vacuums))
        table.add_row(name, *numbers, f"{updates:,}", share)
    console.print(table)
    table = Table("index", "MB")
    for name, size in await watch.fetch(INDEXES):
        table.add_row(name, f"{size / 1e6:.1f}")
    console.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=200_000)
    asyncio.run(main(parser.parse_args().instances))
