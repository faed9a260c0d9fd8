"""What the SQLite store does outside turns: starts, messages, task rows, purge and orphans.

Used by `sqlite` alone. Each function is a job of the writer, whose transaction makes it atomic; the
namespace comes first in every key.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from antiphon_names.hashing import partition_of
from antiphon_sidecar.engine.events import TERMINAL
from antiphon_sidecar.stores import spent
from antiphon_sidecar.stores.base import InboxKind, InboxRow, InstanceRow, StartOutcome, TaskRef, TaskRow, TimerRow
from antiphon_sidecar.stores.columns import instance_values, message_values
from antiphon_sidecar.stores.sqlite_commits import (
    INSTANCE_INSERT,
    MESSAGE_INSERT,
    TASK_DELETE,
    TIMER_DELETE,
    epochs_of,
    ref_values,
    write_tags,
)

_KEY = "namespace = ? AND app = ? AND instance_id = ?"
_RUN = f"{_KEY} AND incarnation = ?"
_ONE = f"{_KEY} AND execution_id = ? AND task_id = ?"
_TAKE = (
    "INSERT INTO partitions (namespace, app, partition, epoch, replica) VALUES (?, ?, ?, 1, ?)"
    " ON CONFLICT (namespace, app, partition) DO UPDATE SET epoch = epoch + 1, replica = excluded.replica"
    " RETURNING epoch"
)
_BUMP = (
    f"UPDATE tasks SET attempt = attempt + 1, claimed_by = '', due_at = ? WHERE {_ONE} AND attempt = ? RETURNING slot"
)
_CLAIM = f"UPDATE tasks SET claimed_by = ? WHERE {_ONE} AND attempt = ? AND claimed_by IN ('', ?)"
_THERE = "SELECT 1 FROM inbox WHERE namespace = ? AND row_id = ?"
_START_ROW = f"SELECT incarnation FROM inbox WHERE {_KEY} AND kind = {InboxKind.START:d} ORDER BY seq LIMIT 1"
#: A run exists when its instance row does, or its START row, which nobody has read yet.
_REMEMBER = (
    "INSERT OR IGNORE INTO inbox"
    " (namespace, app, instance_id, slot, row_id, kind, incarnation, payload, execution_id, ref_id, due_at)"
    f" SELECT namespace, app, '{spent.NOBODY}', slot, incarnation, {InboxKind.CONTROL:d}, incarnation, x'', '', -1,"
    f" created_at + {spent.REMEMBERED_NS} FROM instances WHERE {_RUN} AND created_at + {spent.REMEMBERED_NS} > ?"
)
_NO_RUN = (
    f" AND NOT EXISTS (SELECT 1 FROM instances WHERE {_RUN})"
    f" AND NOT EXISTS (SELECT 1 FROM inbox WHERE {_RUN} AND kind = {InboxKind.START:d})"
)
#: With the instance's ID: under the row's ID alone there may be what `spent` keeps.
_ORPHAN_INBOX = (
    f"DELETE FROM inbox WHERE namespace = ? AND row_id = ? AND instance_id = ? AND kind <> {InboxKind.START:d}{_NO_RUN}"
)


def take_partition(connection: sqlite3.Connection, key: tuple[str, str, int], *, replica: str) -> int:
    """Raise a partition's epoch and return it."""
    (epoch,) = connection.execute(_TAKE, (*key, replica)).fetchone()
    return int(epoch)


def start_instance(
    connection: sqlite3.Connection,
    namespace: str,
    *,
    row: InstanceRow,
    start: InboxRow,
    unique: bool,
    until: int,
    now: int,
) -> StartOutcome:
    """Insert a PENDING instance with its START row, in place of a finished run."""
    key = (namespace, row.app, row.instance_id)
    found = connection.execute(f"SELECT incarnation, status FROM instances WHERE {_KEY}", key).fetchone()
    if found is not None and found[0] == row.incarnation:
        return StartOutcome.REPEATED
    if connection.execute(_THERE, (namespace, start.row_id)).fetchone():
        return StartOutcome.REPEATED
    if now > until:
        return StartOutcome.LATE
    if found is not None:
        incarnation, status = found
        if status not in TERMINAL:
            return StartOutcome.ACTIVE
        if unique:
            return StartOutcome.FINISHED
        drop_run(connection, key, incarnation=incarnation, now=now)
    stamped = replace(row, updated_at=now)
    connection.execute(INSTANCE_INSERT, (namespace, *instance_values(stamped), b""))
    write_tags(connection, key, row=row)
    connection.execute(MESSAGE_INSERT, (namespace, *message_values(start), now))
    return StartOutcome.CREATED


