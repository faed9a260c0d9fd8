"""Commits of the SQLite store: checks and changes of a group, inside the writer's transaction.

Used by `sqlite` alone. Each commit runs in a savepoint, so that a refused one leaves nothing behind and harms
none of the others; rows are deleted first and counted, which a savepoint makes as good as looking first.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence

from antiphon_names.hashing import partition_of
from antiphon_sidecar.stores.base import Commit, HistoryRow, InstanceRow, Outcome, TaskRef
from antiphon_sidecar.stores.columns import (
    HISTORY,
    INSTANCE,
    MESSAGE,
    TAG,
    TASK,
    TIMER,
    history_values,
    instance_values,
    listed,
    message_values,
    tag_values,
    task_values,
    timer_values,
)
from antiphon_sidecar.stores.spent import NOBODY


def _insert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


_KEY = "namespace = ? AND app = ? AND instance_id = ?"
_EPOCH = "SELECT epoch FROM partitions WHERE namespace = ? AND app = ? AND partition = ?"
_STATE = f"SELECT incarnation, version FROM instances WHERE {_KEY}"
_INBOX_IDS = f"SELECT row_id FROM inbox WHERE {_KEY}"
#: Not what is left of a message in `stores.spent`.
INBOX_DELETE = f"DELETE FROM inbox WHERE namespace = ? AND row_id = ? AND instance_id <> '{NOBODY}'"
TASK_DELETE = f"DELETE FROM tasks WHERE {_KEY} AND execution_id = ? AND task_id = ?"
TIMER_DELETE = f"DELETE FROM timers WHERE {_KEY} AND execution_id = ? AND timer_id = ?"
MESSAGE_INSERT = _insert("inbox", ("namespace", *MESSAGE, "due_at")) + " ON CONFLICT (namespace, row_id) DO NOTHING"
INSTANCE_INSERT = _insert("instances", ("namespace", *INSTANCE, "commit_id"))
_INSTANCE_UPDATE = (
    f"UPDATE instances SET ({listed(INSTANCE[2:])}, commit_id) = ({', '.join('?' * (len(INSTANCE) - 1))}) WHERE {_KEY}"
)
_TAG_INSERT = _insert("tags", ("namespace", *TAG))
TAGS_DELETE = f"DELETE FROM tags WHERE {_KEY}"
_HISTORY_INSERT = _insert("history", ("namespace", "app", "instance_id", "incarnation", *HISTORY))
_HISTORY_DROP = f"DELETE FROM history WHERE {_KEY} AND NOT (incarnation = ? AND generation = ?)"
_TASK_INSERT = _insert("tasks", ("namespace", *TASK))
_TIMER_INSERT = _insert("timers", ("namespace", *TIMER))
_TASKS_END = f"DELETE FROM tasks WHERE {_KEY} AND execution_id = ?"
_TIMERS_END = f"DELETE FROM timers WHERE {_KEY} AND execution_id = ?"


class _Refused(Exception):
    """A commit stops here; what it did so far must be undone."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def apply(connection: sqlite3.Connection, namespace: str, *, group: Sequence[Commit], now: int) -> list[Outcome]:
    """Apply a group in the open transaction and return the outcomes in its order."""
    keys = {(commit.app, partition_of(commit.slot)) for commit in group}
    epochs = epochs_of(connection, namespace, partitions=keys)
    outcomes = []
    for commit in group:
        if epochs.get((commit.app, partition_of(commit.slot))) != commit.epoch:
            outcomes.append(Outcome.FENCED)
            continue
        connection.execute("SAVEPOINT one")
        outcome = Outcome.COMMITTED
        try:
            _apply(connection, namespace, commit=commit, now=now)
        except _Refused as refused:
            outcome = refused.outcome
        except sqlite3.IntegrityError:
            # The key of a new row is taken.
            outcome = Outcome.CONFLICT
        if outcome is not Outcome.COMMITTED:
            connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        outcomes.append(outcome)
    return outcomes


