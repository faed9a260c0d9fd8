"""Task rows: replaced by a result once, dispatched again under the fence, claimed by one replica."""

import asyncio
from dataclasses import replace

import pytest

from antiphon_names.hashing import partition_of
from antiphon_sidecar.stores.base import NEVER, InboxKind, Outcome, Store, TaskRef
from tests.contract.stores.conftest import Opener
from tests.contract.stores.rows import APP, ID, OTHER, ident, instance, message, result, take, task, timer, turn

ROW = instance()


async def tasks(store: Store, instance_id: str = ID) -> list[int]:
    loaded = await store.load(app=APP, instance_id=instance_id)
    assert loaded is not None
    return [row.task_id for row in loaded.tasks]


@pytest.fixture
async def epoch(store: Store) -> int:
    epoch = await take(store)
    added = (task(1), task(2, due_at=NEVER), task(3, target_app="else", due_at=NEVER))
    assert await store.commit([turn(None, epoch, tasks=added)]) == [Outcome.COMMITTED]
    return epoch


async def test_a_result_takes_the_place_of_its_task(store: Store, epoch: int) -> None:
    ref = task(1).ref
    assert await store.replace_tasks([(ref, result(ref))]) == [True]
    (row,) = await store.load_inbox(app=APP, instance_id=ID)
    assert (row.slot, row.incarnation, row.execution_id) == (ROW.slot, ROW.incarnation, "run-1/0")
    assert (row.kind, row.ref_id, row.payload, row.row_id) == (InboxKind.TASK_RESULT, 1, b"done", ident("result"))
    assert row.seq > 0
    assert await tasks(store) == [2, 3]


async def test_only_the_first_result_of_a_task_has_an_effect(store: Store, epoch: int) -> None:
    ref, gone = task(1).ref, TaskRef(APP, ID, "run-1/0", 9)
    items = [(ref, result(ref, "one")), (ref, result(ref, "two")), (gone, result(gone, "three"))]
    assert await store.replace_tasks(items) == [True, False, False]
    assert await store.replace_tasks(items) == [False, False, False]
    assert await store.replace_tasks([]) == []
    assert [row.row_id for row in await store.load_inbox(app=APP, instance_id=ID)] == [ident("one")]


async def test_a_result_that_is_there_already_is_left_as_it_is(store: Store, epoch: int) -> None:
    await store.post([message("result", payload=b"first")])
    ref = task(1).ref
    assert await store.replace_tasks([(ref, result(ref))]) == [True]
    assert [row.payload for row in await store.load_inbox(app=APP, instance_id=ID)] == [b"first"]
    assert await tasks(store) == [2, 3]


async def test_a_result_has_one_effect_when_turn_and_target_race(open_store: Opener) -> None:
    owner, target = await open_store(), await open_store()
    epoch, rows = await take(owner), [task(number) for number in range(16)]
    await owner.commit([turn(None, epoch, tasks=tuple(rows))])
    before = ROW
    for row in rows:
        commit = turn(before, epoch, consume_tasks=(row.ref,))
        (committed,), (replaced,) = await asyncio.gather(
            owner.commit([commit]), target.replace_tasks([(row.ref, result(row.ref, f"r{row.task_id}"))])
        )
        assert (committed, replaced) in ((Outcome.COMMITTED, False), (Outcome.ROWS, True))
        if committed is Outcome.COMMITTED:
            before = commit.row
    assert await tasks(owner) == []


async def test_two_targets_replace_each_task_once(open_store: Opener) -> None:
    first, second = await open_store(), await open_store()
    rows = [task(number) for number in range(40)]
    await first.commit([turn(None, await take(first), tasks=tuple(rows))])
    ahead = [(row.ref, result(row.ref, f"a{row.task_id}")) for row in rows]
    back = [(row.ref, result(row.ref, f"b{row.task_id}")) for row in reversed(rows)]
    one, two = await asyncio.gather(first.replace_tasks(ahead), second.replace_tasks(back))
    assert [mine != yours for mine, yours in zip(one, reversed(two), strict=True)] == [True] * 40
    assert len(await first.load_inbox(app=APP, instance_id=ID)) == 40