def post(connection: sqlite3.Connection, namespace: str, *, rows: Sequence[InboxRow], now: int) -> list[bool]:
    """Insert messages for the instances that can take them."""
    return [_post(connection, namespace, row=row, now=now) for row in rows]


def _post(connection: sqlite3.Connection, namespace: str, *, row: InboxRow, now: int) -> bool:
    if connection.execute(_THERE, (namespace, row.row_id)).fetchone():
        return True
    key = (namespace, row.app, row.instance_id)
    found = connection.execute(f"SELECT status, incarnation FROM instances WHERE {_KEY}", key).fetchone()
    if found is not None and found[0] not in TERMINAL:
        incarnation = found[1]
    else:
        unread = connection.execute(_START_ROW, key).fetchone()
        if unread is None:
            return False
        (incarnation,) = unread
    meant = replace(row, incarnation=incarnation)
    connection.execute(MESSAGE_INSERT, (namespace, *message_values(meant), now))
    return True


def replace_tasks(
    connection: sqlite3.Connection, namespace: str, *, items: Sequence[tuple[TaskRef, InboxRow]], now: int
) -> list[bool]:
    """Turn task rows into inbox rows."""
    query = f"{TASK_DELETE} RETURNING slot, incarnation, execution_id"
    replaced = []
    for ref, message in items:
        gone = connection.execute(query, (namespace, *ref_values(ref))).fetchone()
        if gone is not None:
            slot, incarnation, execution_id = gone
            row = replace(
                message,
                app=ref.app,
                instance_id=ref.instance_id,
                slot=slot,
                incarnation=incarnation,
                execution_id=execution_id,
            )
            connection.execute(MESSAGE_INSERT, (namespace, *message_values(row), now))
        replaced.append(gone is not None)
    return replaced


def bump_attempts(
    connection: sqlite3.Connection,
    namespace: str,
    *,
    epochs: Mapping[tuple[str, int], int],
    items: Sequence[tuple[TaskRef, int]],
    due_at: int,
) -> list[bool]:
    """Raise the attempts that still are the given ones, where the epoch holds."""
    held = _held(connection, namespace, epochs=epochs)
    find = f"SELECT slot FROM tasks WHERE {_ONE}"
    bumped = []
    for ref, attempt in items:
        key = (namespace, *ref_values(ref))
        found = connection.execute(find, key).fetchone()
        done = found is not None and (ref.app, partition_of(found[0])) in held
        bumped.append(done and connection.execute(_BUMP, (due_at, *key, attempt)).fetchone() is not None)
    return bumped


def claim_tasks(
    connection: sqlite3.Connection, namespace: str, *, replica: str, items: Sequence[tuple[TaskRef, int]]
) -> list[bool]:
    """Claim attempts for a replica."""
    return [
        connection.execute(_CLAIM, (replica, namespace, *ref_values(ref), attempt, replica)).rowcount == 1
        for ref, attempt in items
    ]


def have_tasks(connection: sqlite3.Connection, namespace: str, *, refs: Iterable[TaskRef]) -> list[bool]:
    """Tell which task rows are there."""
    query = f"SELECT 1 FROM tasks WHERE {_ONE}"
    return [connection.execute(query, (namespace, *ref_values(ref))).fetchone() is not None for ref in refs]


def note_details(connection: sqlite3.Connection, namespace: str, *, items: Iterable[tuple[TaskRef, bytes]]) -> None:
    """Write what tasks last said of their progress."""
    query = f"UPDATE tasks SET details = ? WHERE {_ONE}"
    connection.executemany(query, [(details, namespace, *ref_values(ref)) for ref, details in items])


