"""Runs that ended long ago go with all their rows, in batches; nothing else goes."""

from typing import Any

import pytest

from antiphon_names.hashing import partition_of
from antiphon_sidecar.engine.events import TERMINAL, Status
from antiphon_sidecar.stores.base import InboxKind, InstanceFilter, InstanceRow, Old, Outcome, Store
from tests.contract.stores.conftest import Opener
from tests.contract.stores.rows import APP, EVERY_PARTITION, OTHER, instance, message, start, take, task, timer, turn
from tests.contract.stores.test_lists import add


def ended(each: str, at: int, **over: Any) -> InstanceRow:
    return instance(each, **{"run": each, "status": Status.COMPLETED, "completed_at": at, **over})


async def retire(store: Store, **over: Any) -> tuple[int, int]:
    """Page through all batches; return how many runs went and how many batches it took."""
    given = {"app": APP, "partitions": EVERY_PARTITION, "status": Status.COMPLETED, "until": 50, "limit": 100, **over}
    deleted, batches, after = 0, 0, None
    while True:
        answer = await store.retire(Old(**given, after=after))
        deleted, batches, after = deleted + answer.deleted, batches + 1, answer.cursor
        if after is None:
            return deleted, batches


async def left(store: Store) -> list[str]:
    rows, _ = await store.list_instances(InstanceFilter(), limit=100)
    return sorted(row.instance_id for row in rows)


async def test_runs_go_that_ended_at_the_time_or_before(store: Store, open_store: Opener) -> None:
    await add(store, ended("old", 10), ended("now", 50), ended("young", 51))
    elsewhere = await open_store("elsewhere")
    await add(elsewhere, ended("old", 10))
    assert await retire(store) == (2, 1)
    assert (await left(store), await left(elsewhere)) == (["young"], ["old"])
    assert await retire(store) == (0, 1)


async def test_only_runs_of_the_status_and_the_app_go(store: Store) -> None:
    await add(store, ended("a", 1), ended("b", 1, status=Status.FAILED), ended("c", 1, app=OTHER))
    assert await retire(store, status=Status.FAILED) == (1, 1)
    assert await left(store) == ["a", "c"]


@pytest.mark.parametrize("status", sorted(set(Status) - TERMINAL), ids=lambda status: status.name)
async def test_a_run_that_has_not_ended_never_goes(store: Store, status: Status) -> None:
    await add(store, instance(status=status))
    assert await retire(store, status=status, until=1 << 62) == (0, 1)


async def test_every_row_of_a_run_goes(store: Store) -> None:
    before, tags = instance(), (("region", "eu"),)
    await add(store, before)
    epoch = await take(store)
    await store.post([message("late")])
    done = ended(before.instance_id, 10, run="run-1", version=2, tags=tags)
    last = turn(before, epoch, row=done, tasks=(task(1),), timers=(timer(2),), retag=True)
    assert await store.commit([last]) == [Outcome.COMMITTED]
    assert await retire(store) == (1, 1)
    assert await store.load(app=APP, instance_id=before.instance_id) is None
    assert await store.list_instances(InstanceFilter(tags=tags), limit=1) == ([], None)
    for due in (store.due_inbox, store.due_tasks, store.due_timers):
        page = await due(app=APP, partitions=EVERY_PARTITION, until=1 << 62, limit=10, after=None)
        assert page.rows == ()
    assert await store.commit([turn(None, epoch)]) == [Outcome.COMMITTED], "the history is gone too"


async def test_the_rows_of_another_run_of_the_id_stay(store: Store) -> None:
    await add(store, ended("order-1", 10, run="run-1"))
    follower = instance(run="run-2", app=OTHER)
    # The START row of the run that is to follow, sent by a parent elsewhere.
    sent = start(instance(run="run-2"))
    epoch = await take(store, app=OTHER)
    assert await store.commit([turn(None, epoch, row=follower, messages=(sent,))]) == [Outcome.COMMITTED]
    assert await retire(store) == (1, 1)
    (row,) = await store.load_inbox(app=APP, instance_id="order-1")
    assert (row.kind, row.incarnation) == (InboxKind.START, sent.incarnation)


async def test_a_child_goes_only_when_its_parent_has_ended(store: Store) -> None:
    family = {"parent_app": OTHER, "parent_instance": "parent"}
    parent = instance("parent", run="p", app=OTHER)
    await add(store, parent, ended("child", 10, **family), ended("orphan", 10, parent_app=OTHER, parent_instance="x"))
    assert await retire(store) == (1, 1)
    assert await left(store) == ["child", "parent"]
    epoch = await take(store, "parent", app=OTHER)
    done = ended("parent", 90, app=OTHER, run="p", version=2)
    assert await store.commit([turn(parent, epoch, row=done)]) == [Outcome.COMMITTED]
    assert await retire(store) == (1, 1)
    assert await left(store) == ["parent"]


async def test_batches_go_on_behind_runs_that_must_stay(store: Store) -> None:
    family = {"parent_app": OTHER, "parent_instance": "parent"}
    children = [ended(f"child-{n}", 1, **family) for n in range(5)]
    await add(store, instance("parent", run="p", app=OTHER), *children, *[ended(f"old-{n}", 2 + n) for n in range(4)])
    assert await retire(store, limit=3) == (4, 4)
    assert await left(store) == [*[f"child-{n}" for n in range(5)], "parent"]


async def test_only_runs_of_the_given_partitions_go(store: Store) -> None:
    names = [f"order-{n}" for n in range(20)]
    await add(store, *[ended(name, 1) for name in names])
    owned = {partition_of(instance(name).slot) for name in names[:3]}
    mine = [name for name in names if partition_of(instance(name).slot) in owned]
    assert await retire(store, partitions=owned, limit=4) == (len(mine), 6)
    assert await left(store) == sorted(set(names) - set(mine))


async def test_a_workflow_with_a_time_of_its_own_goes_by_that(store: Store) -> None:
    names = {"sooner": "ship", "later": "ship", "refund": "refund", "other": "other", "ever": "keep"}
    ends = {"sooner": 30, "later": 60, "refund": 45, "other": 45, "ever": 1}
    await add(store, *(ended(each, ends[each], name=name) for each, name in names.items()))
    deleted, _ = await retire(store, until=40, named={"ship": 70, "refund": 44, "keep": -(1 << 63)})
    assert (deleted, await left(store)) == (2, ["ever", "other", "refund"])


async def test_without_a_time_for_all_only_the_named_go(store: Store) -> None:
    await add(store, ended("a", 1), ended("b", 1, name="refund"))
    assert (await retire(store, until=-(1 << 63), named={"refund": 50}, limit=1))[0] == 1
    assert await left(store) == ["a"]
