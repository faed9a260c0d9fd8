"""How the memory store drops rows whose run is gone. Used by `memory` alone."""

from collections.abc import Mapping, Sequence

from antiphon_names.hashing import partition_of
from antiphon_sidecar.stores.base import InboxKind, InboxRow, TaskRow, TimerRow
from antiphon_sidecar.stores.memory_tables import Tables


def drop(
    tables: Tables,
    *,
    epochs: Mapping[tuple[str, int], int],
    inbox: Sequence[InboxRow],
    tasks: Sequence[TaskRow],
    timers: Sequence[TimerRow],
) -> int:
    """Delete those rows whose run does not exist any more."""
    dropped = 0
    for message in inbox:
        there = tables.inbox.get(message.row_id)
        # Under the row's ID there may be what `stores.spent` keeps.
        if there is None or there.instance_id != message.instance_id or there.kind is InboxKind.START:
            continue
        if _orphaned(tables, epochs, message):
            dropped += tables.drop_inbox(message.row_id)
    for task in tasks:
        if _orphaned(tables, epochs, task):
            dropped += tables.drop_task(task.ref) is not None
    for timer in timers:
        if _orphaned(tables, epochs, timer):
            dropped += tables.drop_timer(timer.ref) is not None
    return dropped


def _orphaned(tables: Tables, epochs: Mapping[tuple[str, int], int], row: InboxRow | TaskRow | TimerRow) -> bool:
    partition = partition_of(row.slot)
    if not tables.holds(epochs.get((row.app, partition), 0), app=row.app, partition=partition):
        return False
    run = tables.row(row.app, row.instance_id)
    if run is not None and run.incarnation == row.incarnation:
        return False
    # What was posted to a child whose start nobody has read waits for that run to begin.
    starts = tables.starts_of(row.app, row.instance_id)
    return all(start.incarnation != row.incarnation for start in starts)