def epochs_of(
    connection: sqlite3.Connection, namespace: str, *, partitions: Collection[tuple[str, int]]
) -> Mapping[tuple[str, int], int]:
    """Return the epochs of those partitions that were ever taken."""
    found = {}
    for app, partition in partitions:
        row = connection.execute(_EPOCH, (namespace, app, partition)).fetchone()
        if row is not None:
            found[app, partition] = row[0]
    return found


def _apply(connection: sqlite3.Connection, namespace: str, *, commit: Commit, now: int) -> None:
    key = (namespace, commit.app, commit.instance_id)
    state = connection.execute(_STATE, key).fetchone()
    if (state or (None, None)) != (commit.expect_incarnation, commit.expect_version):
        raise _Refused(Outcome.CONFLICT)
    _consume(connection, namespace, commit=commit)
    if commit.known_inbox is not None:
        unread = {row_id for (row_id,) in connection.execute(_INBOX_IDS, key)}
        if not unread.issubset(commit.known_inbox):
            raise _Refused(Outcome.UNREAD)
    _end(connection, key, commit=commit)
    values = instance_values(commit.row)
    if state is None:
        connection.execute(INSTANCE_INSERT, (namespace, *values, commit.commit_id))
    else:
        connection.execute(_INSTANCE_UPDATE, (*values[2:], commit.commit_id, *key))
    if commit.retag or commit.expect_incarnation != commit.row.incarnation:
        write_tags(connection, key, row=commit.row)
    if commit.history is not None:
        _write_history(connection, key, incarnation=commit.row.incarnation, row=commit.history)
    if commit.tasks:
        connection.executemany(_TASK_INSERT, [(namespace, *task_values(row)) for row in commit.tasks])
    if commit.timers:
        connection.executemany(_TIMER_INSERT, [(namespace, *timer_values(row)) for row in commit.timers])
    if commit.messages:
        rows = [(namespace, *message_values(row), now) for row in commit.messages]
        connection.executemany(MESSAGE_INSERT, rows)


def write_tags(connection: sqlite3.Connection, key: tuple[str, str, str], *, row: InstanceRow) -> None:
    """Write the rows that searches by tag look at, in place of those that are there."""
    connection.execute(TAGS_DELETE, key)
    if row.tags:
        connection.executemany(_TAG_INSERT, [(key[0], *values) for values in tag_values(row)])


def _consume(connection: sqlite3.Connection, namespace: str, *, commit: Commit) -> None:
    for row_id in commit.consume_inbox:
        if connection.execute(INBOX_DELETE, (namespace, row_id)).rowcount != 1:
            raise _Refused(Outcome.ROWS)
    for ref in commit.consume_tasks:
        if connection.execute(TASK_DELETE, (namespace, *ref_values(ref))).rowcount != 1:
            raise _Refused(Outcome.ROWS)
    for ref in commit.consume_timers:
        if connection.execute(TIMER_DELETE, (namespace, *ref_values(ref))).rowcount != 1:
            raise _Refused(Outcome.ROWS)


def _end(connection: sqlite3.Connection, key: tuple[str, str, str], *, commit: Commit) -> None:
    for row_id in commit.discard_inbox:
        connection.execute(INBOX_DELETE, (key[0], row_id))
    if commit.end_execution is not None:
        connection.execute(_TASKS_END, (*key, commit.end_execution))
        connection.execute(_TIMERS_END, (*key, commit.end_execution))
    if commit.drop_history:
        connection.execute(_HISTORY_DROP, (*key, commit.row.incarnation, commit.row.generation))


def _write_history(
    connection: sqlite3.Connection, key: tuple[str, str, str], *, incarnation: bytes, row: HistoryRow
) -> None:
    connection.execute(_HISTORY_INSERT, (*key, incarnation, *history_values(row)))


def ref_values(ref: TaskRef) -> tuple[str, str, str, int]:
    """Return a key in the order of the statements' conditions."""
    return (ref.app, ref.instance_id, ref.execution_id, ref.task_id)
