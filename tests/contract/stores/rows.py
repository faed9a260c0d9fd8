"""Rows and commits for the store suite, with as few words as each test needs."""

from dataclasses import replace
from typing import Any

from antiphon_names.hashing import partition_of, slot_of
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.stores.base import (
    Commit,
    HistoryRow,
    InboxKind,
    InboxRow,
    InstanceRow,
    Store,
    TaskRef,
    TaskRow,
    TimerRow,
)

APP = "orders"
OTHER = "payments"
ID = "order-1"
EVERY_PARTITION = tuple(range(32))


def ident(name: str) -> bytes:
    """Sixteen bytes that are readable in a failure."""
    return name.encode().ljust(16, b".")


def instance(instance_id: str = ID, *, app: str = APP, run: str = "run-1", **over: Any) -> InstanceRow:
    row = InstanceRow(
        app=app,
        instance_id=instance_id,
        slot=slot_of(instance_id),
        incarnation=ident(run),
        execution_id=f"{run}/0",
        generation=0,
        version=1,
        status=Status.RUNNING,
        name="ship",
        created_at=1_000,
        updated_at=1_000,
    )
    return replace(row, **over)


def turn(before: InstanceRow | None, epoch: int, **over: Any) -> Commit:
    """A commit that follows `before`: one more version, one more history row."""
    row = over.pop("row", None)
    if row is None:
        row = instance() if before is None else replace(before, version=before.version + 1)
    name = f"{row.instance_id}/{row.version}"
    history = HistoryRow(
        generation=row.generation,
        turn=row.version - 1,
        events=name.encode(),
        event_count=2,
        commit_id=ident(name),
        message_ids=ident("message"),
    )
    commit = Commit(
        app=row.app,
        instance_id=row.instance_id,
        slot=row.slot,
        epoch=epoch,
        commit_id=ident(name),
        expect_incarnation=before.incarnation if before else None,
        expect_version=before.version if before else None,
        row=row,
        history=history,
    )
    return replace(commit, **over)


def message(name: str, *, to: InstanceRow | None = None, **over: Any) -> InboxRow:
    row = to or instance()
    made = InboxRow(
        app=row.app,
        instance_id=row.instance_id,
        slot=row.slot,
        row_id=ident(name),
        kind=InboxKind.EVENT,
        incarnation=row.incarnation,
        payload=name.encode(),
    )
    return replace(made, **over)


def start(of: InstanceRow) -> InboxRow:
    """The START row that begins a run: its ID is the incarnation."""
    return message("start", to=of, row_id=of.incarnation, kind=InboxKind.START)


def task(number: int, *, of: InstanceRow | None = None, **over: Any) -> TaskRow:
    row = of or instance()
    made = TaskRow(
        app=row.app,
        instance_id=row.instance_id,
        slot=row.slot,
        incarnation=row.incarnation,
        execution_id=row.execution_id,
        task_id=number,
        target_app=OTHER,
        name="charge",
        request=b"\x00request",
        created_at=5,
        due_at=5,
    )
    return replace(made, **over)


def timer(number: int, *, of: InstanceRow | None = None, due_at: int = 5) -> TimerRow:
    row = of or instance()
    return TimerRow(
        app=row.app,
        instance_id=row.instance_id,
        slot=row.slot,
        incarnation=row.incarnation,
        execution_id=row.execution_id,
        timer_id=number,
        due_at=due_at,
        payload=b"fired",
    )


def result(ref: TaskRef, name: str = "result") -> InboxRow:
    """The inbox row that a task row turns into; what the task row knows is left out."""
    return InboxRow(
        app=ref.app,
        instance_id=ref.instance_id,
        slot=0,
        row_id=ident(name),
        kind=InboxKind.TASK_RESULT,
        incarnation=b"",
        payload=b"done",
        ref_id=ref.task_id,
    )


async def take(store: Store, *instance_ids: str, app: str = APP, replica: str = "a") -> int:
    """Take the partitions of these instances and return the epoch they share."""
    epochs = {
        await store.take_partition(app=app, partition=partition, replica=replica)
        for partition in dict.fromkeys(partition_of(slot_of(each)) for each in instance_ids or (ID,))
    }
    assert len(epochs) == 1
    return epochs.pop()
