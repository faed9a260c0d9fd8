"""What status pages show: instances by app and workflow, calls that wait for an app, and the store itself."""

from dataclasses import replace

from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.stores.base import InstanceRow, Outcome, Store, TaskRow
from antiphon_sidecar.stores.counting import NameCounts, OpenTasks
from tests.contract.stores.conftest import Opener
from tests.contract.stores.rows import APP, OTHER, instance, take, task, turn


async def add(store: Store, row: InstanceRow, *tasks: TaskRow) -> None:
    epoch = await take(store, row.instance_id, app=row.app)
    made = tuple(
        replace(each, app=row.app, instance_id=row.instance_id, slot=row.slot, execution_id=row.execution_id)
        for each in tasks
    )
    assert await store.commit([turn(None, epoch, row=row, tasks=made)]) == [Outcome.COMMITTED]


async def test_counts_what_has_not_ended_by_app_and_workflow(store: Store) -> None:
    for number, status in enumerate(Status):
        await add(store, instance(f"i-{number}", run=f"run-{number}", status=status, created_at=100 + number))
    await add(store, instance("refund-1", run="refund", name="refund", created_at=7))
    await add(store, instance("elsewhere", app=OTHER, run="other", name="ship", created_at=8))
    await add(store, instance("nobody-asks", app="shipping", run="third"))
    assert await store.count_instances(apps=[OTHER, APP], failed_since=0) == [
        NameCounts(APP, "refund", running=1, oldest_created_at=7),
        # RUNNING, CONTINUED_AS_NEW and PENDING.
        NameCounts(APP, "ship", running=3, suspended=1, stalled=1, oldest_created_at=100),
        NameCounts(OTHER, "ship", running=1, oldest_created_at=8),
    ]


async def test_counts_failures_since_a_time_only(store: Store) -> None:
    for number, (status, completed_at) in enumerate(
        [(Status.FAILED, 49), (Status.FAILED, 50), (Status.FAILED, 90), (Status.COMPLETED, 90)]
    ):
        await add(store, instance(f"i-{number}", run=f"run-{number}", status=status, completed_at=completed_at))
    assert await store.count_instances(apps=[APP], failed_since=50) == [NameCounts(APP, "ship", failed=2)]
    assert await store.count_instances(apps=[APP], failed_since=91) == []


async def test_counts_the_calls_to_an_app_of_all_callers(store: Store) -> None:
    await add(store, instance("a", run="a"), task(1, created_at=30), task(2, created_at=20))
    await add(store, instance("b", app="web", run="b"), task(1, created_at=25), task(2, target_app=APP))
    found = await store.count_tasks(apps=[OTHER, "unknown", APP])
    assert found == [OpenTasks(OTHER, 3, 20), OpenTasks("unknown"), OpenTasks(APP, 1, 5)]


async def test_counts_stay_inside_the_namespace(open_store: Opener) -> None:
    here, there = await open_store(), await open_store("elsewhere")
    await add(here, instance(), task(1))
    assert await there.count_instances(apps=[APP], failed_since=0) == []
    assert await there.count_tasks(apps=[OTHER]) == [OpenTasks(OTHER)]


async def test_tells_what_kind_of_store_it_is(store: Store, kind: str) -> None:
    about = await store.about()
    assert about.backend == {"postgres": "postgresql"}.get(kind, kind)
    assert about.schema_version == about.newest_schema_version
    assert (about.schema_version > 0) == bool(about.server_version) == (kind != "memory")