def defer_inbox(connection: sqlite3.Connection, namespace: str, *, items: Iterable[tuple[bytes, int]]) -> None:
    """Move due_at of inbox rows."""
    query = f"UPDATE inbox SET due_at = ? WHERE namespace = ? AND row_id = ? AND instance_id <> '{spent.NOBODY}'"
    connection.executemany(query, [(due_at, namespace, row_id) for row_id, due_at in items])


def defer_tasks(connection: sqlite3.Connection, namespace: str, *, items: Iterable[tuple[TaskRef, int]]) -> None:
    """Move due_at of task rows."""
    query = f"UPDATE tasks SET due_at = ? WHERE {_ONE}"
    connection.executemany(query, [(due_at, namespace, *ref_values(ref)) for ref, due_at in items])


def defer_timers(connection: sqlite3.Connection, namespace: str, *, items: Iterable[tuple[TaskRef, int]]) -> None:
    """Move due_at of timer rows."""
    query = f"UPDATE timers SET due_at = ? WHERE {_ONE.replace('task_id', 'timer_id')}"
    connection.executemany(query, [(due_at, namespace, *ref_values(ref)) for ref, due_at in items])


def release_tasks(connection: sqlite3.Connection, key: tuple[str, str, str], *, now: int) -> int:
    """Make the task rows of (namespace, app, target app) due."""
    query = "UPDATE tasks SET due_at = ? WHERE namespace = ? AND app = ? AND target_app = ? AND due_at > ?"
    return connection.execute(query, (now, *key, now)).rowcount


def purge(
    connection: sqlite3.Connection,
    key: tuple[str, str, str],
    *,
    incarnation: bytes,
    starts: Collection[bytes],
    now: int,
) -> bool:
    """Delete a finished run and the START rows it emitted that nobody consumed."""
    found = connection.execute(f"SELECT incarnation, status FROM instances WHERE {_KEY}", key).fetchone()
    if found is None or found[0] != incarnation or found[1] not in TERMINAL:
        return False
    drop_run(connection, key, incarnation=incarnation, now=now)
    query = f"DELETE FROM inbox WHERE namespace = ? AND row_id = ? AND kind = {InboxKind.START:d}"
    connection.executemany(query, [(key[0], row_id) for row_id in starts])
    return True


def drop_run(connection: sqlite3.Connection, key: tuple[str, str, str], *, incarnation: bytes, now: int) -> None:
    """Delete a run with all that belongs to it; a young one is remembered for a while."""
    for table in ("inbox", "tasks", "timers"):
        connection.execute(f"DELETE FROM {table} WHERE {_RUN}", (*key, incarnation))
    connection.execute(_REMEMBER, (*key, incarnation, now))
    # Histories of earlier runs of this ID go too: nothing else names them any more.
    for table in ("history", "tags", "instances"):
        connection.execute(f"DELETE FROM {table} WHERE {_KEY}", key)


def drop_orphans(
    connection: sqlite3.Connection,
    namespace: str,
    *,
    epochs: Mapping[tuple[str, int], int],
    inbox: Sequence[InboxRow],
    tasks: Sequence[TaskRow],
    timers: Sequence[TimerRow],
) -> int:
    """Delete the rows whose run is gone, in the partitions whose epoch holds."""
    held = _held(connection, namespace, epochs=epochs)
    dropped = 0

    def drop(query: str, key: tuple[object, ...], row: InboxRow | TaskRow | TimerRow) -> int:
        if (row.app, partition_of(row.slot)) not in held:
            return 0
        run = (namespace, row.app, row.instance_id, row.incarnation)
        return connection.execute(query, (namespace, *key, *run, *run)).rowcount

    for message in inbox:
        dropped += drop(_ORPHAN_INBOX, (message.row_id, message.instance_id), message)
    for task in tasks:
        dropped += drop(TASK_DELETE + _NO_RUN, ref_values(task.ref), task)
    for timer in timers:
        dropped += drop(TIMER_DELETE + _NO_RUN, ref_values(timer.ref), timer)
    return dropped


def _held(
    connection: sqlite3.Connection, namespace: str, *, epochs: Mapping[tuple[str, int], int]
) -> frozenset[tuple[str, int]]:
    """Return the partitions whose epoch is the given one."""
    found = epochs_of(connection, namespace, partitions=epochs)
    return frozenset(key for key, epoch in epochs.items() if found.get(key) == epoch)
