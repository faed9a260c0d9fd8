"""Lists of instances: filtered, newest first, and stable while instances come and go."""

from dataclasses import replace

import pytest

from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.stores.base import InstanceFilter, InstanceRow, Outcome, Store
from tests.contract.stores.rows import APP, OTHER, instance, take, turn


async def add(store: Store, *rows: InstanceRow) -> None:
    for row in rows:
        epoch = await take(store, row.instance_id, app=row.app)
        assert await store.commit([turn(None, epoch, row=row)]) == [Outcome.COMMITTED]


async def pages(store: Store, wanted: InstanceFilter, *, limit: int) -> list[list[str]]:
    found: list[list[str]] = []
    after: bytes | None = None
    while True:
        rows, after = await store.list_instances(wanted, limit=limit, after=after)
        found.append([row.instance_id for row in rows])
        if after is None:
            return found


@pytest.fixture
async def some(store: Store) -> None:
    await add(
        store,
        instance("a", created_at=30, run="a"),
        instance("b", created_at=20, run="b", status=Status.COMPLETED),
        instance("c", created_at=20, run="c", name="refund"),
        instance("d", created_at=10, run="d", app=OTHER, status=Status.FAILED),
        instance("e", created_at=40, run="e", app=OTHER, name="refund", status=Status.SUSPENDED),
    )


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(InstanceFilter(), "eabcd", id="all"),
        pytest.param(InstanceFilter(app=APP), "abc", id="app"),
        pytest.param(InstanceFilter(app="nobody"), "", id="unknown app"),
        pytest.param(InstanceFilter(statuses=(Status.RUNNING,)), "ac", id="status"),
        pytest.param(InstanceFilter(statuses=(Status.COMPLETED, Status.FAILED)), "bd", id="statuses"),
        pytest.param(InstanceFilter(name="refund"), "ec", id="name"),
        pytest.param(InstanceFilter(app=OTHER, statuses=[Status.FAILED], name="ship"), "d", id="everything"),
        pytest.param(InstanceFilter(app=APP, name="none"), "", id="unknown name"),
    ],
)
async def test_holds_what_the_filter_names_newest_first(
    store: Store, some: None, wanted: InstanceFilter, expected: str
) -> None:
    for limit in (1, 2, 5, 100):
        found = await pages(store, wanted, limit=limit)
        assert "".join("".join(page) for page in found) == expected
        assert all(len(page) == limit for page in found[:-1])


async def test_returns_whole_rows(store: Store) -> None:
    row = replace(
        instance(), parent_app="p", parent_instance="q", custom_status=b"c", output=b"o", failure=b"f", completed_at=9
    )
    await add(store, row)
    assert await store.list_instances(InstanceFilter(), limit=10) == ([row], None)


async def test_keeps_its_place_while_instances_are_added(store: Store) -> None:
    await add(store, *[instance(f"i{number}", created_at=number, run=f"i{number}") for number in range(6)])
    first, after = await store.list_instances(InstanceFilter(), limit=3)
    await add(store, instance("new", created_at=99, run="new"), instance("old", created_at=1, run="old"))
    rest, end = await store.list_instances(InstanceFilter(), limit=10, after=after)
    assert [row.instance_id for row in (*first, *rest)] == ["i5", "i4", "i3", "i2", "i1", "old", "i0"]
    assert end is None
