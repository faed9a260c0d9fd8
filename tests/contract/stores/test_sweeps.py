"""Sweeps find what is due, page by page, and nothing else."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon_names.hashing import partition_of
from antiphon_sidecar.stores.base import NEVER, Cursor, Outcome, Page, Store
from tests.contract.stores.rows import (
    APP,
    EVERY_PARTITION,
    ID,
    OTHER,
    ident,
    instance,
    message,
    take,
    task,
    timer,
    turn,
)

ROW = instance()
Sweep = Callable[..., Awaitable[Page[Any]]]


async def fill(store: Store, count: int) -> None:
    """Put `count` rows of each kind into the store, due at 1, 2, 3, ... (the inbox: now)."""
    tasks = tuple(task(number, due_at=number // 3) for number in range(count))
    timers = tuple(timer(number, due_at=number // 3) for number in range(count))
    messages = tuple(message(f"event-{number}") for number in range(count))
    commit = turn(None, await take(store), tasks=tasks, timers=timers, messages=messages)
    assert await store.commit([commit]) == [Outcome.COMMITTED]


def sweep_of(store: Store, table: str) -> Sweep:
    return {"inbox": store.due_inbox, "tasks": store.due_tasks, "timers": store.due_timers}[table]


async def everything(sweep: Sweep, *, until: int = NEVER - 1, limit: int = 500) -> list[Any]:
    rows: list[Any] = []
    after: Cursor | None = None
    while True:
        page = await sweep(app=APP, partitions=EVERY_PARTITION, until=until, limit=limit, after=after)
        assert len(page.rows) <= limit
        rows += page.rows
        after = page.cursor
        if after is None:
            return rows


@pytest.mark.parametrize("table", ["inbox", "tasks", "timers"])
async def test_pages_through_every_due_row_once(store: Store, table: str) -> None:
    await fill(store, 1_200)
    rows = await everything(sweep_of(store, table))
    assert len(rows) == 1_200
    assert [row.due_at for row in rows] == sorted(row.due_at for row in rows)
    keys = [row.row_id if table == "inbox" else row.ref for row in rows]
    assert len(set(keys)) == 1_200


@pytest.mark.parametrize("table", ["tasks", "timers"])
async def test_ends_at_the_given_time(store: Store, table: str) -> None:
    await fill(store, 30)
    rows = await everything(sweep_of(store, table), until=4, limit=7)
    assert {row.due_at for row in rows} == {0, 1, 2, 3, 4}
    assert len(rows) == 15


@pytest.mark.parametrize("table", ["inbox", "tasks", "timers"])
async def test_looks_only_at_the_partitions_and_the_app_it_was_given(store: Store, table: str) -> None:
    await fill(store, 3)
    sweep, mine = sweep_of(store, table), partition_of(ROW.slot)
    others = [partition for partition in EVERY_PARTITION if partition != mine]

    async def count(app: str, partitions: list[int]) -> int:
        page = await sweep(app=app, partitions=partitions, until=NEVER - 1, limit=10, after=None)
        return len(page.rows)

    assert await count(APP, [mine]) == 3
    assert await count(APP, others) == 0
    assert await count(OTHER, [mine]) == 0
    assert await count(APP, []) == 0


async def test_stuck_tasks_do_not_hide_the_rest(store: Store) -> None:
    await fill(store, 1_200)
    page = await store.due_tasks(app=APP, partitions=EVERY_PARTITION, until=1_000, limit=500, after=None)
    gone = page.rows[0].ref._replace(task_id=9_999)
    await store.defer_tasks([(row.ref, 2_000) for row in page.rows] + [(gone, 1)])
    rest = await everything(store.due_tasks, until=1_000)
    assert len(rest) == 700
    assert not {row.ref for row in rest} & {row.ref for row in page.rows}
    assert len(await everything(store.due_tasks)) == 1_200


async def test_stuck_messages_do_not_hide_the_rest(store: Store) -> None:
    await fill(store, 1_200)
    now = await store.now()
    page = await store.due_inbox(app=APP, partitions=EVERY_PARTITION, until=now, limit=500, after=None)
    await store.defer_inbox([(row.row_id, NEVER) for row in page.rows] + [(ident("gone"), 1)])
    assert len(await everything(store.due_inbox, until=now)) == 700
    assert len(await store.load_inbox(app=APP, instance_id=ID, limit=2_000)) == 1_200


async def test_goes_on_behind_its_cursor_while_rows_change(store: Store) -> None:
    await fill(store, 20)
    page = await store.due_tasks(app=APP, partitions=EVERY_PARTITION, until=50, limit=10, after=None)
    await store.defer_tasks([(row.ref, 100) for row in page.rows])
    assert page.cursor is not None
    rest = await store.due_tasks(app=APP, partitions=EVERY_PARTITION, until=50, limit=50, after=page.cursor)
    assert [row.task_id for row in (*page.rows, *rest.rows)] == sorted(range(20))
    assert rest.cursor is None


async def test_a_held_row_is_not_found(store: Store) -> None:
    await store.commit([turn(None, await take(store), tasks=(task(1, due_at=NEVER),))])
    assert await everything(store.due_tasks, until=await store.now()) == []


async def test_stuck_timers_do_not_hide_the_rest(store: Store) -> None:
    await fill(store, 1_200)
    page = await store.due_timers(app=APP, partitions=EVERY_PARTITION, until=1_000, limit=500, after=None)
    gone = page.rows[0].ref._replace(task_id=9_999)
    await store.defer_timers([(row.ref, 2_000) for row in page.rows] + [(gone, 1)])
    rest = await everything(store.due_timers, until=1_000)
    assert len(rest) == 700
    assert not {row.ref for row in rest} & {row.ref for row in page.rows}
    assert {row.payload for row in await everything(store.due_timers)} >= {row.payload for row in page.rows}


@pytest.mark.parametrize("table", ["inbox", "tasks", "timers"])
async def test_says_whether_anything_is_due(store: Store, table: str) -> None:
    mine = partition_of(ROW.slot)

    async def due(until: int, *, timers_until: int | None = None, partition: int = mine, app: str = APP) -> bool:
        timers_until = until if timers_until is None else timers_until
        return await store.any_due(app=app, partitions=[partition], until=until, timers_until=timers_until)

    rows = {
        "inbox": {"messages": (message("event"),)},
        "tasks": {"tasks": (task(1, due_at=100),)},
        "timers": {"timers": (timer(1, due_at=100),)},
    }
    assert await store.commit([turn(None, await take(store), **rows[table])]) == [Outcome.COMMITTED]
    at = NEVER - 1 if table == "inbox" else 100
    assert await due(at)
    assert not await due(99)
    assert not await due(at, app=OTHER)
    assert not await due(at, partition=(mine + 1) % 32)
    # Timers have a time of their own.
    assert await due(99, timers_until=at) is (table == "timers")
    assert await due(at, timers_until=99) is (table != "timers")
