"""What the memory store counts. Used by `memory` alone; it looks at every row."""

from collections import defaultdict
from collections.abc import Sequence

from antiphon_sidecar.engine.events import TERMINAL, Status
from antiphon_sidecar.stores.base import InstanceRow
from antiphon_sidecar.stores.counting import NameCounts, OpenTasks
from antiphon_sidecar.stores.memory_tables import Tables


def instances(tables: Tables, apps: Sequence[str], *, failed_since: int) -> list[NameCounts]:
    """Count by app and workflow."""
    groups: dict[tuple[str, str], list[InstanceRow]] = defaultdict(list)
    for run in tables.runs.values():
        row = run.row
        if row is not None and row.app in apps and (row.status not in TERMINAL or _failed(row, failed_since)):
            groups[row.app, row.name].append(row)
    return [_counts(app, name, groups[app, name], failed_since) for app, name in sorted(groups)]


def _failed(row: InstanceRow, since: int) -> bool:
    return row.status == Status.FAILED and row.completed_at is not None and row.completed_at >= since


def _counts(app: str, name: str, rows: Sequence[InstanceRow], failed_since: int) -> NameCounts:
    open_rows = [row for row in rows if row.status not in TERMINAL]
    suspended, stalled = (sum(row.status == each for row in open_rows) for each in (Status.SUSPENDED, Status.STALLED))
    return NameCounts(
        app=app,
        name=name,
        running=len(open_rows) - suspended - stalled,
        suspended=suspended,
        stalled=stalled,
        failed=sum(_failed(row, failed_since) for row in rows),
        oldest_created_at=min((row.created_at for row in open_rows), default=None),
    )


def tasks(tables: Tables, apps: Sequence[str]) -> list[OpenTasks]:
    """Count the calls to each app."""
    found = {app: [row.created_at for row in tables.tasks.values() if row.target_app == app] for app in apps}
    return [OpenTasks(app, len(found[app]), min(found[app], default=None)) for app in apps]
