"""A start that is sent again may reach the store twice, the second time when its run is over and deleted."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.stores.base import InboxKind, InstanceRow, Old, Outcome, StartOutcome, Store
from antiphon_sidecar.stores.spent import NOBODY, REMEMBERED_NS
from tests.contract.stores.conftest import Opener
from tests.contract.stores.rows import APP, EVERY_PARTITION, ID, instance, start, take, turn


async def young(store: Store, run: str = "run-1") -> InstanceRow:
    return instance(run=run, version=0, status=Status.PENDING, created_at=await store.now())


async def begin(store: Store, row: InstanceRow, *, unique: bool = False) -> StartOutcome:
    return await store.start_instance(row=row, start=start(row), unique=unique)


async def finish(store: Store, row: InstanceRow) -> None:
    done = replace(row, version=1, status=Status.COMPLETED, completed_at=row.created_at)
    commit = turn(row, await take(store), row=done, consume_inbox=(row.incarnation,))
    assert await store.commit([commit]) == [Outcome.COMMITTED]


async def purge(store: Store, row: InstanceRow) -> None:
    assert await store.purge(app=APP, instance_id=ID, incarnation=row.incarnation)


async def retire(store: Store, row: InstanceRow) -> None:
    old = Old(APP, EVERY_PARTITION, Status.COMPLETED, row.created_at, 10, None)
    assert (await store.retire(old)).deleted == 1


async def replace_by_another(store: Store, row: InstanceRow) -> None:
    other = await young(store, "run-2")
    assert await begin(store, other) is StartOutcome.CREATED
    await finish(store, other)


@pytest.mark.parametrize("delete", [purge, retire, replace_by_another])
async def test_a_run_that_was_deleted_is_not_begun_again(
    store: Store, delete: Callable[[Store, InstanceRow], Awaitable[None]]
) -> None:
    row = await young(store)
    await begin(store, row)
    await finish(store, row)
    await delete(store, row)
    there = await store.load(app=APP, instance_id=ID)
    assert await begin(store, row) is StartOutcome.REPEATED
    assert await begin(store, row, unique=True) is StartOutcome.REPEATED
    assert await store.load(app=APP, instance_id=ID) == there


async def test_what_remembers_it_is_no_message_of_any_run(store: Store) -> None:
    row, again = await young(store), await young(store, "run-2")
    await begin(store, row)
    await finish(store, row)
    await purge(store, row)
    assert await store.load(app=APP, instance_id=ID) is None
    assert await begin(store, again) is StartOutcome.CREATED
    assert [message.row_id for message in await store.load_inbox(app=APP, instance_id=ID)] == [again.incarnation]
    # Not even the first commit, which knows of no other row, is disturbed.
    done = replace(again, version=1, status=Status.COMPLETED)
    commit = turn(again, await take(store), row=done, consume_inbox=(again.incarnation,), known_inbox=())
    assert await store.commit([commit]) == [Outcome.COMMITTED]


async def test_who_still_has_the_message_in_hand_passes_over_what_remembers_it(store: Store) -> None:
    row, again = await young(store), await young(store, "run-2")
    await begin(store, row)
    (message,) = await store.load_inbox(app=APP, instance_id=ID)
    await finish(store, row)
    await purge(store, row)
    everything = {"app": APP, "partitions": EVERY_PARTITION, "until": 1 << 62, "limit": 10}
    left = (await store.due_inbox(**everything)).rows
    epoch = await take(store)
    # A late hint of the start, or its withdrawal: neither may count it as the message.
    begun = turn(None, epoch, row=replace(row, version=1), consume_inbox=(row.incarnation,))
    assert await store.commit([begun]) == [Outcome.ROWS]
    assert await store.load(app=APP, instance_id=ID) is None
    await store.defer_inbox([(row.incarnation, 1)])
    epochs = {(APP, row.slot >> 11): epoch}
    assert await store.drop_orphans(epochs=epochs, inbox=[message], tasks=[], timers=[]) == 0
    discarding = turn(None, epoch, row=replace(again, version=1), discard_inbox=(row.incarnation,))
    assert await store.commit([discarding]) == [Outcome.COMMITTED]
    assert (await store.due_inbox(**everything)).rows == left


async def test_it_is_remembered_until_no_copy_can_come_and_is_dropped_then(store: Store) -> None:
    row = await young(store)
    await begin(store, row)
    await finish(store, row)
    await purge(store, row)
    end, epoch = row.created_at + REMEMBERED_NS, await take(store)
    everything = {"app": APP, "partitions": EVERY_PARTITION, "limit": 10}
    assert (await store.due_inbox(**everything, until=end - 1)).rows == ()
    (left,) = (await store.due_inbox(**everything, until=end)).rows
    assert (left.instance_id, left.row_id, left.kind) == (NOBODY, row.incarnation, InboxKind.CONTROL)
    epochs = {(APP, row.slot >> 11): epoch}
    assert await store.drop_orphans(epochs=epochs, inbox=[left], tasks=[], timers=[]) == 1
    assert (await store.due_inbox(**everything, until=end)).rows == ()


async def test_a_run_that_was_no_longer_young_leaves_nothing(store: Store) -> None:
    row = replace(await young(store), created_at=await store.now() - REMEMBERED_NS)
    await begin(store, row)
    await finish(store, row)
    await purge(store, row)
    assert (await store.due_inbox(app=APP, partitions=EVERY_PARTITION, limit=10, until=1 << 62)).rows == ()


async def test_a_start_is_not_taken_after_its_time(store: Store) -> None:
    row = await young(store)
    past = row.created_at - 1
    late = {"row": row, "start": start(row), "unique": False, "until": past}
    assert await store.start_instance(**late) is StartOutcome.LATE
    assert await store.load(app=APP, instance_id=ID) is None
    assert await begin(store, row) is StartOutcome.CREATED
    assert await store.start_instance(**late) is StartOutcome.REPEATED
    other = await young(store, "run-2")
    given = {"row": other, "start": start(other), "unique": False, "until": past}
    assert await store.start_instance(**given) is StartOutcome.LATE


async def test_copies_that_race_with_the_purge_begin_nothing(open_store: Opener) -> None:
    first, second = await open_store(), await open_store()
    for number in range(8):
        row = await young(first, f"run-{number}")
        await begin(first, row)
        await finish(first, row)
        _, *outcomes = await asyncio.gather(purge(first, row), *[begin(second, row) for _ in range(4)])
        assert outcomes == [StartOutcome.REPEATED] * 4
        assert await first.load(app=APP, instance_id=ID) is None
