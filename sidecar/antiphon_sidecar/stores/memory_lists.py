"""What the memory store lists: instances that fit a filter, and runs that ended long ago.

Used by `memory` alone. It looks at every instance: its content is as small as a test.
"""

import json
from collections.abc import Sequence

from antiphon_names.hashing import partition_of
from antiphon_sidecar.engine.events import TERMINAL
from antiphon_sidecar.stores.base import Cursor, InstanceFilter, InstanceRow, Old
from antiphon_sidecar.stores.memory_tables import Tables
from antiphon_sidecar.stores.search import read_key


def page(
    tables: Tables, wanted: InstanceFilter, *, limit: int, after: bytes | None
) -> tuple[Sequence[InstanceRow], bytes | None]:
    """Return a page, newest first, and the key of the next one."""
    waiting = {
        (task.app, task.instance_id) for task in tables.tasks.values() if task.target_app == wanted.waiting_for_app
    }
    place = read_key(after)
    rows = sorted(
        (
            run.row
            for run in tables.runs.values()
            if run.row
            and _fits(wanted, run.row)
            and (wanted.waiting_for_app is None or (run.row.app, run.row.instance_id) in waiting)
        ),
        key=_order,
    )
    if place is not None:
        created_at, instance_id, app = place
        rows = [row for row in rows if _order(row) > (-created_at, instance_id, app)]
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], json.dumps([last.created_at, last.instance_id, last.app]).encode()


def _order(row: InstanceRow) -> tuple[int, str, str]:
    return -row.created_at, row.instance_id, row.app


def _fits(wanted: InstanceFilter, row: InstanceRow) -> bool:
    return (
        (wanted.app is None or row.app == wanted.app)
        and (not wanted.statuses or row.status in wanted.statuses)
        and (wanted.name is None or row.name == wanted.name)
        and _within(row.created_at, wanted.created_from, wanted.created_until)
        and _within(row.completed_at, wanted.completed_from, wanted.completed_until)
        and set(wanted.tags) <= set(row.tags)
        and (wanted.parent is None or (row.parent_app, row.parent_instance) == wanted.parent)
        and not (wanted.roots and row.parent_instance is not None)
        and row.instance_id.startswith(wanted.id_prefix)
        and (wanted.waiting_on is None or row.waiting_on == wanted.waiting_on)
    )


def _within(time: int | None, since: int | None, until: int | None) -> bool:
    if since is None and until is None:
        return True
    return time is not None and (since is None or time >= since) and (until is None or time < until)


def ended(tables: Tables, old: Old) -> Sequence[InstanceRow]:
    """Return the runs that a batch looks at."""
    found = []
    for run in tables.runs.values():
        row = run.row
        if row is None or row.app != old.app or row.status != old.status:
            continue
        if row.completed_at is None or row.completed_at > old.until_most:
            continue
        if old.after is None or (row.completed_at, row.instance_id) > (old.after.due_at, *old.after.key):
            found.append(row)
    found.sort(key=lambda row: (row.completed_at, row.instance_id))
    return found[: old.limit]


def may_go(tables: Tables, old: Old, row: InstanceRow) -> bool:
    """Tell whether a run that was looked at is to be deleted."""
    if partition_of(row.slot) not in old.partitions or end_of(row).due_at > old.until_of(row.name):
        return False
    if row.parent_app is None or row.parent_instance is None:
        return True
    parent = tables.row(row.parent_app, row.parent_instance)
    return parent is None or parent.status in TERMINAL


def end_of(row: InstanceRow) -> Cursor:
    """Return the place of a run that has ended, in the order of the ends."""
    assert row.completed_at is not None
    return Cursor(row.completed_at, (row.instance_id,))
