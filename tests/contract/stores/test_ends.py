"""What is left of a run: purge, orphans, and the reuse of an ID."""

from dataclasses import replace

import pytest

from antiphon_names.hashing import partition_of
from antiphon_sidecar.engine.events import TERMINAL, Status
from antiphon_sidecar.stores.base import Commit, Outcome, Store
from tests.contract.stores.rows import APP, ID, OTHER, ident, instance, message, result, start, take, task, timer, turn

RUN = ident("run-1")
DONE = instance(status=Status.COMPLETED)


async def commit(store: Store, *commits: Commit) -> None:
    assert await store.commit(commits) == [Outcome.COMMITTED] * len(commits)


@pytest.mark.parametrize("status", sorted(TERMINAL), ids=lambda status: status.name)
async def test_purges_a_finished_run_with_its_rows(store: Store, status: Status) -> None:
    epoch, row = await take(store), instance()
    await commit(store, turn(None, epoch, tasks=(task(1),), timers=(timer(1),)))
    await store.post([message("late")])
    await commit(store, turn(row, epoch, row=replace(row, version=2, status=status)))
    assert await store.purge(app=APP, instance_id=ID, incarnation=RUN)
    assert await store.load(app=APP, instance_id=ID) is None
    assert not await store.has_commit(app=APP, instance_id=ID, commit_id=ident(f"{ID}/1"))
    await commit(store, turn(None, epoch))
    loaded = await store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert (loaded.inbox, loaded.tasks, loaded.timers, len(loaded.history)) == ((), (), (), 1)


async def test_purges_only_the_finished_run_that_was_meant(store: Store) -> None:
    epoch = await take(store)
    assert not await store.purge(app=APP, instance_id=ID, incarnation=RUN)
    await commit(store, turn(None, epoch))
    assert not await store.purge(app=APP, instance_id=ID, incarnation=RUN)
    await commit(store, turn(instance(), epoch, row=replace(DONE, version=2)))
    assert not await store.purge(app=APP, instance_id=ID, incarnation=ident("run-2"))
    assert await store.purge(app=APP, instance_id=ID, incarnation=RUN)
    assert not await store.purge(app=APP, instance_id=ID, incarnation=RUN)


async def test_purge_keeps_the_start_of_the_next_run_and_what_was_sent_to_it(store: Store) -> None:
    again = instance(run="run-2")
    await commit(store, turn(None, await take(store), row=DONE, messages=(start(again),)))
    await store.post([message("early")])
    assert await store.purge(app=APP, instance_id=ID, incarnation=RUN)
    rows = await store.load_inbox(app=APP, instance_id=ID)
    assert [row.incarnation for row in rows] == [again.incarnation] * 2


async def test_purge_takes_the_starts_that_nobody_consumed(store: Store) -> None:
    unread, running = (instance(name, app=OTHER, run=f"run-{name}") for name in ("child-1", "child-2"))
    await commit(store, turn(None, await take(store), row=DONE, messages=(start(unread), start(running))))
    begin = turn(None, await take(store, "child-2", app=OTHER), row=running, consume_inbox=(running.incarnation,))
    await commit(store, begin)
    await store.post([message("event", to=running)])
    starts = (unread.incarnation, running.incarnation, ident("event"))
    assert await store.purge(app=APP, instance_id=ID, incarnation=RUN, starts=starts)
    assert await store.load(app=OTHER, instance_id="child-1") is None
    assert len(await store.load_inbox(app=OTHER, instance_id="child-2")) == 1


async def test_a_commit_of_a_purged_run_is_refused(store: Store) -> None:
    epoch = await take(store)
    await commit(store, turn(None, epoch, row=DONE))
    await store.purge(app=APP, instance_id=ID, incarnation=RUN)
    assert await store.commit([turn(DONE, epoch)]) == [Outcome.CONFLICT]
    await commit(store, turn(None, epoch, row=instance(run="run-2")))
    assert await store.commit([turn(DONE, epoch)]) == [Outcome.CONFLICT]


async def drop(store: Store, epoch: int, of: str = APP) -> int:
    loaded = await store.load(app=APP, instance_id=ID)
    assert loaded is not None
    return await store.drop_orphans(
        epochs={(of, partition_of(DONE.slot)): epoch}, inbox=loaded.inbox, tasks=loaded.tasks, timers=loaded.timers
    )


async def orphans(store: Store) -> int:
    """Rows of run-1, with the run itself replaced by run-2."""
    epoch, again = await take(store), instance(run="run-2", version=2)
    await commit(store, turn(None, epoch, tasks=(task(1), task(2)), timers=(timer(1),)))
    await store.replace_tasks([(task(2).ref, result(task(2).ref))])
    await commit(store, turn(instance(), epoch, row=again, messages=(start(instance(run="run-3")),)))
    return epoch


async def test_drops_the_rows_of_a_run_that_is_gone_but_never_a_start(store: Store) -> None:
    epoch = await orphans(store)
    assert await drop(store, epoch) == 3
    loaded = await store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert [row.row_id for row in loaded.inbox] == [ident("run-3")]
    assert (loaded.tasks, loaded.timers) == ((), ())
    assert await drop(store, epoch) == 0


async def test_drops_orphans_only_under_the_epoch(store: Store) -> None:
    epoch = await orphans(store)
    assert await drop(store, epoch, of=OTHER) == 0
    await take(store)
    assert await drop(store, epoch) == 0
    assert await drop(store, epoch + 1) == 3


async def test_keeps_rows_of_runs_that_exist(store: Store) -> None:
    epoch = await take(store)
    await commit(store, turn(None, epoch, tasks=(task(1),), timers=(timer(1),)))
    await store.post([message("event")])
    assert await drop(store, epoch) == 0


async def test_keeps_what_was_sent_to_a_child_that_has_not_begun(store: Store) -> None:
    epoch, parent = await take(store), instance("parent", app=OTHER, run="run-p")
    sent = turn(None, await take(store, "parent", app=OTHER), row=parent, messages=(start(instance()),))
    await commit(store, sent)
    await store.post([message("early")])
    assert await drop(store, epoch) == 0
    await store.commit([turn(None, epoch, consume_inbox=(RUN,))])
    assert await drop(store, epoch) == 0
