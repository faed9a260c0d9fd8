"""Lists by everything a filter can name, alone and together, over all apps of a namespace."""

from dataclasses import replace
from typing import Any

import pytest

from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.stores import search
from antiphon_sidecar.stores.base import InstanceFilter, Outcome, StartOutcome, Store
from tests.contract.stores.conftest import Opener
from tests.contract.stores.rows import APP, OTHER, ident, instance, start, take, task, turn
from tests.contract.stores.test_lists import add, pages

EU, GOLD = ("region", "eu"), ("plan", "gold")


@pytest.fixture
async def some(store: Store, open_store: Opener) -> None:
    await add(
        store,
        instance("a-1", created_at=10, run="a", tags=(EU,), status=Status.COMPLETED, completed_at=90),
        instance("a-2", created_at=20, run="b", tags=(GOLD, EU), waiting_on="VersionNotAvailable"),
        instance("b-1", created_at=30, run="c", app=OTHER, tags=(EU,), parent_app=APP, parent_instance="a-1"),
        instance("b-2", created_at=40, run="d", app=OTHER, parent_app=APP, parent_instance="a-1", name="refund"),
        instance("b-3", created_at=50, run="e", app=OTHER, parent_app=OTHER, parent_instance="a-1"),
        instance("a-3", created_at=60, run="f", app=OTHER, status=Status.FAILED, completed_at=70, name="refund"),
        instance("\U0010ffff", created_at=70, run="g", tags=(("region", "us"),)),
    )
    row = instance("c-1", created_at=80, run="h")
    epoch = await take(store, "c-1")
    waiting = [task(number, of=row, target_app="gone", instance_created_at=80) for number in (1, 2)]
    assert await store.commit([turn(None, epoch, row=row, tasks=(*waiting, task(3, of=row)))]) == [Outcome.COMMITTED]
    # Nothing of another namespace is ever seen.
    await add(await open_store("elsewhere"), instance("a-9", created_at=99, run="z", tags=(EU,)))


ALL = ["c-1", "\U0010ffff", "a-3", "b-3", "b-2", "b-1", "a-2", "a-1"]
CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "all": ({}, ALL),
    "tag": ({"tags": [EU]}, ["b-1", "a-2", "a-1"]),
    "tags": ({"tags": [EU, GOLD, EU]}, ["a-2"]),
    "no such value": ({"tags": [("region", "e")]}, []),
    "name of a tag is no value": ({"tags": [("eu", "region")]}, []),
    "parent": ({"parent": (APP, "a-1")}, ["b-2", "b-1"]),
    "roots": ({"roots": True}, ["c-1", "\U0010ffff", "a-3", "a-2", "a-1"]),
    "prefix": ({"id_prefix": "a-"}, ["a-3", "a-2", "a-1"]),
    "whole ID": ({"id_prefix": "a-3"}, ["a-3"]),
    "last prefix": ({"id_prefix": "\U0010ffff"}, ["\U0010ffff"]),
    "pattern is no prefix": ({"id_prefix": "a%"}, []),
    "created": ({"created_from": 20, "created_until": 40}, ["b-1", "a-2"]),
    "nothing created": ({"created_from": 20, "created_until": 20}, []),
    "completed": ({"completed_from": 70}, ["a-3", "a-1"]),
    "completed until": ({"completed_until": 90}, ["a-3"]),
    "waiting on": ({"waiting_on": "VersionNotAvailable"}, ["a-2"]),
    "waiting for app": ({"waiting_for_app": "gone"}, ["c-1"]),
    "nothing waits for": ({"waiting_for_app": "none"}, []),
    "prefix and app": ({"id_prefix": "a-", "app": OTHER}, ["a-3"]),
    "tag and status": ({"tags": [EU], "statuses": [Status.RUNNING]}, ["b-1", "a-2"]),
    "parent and name": ({"parent": (APP, "a-1"), "name": "refund"}, ["b-2"]),
    "completed and roots": ({"completed_from": 0, "roots": True, "name": "ship"}, ["a-1"]),
    "all at once": (
        {
            "app": APP,
            "statuses": [Status.RUNNING],
            "name": "ship",
            "created_from": 0,
            "created_until": 99,
            "tags": [GOLD],
            "roots": True,
            "id_prefix": "a",
            "waiting_on": "VersionNotAvailable",
        },
        ["a-2"],
    ),
    "all but one": ({"waiting_on": "VersionNotAvailable", "waiting_for_app": "gone"}, []),
}


@pytest.mark.parametrize("case", CASES)
async def test_holds_what_fits_all_of_the_filter(store: Store, some: None, case: str) -> None:
    wanted, expected = CASES[case]
    for limit in (1, 2, 100):
        found = await pages(store, InstanceFilter(**wanted), limit=limit)
        assert [each for page in found for each in page] == expected, limit


