"""Starts and messages that arrive at any replica."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from antiphon_sidecar.engine.events import TERMINAL, Status
from antiphon_sidecar.stores.base import Outcome, StartOutcome, Store
from tests.contract.stores.conftest import Opener
from tests.contract.stores.rows import APP, ID, OTHER, ident, instance, message, start, take, task, turn


async def begin(store: Store, run: str = "run-1", *, unique: bool = False, instance_id: str = ID) -> StartOutcome:
    row = instance(instance_id, run=run, version=0, status=Status.PENDING)
    return await store.start_instance(row=row, start=start(row), unique=unique)


async def finish(store: Store, status: Status = Status.COMPLETED, run: str = "run-1") -> None:
    epoch = await take(store)
    row = instance(run=run, version=0)
    done = replace(row, version=1, status=status)
    commit = turn(row, epoch, row=done, consume_inbox=(row.incarnation,))
    assert await store.commit([commit]) == [Outcome.COMMITTED]


async def test_a_start_is_pending_and_stamped_by_the_store(store: Store) -> None:
    before = await store.now()
    assert await begin(store) is StartOutcome.CREATED
    loaded = await store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert loaded.row is not None
    assert (loaded.row.version, loaded.row.status) == (0, Status.PENDING)
    # When a run was made is said by whoever made it, so that it is the same in every commit.
    assert loaded.row.created_at == instance().created_at
    assert before <= loaded.row.updated_at <= await store.now()
    assert [row.row_id for row in loaded.inbox] == [ident("run-1")]
    assert (loaded.history, loaded.tasks) == ((), ())


async def test_repeating_a_start_changes_nothing(store: Store) -> None:
    await begin(store)
    assert await begin(store) is StartOutcome.REPEATED
    await finish(store)
    assert await begin(store) is StartOutcome.REPEATED
    assert await store.load_inbox(app=APP, instance_id=ID) == []


async def test_an_id_in_use_is_refused(store: Store) -> None:
    await begin(store)
    assert await begin(store, "run-2") is StartOutcome.ACTIVE
    assert len(await store.load_inbox(app=APP, instance_id=ID)) == 1


@pytest.mark.parametrize("status", sorted(TERMINAL), ids=lambda status: status.name)
async def test_a_finished_run_is_replaced_unless_the_start_is_unique(store: Store, status: Status) -> None:
    await begin(store)
    await finish(store, status)
    await store.post([message("late")])
    assert await begin(store, "run-2", unique=True) is StartOutcome.FINISHED
    assert len(await store.history(app=APP, instance_id=ID)) == 1
    assert await begin(store, "run-2") is StartOutcome.CREATED
    loaded = await store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert loaded.row is not None
    assert (loaded.row.incarnation, loaded.row.version, loaded.history) == (ident("run-2"), 0, ())
    assert not await store.has_commit(app=APP, instance_id=ID, commit_id=ident(f"{ID}/1"))


async def test_one_of_many_starts_at_once_wins(open_store: Opener) -> None:
    first, second = await open_store(), await open_store()
    outcomes = await asyncio.gather(*[begin([first, second][n % 2], f"run-{n}") for n in range(12)])
    assert Counter(outcomes) == {StartOutcome.CREATED: 1, StartOutcome.ACTIVE: 11}
    assert len(await first.load_inbox(app=APP, instance_id=ID)) == 1


async def test_one_of_many_restarts_at_once_wins(open_store: Opener) -> None:
    first, second = await open_store(), await open_store()
    await begin(first)
    await finish(first)
    outcomes = await asyncio.gather(*[begin([first, second][n % 2], f"run-{n + 2}") for n in range(12)])
    assert Counter(outcomes) == {StartOutcome.CREATED: 1, StartOutcome.ACTIVE: 11}
    assert len(await first.load_inbox(app=APP, instance_id=ID)) == 1


async def test_a_start_elsewhere_and_a_childs_first_commit_make_one_run(open_store: Opener) -> None:
    owner, replica = await open_store(), await open_store()
    for number in range(8):
        name = f"order-{number}"
        epoch, row = await take(owner, name), instance(name, run="run-c")
        (committed,), started = await asyncio.gather(
            owner.commit([turn(None, epoch, row=row, tasks=(task(1, of=row),))]),
            begin(replica, f"run-{number}", instance_id=name),
        )
        assert (committed, started) in (
            (Outcome.COMMITTED, StartOutcome.ACTIVE),
            (Outcome.CONFLICT, StartOutcome.CREATED),
        )
        loaded = await owner.load(app=APP, instance_id=name)
        assert loaded is not None
        assert len(loaded.tasks) == (committed is Outcome.COMMITTED)


async def test_posts_to_a_running_and_to_a_pending_instance(store: Store) -> None:
    await begin(store)
    posted = message("early", incarnation=b"")
    assert await store.post([posted]) == [True]
    _, row = await store.load_inbox(app=APP, instance_id=ID)
    assert (row.row_id, row.incarnation) == (ident("early"), ident("run-1"))


async def test_posts_to_a_child_whose_start_nobody_has_read(store: Store) -> None:
    child = instance("child-1", app=OTHER, run="run-c")
    await store.commit([turn(None, await take(store), messages=(start(child),))])
    assert await store.post([message("early", to=child, incarnation=b"")]) == [True]
    rows = await store.load_inbox(app=OTHER, instance_id="child-1")
    assert [row.incarnation for row in rows] == [child.incarnation, child.incarnation]


async def test_posts_to_the_next_run_when_the_last_one_has_ended(store: Store) -> None:
    epoch, again = await take(store), instance(run="run-2")
    done = instance(status=Status.FAILED)
    await store.commit([turn(None, epoch, row=done, messages=(start(again),))])
    assert await store.post([message("early")]) == [True]
    rows = await store.load_inbox(app=APP, instance_id=ID)
    assert [row.incarnation for row in rows] == [again.incarnation] * 2


@pytest.mark.parametrize("status", sorted(TERMINAL), ids=lambda status: status.name)
async def test_refuses_messages_for_what_has_ended_or_never_was(store: Store, status: Status) -> None:
    done = instance(status=status)
    await store.commit([turn(None, await take(store), row=done)])
    unknown = message("other", to=instance("order-9"))
    assert await store.post([message("late"), unknown]) == [False, False]
    assert await store.load(app=APP, instance_id="order-9") is None
    assert await store.load_inbox(app=APP, instance_id=ID) == []


async def test_answers_a_batch_in_its_order(store: Store) -> None:
    await begin(store)
    rows = [message("a"), message("b", to=instance("order-9")), message("a", payload=b"again"), message("c")]
    assert await store.post(rows) == [True, False, True, True]
    assert await store.post(rows) == [True, False, True, True]
    inbox = await store.load_inbox(app=APP, instance_id=ID)
    assert [row.payload for row in inbox[1:]] == [b"a", b"c"]
    assert await store.post([]) == []


async def test_an_id_that_was_consumed_can_be_inserted_again(store: Store) -> None:
    """The instance remembers recent message IDs; the store does not."""
    epoch, row = await take(store), instance()
    await store.commit([turn(None, epoch)])
    await store.post([message("event")])
    await store.commit([turn(row, epoch, consume_inbox=(ident("event"),))])
    assert await store.post([message("event")]) == [True]
    assert len(await store.load_inbox(app=APP, instance_id=ID)) == 1


async def test_numbers_rows_in_the_order_they_were_posted(store: Store) -> None:
    await begin(store)
    for number in range(20):
        await store.post([message(f"event-{number}")])
    rows = await store.load_inbox(app=APP, instance_id=ID)
    assert [row.seq for row in rows] == sorted(row.seq for row in rows)
    assert [row.row_id for row in rows[1:]] == [ident(f"event-{number}") for number in range(20)]
