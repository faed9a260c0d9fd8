"""What the SQLite store counts, as jobs of its reader. Used by `sqlite` alone."""

import sqlite3
from collections.abc import Sequence

from antiphon_sidecar.engine.events import TERMINAL, Status
from antiphon_sidecar.stores import sqlite_schema
from antiphon_sidecar.stores.counting import About, NameCounts, OpenTasks

#: The statuses of what has not ended.
_OPEN = tuple(sorted(set(Status) - TERMINAL))
UNFINISHED = f"""SELECT x.name,
  sum(x.status NOT IN ({Status.SUSPENDED:d}, {Status.STALLED:d})), sum(x.status = {Status.SUSPENDED:d}),
  sum(x.status = {Status.STALLED:d}), 0, min(x.created_at)
  FROM instances x INDEXED BY instances_by_status
  WHERE x.namespace = ? AND x.app = ? AND x.status IN ({", ".join(f"{status:d}" for status in _OPEN)})
  GROUP BY x.name"""
FAILED = f"""SELECT x.name, count(*) FROM instances x INDEXED BY instances_by_completion
  WHERE x.namespace = ? AND x.app = ? AND x.status = {Status.FAILED:d} AND x.completed_at >= ? GROUP BY x.name"""
TASKS = (
    "SELECT count(*), min(t.created_at) FROM tasks t INDEXED BY tasks_by_target"
    " WHERE t.namespace = ? AND t.target_app = ?"
)


def instances(
    connection: sqlite3.Connection, namespace: str, *, apps: Sequence[str], failed_since: int
) -> list[NameCounts]:
    """Count by app and workflow."""
    found: list[NameCounts] = []
    for app in sorted(set(apps)):
        counted = {name: list(rest) for name, *rest in connection.execute(UNFINISHED, (namespace, app))}
        for name, failed in connection.execute(FAILED, (namespace, app, failed_since)):
            counted.setdefault(name, [0, 0, 0, 0, None])[3] = failed
        found.extend(NameCounts(app, name, *counted[name]) for name in sorted(counted))
    return found


def tasks(connection: sqlite3.Connection, namespace: str, *, apps: Sequence[str]) -> list[OpenTasks]:
    """Count the calls to each app."""
    return [OpenTasks(app, *connection.execute(TASKS, (namespace, app)).fetchone()) for app in apps]


def about(connection: sqlite3.Connection) -> About:
    """Return the library's version, and the file's."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return About("sqlite", sqlite3.sqlite_version, version, len(sqlite_schema.MIGRATIONS))