@pytest.mark.parametrize("case", CASES)
async def test_pages_end_also_where_they_may_look_at_few_rows(
    store: Store, some: None, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "EXAMINED_MOST", 2)
    monkeypatch.setattr(search, "FEW", 1)
    wanted, expected = CASES[case]
    found = await pages(store, InstanceFilter(**wanted), limit=1)
    assert [each for page in found for each in page] == expected
    assert len(found) <= len(ALL) + 1


async def test_refuses_a_key_that_is_none_of_its_own(store: Store, some: None) -> None:
    for key in (b"{}", b"[1, 2, 3]", b"x", b'["a", "b", "c"]', b'[1%s, "", ""]' % (b"0" * 30)):
        with pytest.raises(ValueError, match=r".+"):
            await store.list_instances(InstanceFilter(), limit=1, after=key)


async def tagged(store: Store, *tags: tuple[str, str]) -> list[str]:
    rows, _ = await store.list_instances(InstanceFilter(tags=tags), limit=10)
    return [row.instance_id for row in rows]


async def test_a_start_is_found_by_its_tags_and_keeps_them(store: Store) -> None:
    row = instance(version=0, status=Status.PENDING, tags=(EU,))
    assert await store.start_instance(row=row, start=start(row), unique=False) is StartOutcome.CREATED
    assert await tagged(store, EU) == [row.instance_id]
    epoch = await take(store)
    after = replace(row, version=1, status=Status.RUNNING)
    assert await store.commit([turn(row, epoch, row=after)]) == [Outcome.COMMITTED]
    assert await store.get_instance(app=APP, instance_id=row.instance_id) == after
    assert await tagged(store, EU) == [row.instance_id]


async def test_a_commit_changes_the_tags(store: Store) -> None:
    before = instance(tags=(EU, GOLD))
    await add(store, before)
    epoch = await take(store)
    after = replace(before, version=2, tags=(GOLD, ("region", "us")))
    assert await store.commit([turn(before, epoch, row=after, retag=True)]) == [Outcome.COMMITTED]
    assert (await tagged(store, EU), await tagged(store, GOLD, ("region", "us"))) == ([], [before.instance_id])


async def test_a_refused_commit_leaves_the_tags(store: Store) -> None:
    before = instance(tags=(EU,))
    await add(store, before)
    epoch = await take(store)
    after = replace(before, version=2, tags=(GOLD,))
    refused = turn(before, epoch, row=after, retag=True, consume_inbox=(ident("nothing"),))
    assert await store.commit([refused]) == [Outcome.ROWS]
    assert (await tagged(store, EU), await tagged(store, GOLD)) == ([before.instance_id], [])


async def test_a_run_in_the_place_of_another_has_only_its_own_tags(store: Store) -> None:
    before = instance(tags=(EU,), status=Status.COMPLETED, completed_at=9)
    await add(store, before)
    epoch = await take(store)
    after = instance(run="run-2", tags=(GOLD,))
    commit = replace(turn(None, epoch, row=after), expect_incarnation=before.incarnation, expect_version=1)
    assert await store.commit([commit]) == [Outcome.COMMITTED]
    assert (await tagged(store, EU), await tagged(store, GOLD)) == ([], [after.instance_id])


async def test_tags_go_with_a_purge_and_with_a_new_start(store: Store) -> None:
    row = instance(tags=(EU,), status=Status.COMPLETED, completed_at=9)
    await add(store, row)
    again = instance(run="run-2", version=0, status=Status.PENDING, tags=(GOLD,))
    assert await store.start_instance(row=again, start=start(again), unique=False) is StartOutcome.CREATED
    assert (await tagged(store, EU), await tagged(store, GOLD)) == ([], [row.instance_id])
    epoch = await take(store)
    done = replace(again, version=1, status=Status.COMPLETED)
    assert await store.commit([turn(again, epoch, row=done)]) == [Outcome.COMMITTED]
    assert await store.purge(app=APP, instance_id=row.instance_id, incarnation=again.incarnation)
    assert await tagged(store, GOLD) == []


@pytest.mark.parametrize("tag", [("n" * 300, "v"), ("n", "v" * 5_000), ("n", "\0")], ids=["name", "value", "zero"])
async def test_a_tag_that_no_index_can_hold_stays_with_its_instance(store: Store, tag: tuple[str, str]) -> None:
    row = instance(tags=(EU, tag))
    await add(store, row)
    assert await store.get_instance(app=APP, instance_id=row.instance_id) == row
    assert await tagged(store, EU) == [row.instance_id]
