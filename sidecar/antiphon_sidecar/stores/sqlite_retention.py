"""How the SQLite store deletes runs that ended long ago.

Used by `sqlite` alone. A batch is a job of the writer, whose transaction makes it all or nothing.
"""

import json
import sqlite3

from antiphon_sidecar.stores.base import Cursor, Old, Retired
from antiphon_sidecar.stores.columns import FINISHED
from antiphon_sidecar.stores.sqlite_messages import drop_run

_EARLIEST = -(1 << 63)
OLD = f"""SELECT x.completed_at, x.instance_id, x.incarnation, x.slot >> 11 IN (SELECT value FROM json_each(?))
    AND x.completed_at <= coalesce((SELECT w.value FROM json_each(?) w WHERE w.key = x.name), ?)
    AND NOT EXISTS (SELECT 1 FROM instances p WHERE p.namespace = x.namespace AND p.app = x.parent_app
      AND p.instance_id = x.parent_instance AND p.status NOT IN {FINISHED})
  FROM instances x INDEXED BY instances_by_completion
  WHERE x.namespace = ? AND x.app = ? AND x.status = ? AND x.completed_at <= ?
    AND (x.completed_at, x.instance_id) > (?, ?)
  ORDER BY x.completed_at, x.instance_id LIMIT ?"""


def retire(connection: sqlite3.Connection, namespace: str, *, old: Old, now: int) -> Retired:
    """Delete a batch."""
    after = old.after or Cursor(_EARLIEST, ("",))
    marks = (
        json.dumps(list(old.partitions)),
        json.dumps(dict(old.named)),
        old.until,
        namespace,
        old.app,
        old.status,
        old.until_most,
        after.due_at,
        *after.key,
        old.limit,
    )
    found = connection.execute(OLD, marks).fetchall()
    deleted = 0
    for _, instance_id, incarnation, goes in found:
        if goes:
            drop_run(connection, (namespace, old.app, instance_id), incarnation=incarnation, now=now)
            deleted += 1
    return Retired(deleted, Cursor(found[-1][0], (found[-1][1],)) if len(found) == old.limit else None)