async def test_a_dispatch_is_counted_once(store: Store, epoch: int) -> None:
    ref, epochs = task(1).ref, {(APP, partition_of(ROW.slot)): epoch}
    assert await store.claim_tasks(replica="r1", items=[(ref, 1)]) == [True]
    assert await store.bump_attempts(epochs=epochs, items=[(ref, 1)], due_at=77) == [True]
    assert await store.bump_attempts(epochs=epochs, items=[(ref, 1)], due_at=78) == [False]
    loaded = await store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert loaded.tasks[0] == replace(task(1), attempt=2, claimed_by="", due_at=77)


async def test_a_dispatch_needs_the_epoch(store: Store, epoch: int) -> None:
    ref, partition = task(1).ref, partition_of(ROW.slot)
    for epochs in ({}, {(APP, partition): epoch + 1}, {(OTHER, partition): epoch}):
        assert await store.bump_attempts(epochs=epochs, items=[(ref, 1)], due_at=77) == [False]
    await take(store)
    held = {(APP, partition): epoch}
    gone = TaskRef(APP, ID, "run-1/0", 9)
    assert await store.bump_attempts(epochs=held, items=[(ref, 1), (gone, 1)], due_at=77) == [False, False]
    assert await store.bump_attempts(epochs=held, items=[], due_at=77) == []


async def test_one_replica_claims_an_attempt(store: Store, epoch: int) -> None:
    ref, gone = task(1).ref, TaskRef(APP, ID, "run-1/0", 9)
    assert await store.claim_tasks(replica="r1", items=[(ref, 2), (ref, 1), (gone, 1)]) == [False, True, False]
    assert await store.claim_tasks(replica="r1", items=[(ref, 1)]) == [True]
    assert await store.claim_tasks(replica="r2", items=[(ref, 1)]) == [False]
    loaded = await store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert loaded.tasks[0].claimed_by == "r1"


async def test_it_is_told_which_tasks_are_there(store: Store, epoch: int) -> None:
    ref, gone = task(1).ref, TaskRef(APP, ID, "run-1/0", 9)
    assert await store.have_tasks([gone, ref, gone, ref]) == [False, True, False, True]
    assert await store.have_tasks([]) == []
    assert await store.replace_tasks([(ref, result(ref))]) == [True]
    assert await store.have_tasks([ref]) == [False]


async def test_one_of_two_replicas_that_claim_at_once_wins(open_store: Opener) -> None:
    first, second = await open_store(), await open_store()
    rows = [task(number) for number in range(20)]
    await first.commit([turn(None, await take(first), tasks=tuple(rows))])
    items = [(row.ref, 1) for row in rows]
    one, two = await asyncio.gather(
        first.claim_tasks(replica="r1", items=items), second.claim_tasks(replica="r2", items=items[::-1])
    )
    assert [mine != yours for mine, yours in zip(one, reversed(two), strict=True)] == [True] * 20


async def test_held_tasks_of_a_target_are_released(store: Store, epoch: int) -> None:
    assert await store.release_tasks(app=APP, target_app=OTHER, now=100) == 1
    assert await store.release_tasks(app=APP, target_app=OTHER, now=100) == 0
    assert await store.release_tasks(app=OTHER, target_app=OTHER, now=100) == 0
    loaded = await store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert [row.due_at for row in loaded.tasks] == [5, 100, NEVER]


async def test_releases_more_tasks_than_one_batch_holds(store: Store) -> None:
    held = tuple(task(number, due_at=NEVER) for number in range(2_500))
    await store.commit([turn(None, await take(store), tasks=held)])
    assert await store.release_tasks(app=APP, target_app=OTHER, now=100) == 2_500


async def test_ending_a_generation_takes_rows_that_the_caller_does_not_know(store: Store, epoch: int) -> None:
    next_generation = replace(ROW, version=2, generation=1, execution_id="run-1/1")
    commit = turn(
        ROW,
        epoch,
        row=next_generation,
        end_execution="run-1/0",
        drop_history=True,
        tasks=(task(1, of=next_generation),),
        timers=(timer(1, of=next_generation),),
    )
    assert await store.commit([commit]) == [Outcome.COMMITTED]
    loaded = await store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert loaded.tasks == (task(1, of=next_generation),)
    assert loaded.timers == (timer(1, of=next_generation),)
    assert loaded.history == (commit.history,)


async def test_a_commit_consumes_a_row_of_the_execution_it_ends(store: Store, epoch: int) -> None:
    commit = turn(ROW, epoch, consume_tasks=(task(1).ref,), end_execution="run-1/0")
    assert await store.commit([commit]) == [Outcome.COMMITTED]
    assert await tasks(store) == []
