"""Commits of the PostgreSQL store: one statement for a group, with the fence and all checks inside.

Used by `postgres` alone. The statement runs under READ COMMITTED: it has one snapshot, taken when it begins;
`FOR SHARE` and `FOR UPDATE` wait for other transactions and then see the newest version of a row, everything
else sees the snapshot. Why each check is safe all the same:

- epoch: read from the row that is locked for share, so it is the newest, and nobody raises it before this
  transaction ends. A partition that was never taken has no row: fenced.
- (incarnation, version): read from the row that is locked for update. A row that was made after the snapshot
  is not found by the lock, but then either a version is expected (a conflict) or the insert meets the row
  and does nothing (a conflict); a row that was deleted meanwhile is not found either, as it should be. The
  write of the instance row is the gate of all other writes, so none of them happens without it.
- rows to consume: locked by key and counted. One that was deleted meanwhile is not found: refused. One that was
  inserted after the snapshot would be refused too, but nobody can name it yet: a row is named to others
  only after the commit that inserted it, and this statement was sent later than that.
- unread rows: seen in the snapshot. A message that was acknowledged before the fast one was sent is committed
  before the snapshot is taken. One that commits later is not ordered before the fast one.
- deletes by generation or run: only the owner inserts tasks, timers and history, in commits that were answered
  before this one was sent, or that a new epoch has waited for.

Locks are taken in the order partitions, instances, rows, each in key order: the counts over one step, which the
next one asks for, make sure that a step is complete before the next begins.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any

from antiphon_names.hashing import partition_of
from antiphon_sidecar.stores.base import Commit, Outcome, TaskRef
from antiphon_sidecar.stores.columns import (
    INSTANCE,
    MESSAGE,
    TASK,
    TIMER,
    instance_values,
    listed,
    message_values,
    task_values,
    timer_values,
)

#: The store's clock in nanoseconds.
CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000"

TYPES = {
    "app": "text",
    "instance_id": "text",
    "slot": "int",
    "incarnation": "bytea",
    "execution_id": "text",
    "generation": "bigint",
    "version": "bigint",
    "status": "smallint",
    "name": "text",
    "created_at": "bigint",
    "updated_at": "bigint",
    "started_at": "bigint",
    "completed_at": "bigint",
    "scheduled_at": "bigint",
    "parent_app": "text",
    "parent_instance": "text",
    "custom_status": "bytea",
    "output": "bytea",
    "failure": "bytea",
    "row_id": "bytea",
    "kind": "smallint",
    "payload": "bytea",
    "ref_id": "bigint",
    "due_at": "bigint",
    "task_id": "bigint",
    "timer_id": "bigint",
    "target_app": "text",
    "request": "bytea",
    "attempt": "bigint",
    "start_by": "bigint",
    "claimed_by": "text",
}
_HISTORY = ("turn", "events", "event_count", "message_ids")
_COMMIT_TYPES = {
    "fence": "int",
    **{column: TYPES[column] for column in INSTANCE},
    "commit_id": "bytea",
    "expect_incarnation": "bytea",
    "expect_version": "bigint",
    "inbox_count": "int",
    "task_count": "int",
    "timer_count": "int",
    "strict": "boolean",
    "end_execution": "text",
    "drop_history": "boolean",
    "history_generation": "bigint",
    "turn": "bigint",
    "events": "bytea",
    "event_count": "int",
    "history_commit": "bytea",
    "message_ids": "bytea",
}
_history_values = attrgetter("generation", "turn", "events", "event_count", "commit_id", "message_ids")
_IDS = {"n": "int", "row_id": "bytea"}
_OUTCOMES = (Outcome.COMMITTED, Outcome.CONFLICT, Outcome.ROWS, Outcome.UNREAD)


@dataclass(frozen=True, slots=True)
class Shape:
    """Which parts a group needs; a statement is prepared for each shape that occurs."""

    inbox: bool
    tasks: bool
    timers: bool
    known: bool
    discard: bool
    end: bool
    drop: bool
    new_tasks: bool
    new_timers: bool
    messages: bool


class _Arguments:
    """The arrays of a statement, numbered as they are added; `$1` is the namespace."""

    def __init__(self) -> None:
        self.count = 1

    def rows(self, alias: str, columns: dict[str, str]) -> str:
        """Return a FROM item of these columns, one array each, and `ord`, counting from 1."""
        arrays = []
        for kind in columns.values():
            self.count += 1
            arrays.append(f"${self.count}::{kind}[]")
        return f"unnest({', '.join(arrays)}) WITH ORDINALITY AS {alias}({', '.join(columns)}, ord)"


def statement(schema: str, shape: Shape) -> str:
    """Return the statement of a shape; its arguments are those of `arguments`, in that order."""
    arguments = _Arguments()
    parts = [
        f"""f AS MATERIALIZED (
          SELECT u.ord, p.epoch = u.epoch AS held
          FROM {arguments.rows("u", {"app": "text", "partition": "int", "epoch": "bigint"})}
          JOIN {schema}.partitions p ON p.namespace = $1 AND p.app = u.app AND p.partition = u.partition
          ORDER BY u.ord FOR SHARE OF p)""",
        f"""c AS MATERIALIZED (
          SELECT u.* FROM {arguments.rows("u", _COMMIT_TYPES)} JOIN f ON f.ord = u.fence
          WHERE f.held AND (SELECT count(*) FROM f) > 0)""",
        f"""i AS MATERIALIZED (
          SELECT c.ord, i.incarnation, i.version FROM c JOIN {schema}.instances i
          ON i.namespace = $1 AND i.app = c.app AND i.instance_id = c.instance_id
          ORDER BY c.ord FOR UPDATE OF i)""",
        """v AS MATERIALIZED (
          SELECT c.* FROM c LEFT JOIN i ON i.ord = c.ord
          WHERE i.version IS NOT DISTINCT FROM c.expect_version
          AND i.incarnation IS NOT DISTINCT FROM c.expect_incarnation)""",
        *_consumed(schema, shape, arguments),
        _judged(schema, shape, arguments),
        *_instance_writes(schema),
        *_deletes(schema, shape, arguments),
        *_inserts(schema, shape, arguments),
    ]
    return f"""WITH {", ".join(parts)}
        SELECT j.ord, CASE WHEN j.verdict = 0 AND l.ord IS NULL THEN 1 ELSE j.verdict END
        FROM j LEFT JOIN l ON l.ord = j.ord"""


def _consumed(schema: str, shape: Shape, arguments: _Arguments) -> Iterable[str]:
    """Lock the rows to consume, those of instances that passed so far."""
    if shape.inbox:
        yield f"""ki AS MATERIALIZED (
          SELECT r.n, b.row_id FROM {arguments.rows("r", _IDS)}
          JOIN v ON v.ord = r.n JOIN {schema}.inbox b ON b.namespace = $1 AND b.row_id = r.row_id
          WHERE (SELECT count(*) FROM v) > 0 ORDER BY r.ord FOR UPDATE OF b)"""
    columns = {"n": "int", "app": "text", "instance_id": "text", "execution_id": "text", "number": "bigint"}
    for wanted, name, table, number in (
        (shape.tasks, "kt", "tasks", "task_id"),
        (shape.timers, "km", "timers", "timer_id"),
    ):
        if wanted:
            yield f"""{name} AS MATERIALIZED (
              SELECT r.n, r.app, r.instance_id, r.execution_id, r.number
              FROM {arguments.rows("r", columns)} JOIN v ON v.ord = r.n
              JOIN {schema}.{table} b ON b.namespace = $1 AND b.app = r.app AND b.instance_id = r.instance_id
              AND b.execution_id = r.execution_id AND b.{number} = r.number
              WHERE (SELECT count(*) FROM v) > 0 ORDER BY r.ord FOR UPDATE OF b)"""


def _judged(schema: str, shape: Shape, arguments: _Arguments) -> str:
    """Give each fenced-in commit its verdict so far: the number of its outcome."""
    complete = ["true"]
    for wanted, name, count in (
        (shape.inbox, "ki", "inbox_count"),
        (shape.tasks, "kt", "task_count"),
        (shape.timers, "km", "timer_count"),
    ):
        if wanted:
            complete.append(f"(SELECT count(*) FROM {name} WHERE {name}.n = c.ord) = c.{count}")
    unread, known = "false", ""
    if shape.known:
        known = f"known AS MATERIALIZED (SELECT r.* FROM {arguments.rows('r', _IDS)}), "
        unread = f"""c.strict AND EXISTS (
          SELECT FROM {schema}.inbox b WHERE b.namespace = $1 AND b.app = c.app AND b.instance_id = c.instance_id
          AND NOT EXISTS (SELECT FROM known WHERE known.n = c.ord AND known.row_id = b.row_id))"""
    return f"""{known}j AS MATERIALIZED (
      SELECT c.*, CASE WHEN v.ord IS NULL THEN 1 WHEN NOT ({" AND ".join(complete)}) THEN 2
      WHEN {unread} THEN 3 ELSE 0 END AS verdict
      FROM c LEFT JOIN v ON v.ord = c.ord)"""


def _instance_writes(schema: str) -> Iterable[str]:
    """Write the instance rows; what landed is the gate of every other write."""
    updated = (*INSTANCE[2:], "commit_id")
    yield f"""changed AS (
      UPDATE {schema}.instances i SET ({listed(updated)}) = ROW ({listed(updated, "j")}) FROM j
      WHERE j.verdict = 0 AND j.expect_version IS NOT NULL
      AND i.namespace = $1 AND i.app = j.app AND i.instance_id = j.instance_id
      AND i.incarnation = j.expect_incarnation AND i.version = j.expect_version RETURNING j.ord)"""
    yield f"""made AS (
      INSERT INTO {schema}.instances (namespace, {listed(INSTANCE)}, commit_id)
      SELECT $1, {listed(INSTANCE)}, commit_id FROM j WHERE verdict = 0 AND expect_version IS NULL
      ORDER BY ord ON CONFLICT (namespace, app, instance_id) DO NOTHING RETURNING app, instance_id)"""
    yield """l AS MATERIALIZED (
      SELECT j.* FROM changed JOIN j ON j.ord = changed.ord UNION ALL
      SELECT j.* FROM made JOIN j ON j.app = made.app AND j.instance_id = made.instance_id)"""
    yield f"""h AS (
      INSERT INTO {schema}.history
      (namespace, app, instance_id, incarnation, generation, commit_id, {listed(_HISTORY)})
      SELECT $1, app, instance_id, incarnation, history_generation, history_commit, {listed(_HISTORY)}
      FROM l WHERE turn IS NOT NULL)"""


def _deletes(schema: str, shape: Shape, arguments: _Arguments) -> Iterable[str]:
    if shape.inbox:
        yield f"""di AS (DELETE FROM {schema}.inbox b USING ki JOIN l ON l.ord = ki.n
          WHERE b.namespace = $1 AND b.row_id = ki.row_id)"""
    for wanted, name, table, number in (
        (shape.tasks, "kt", "tasks", "task_id"),
        (shape.timers, "km", "timers", "timer_id"),
    ):
        if wanted:
            yield f"""d{name} AS (DELETE FROM {schema}.{table} b USING {name} k JOIN l ON l.ord = k.n
              WHERE b.namespace = $1 AND b.app = k.app AND b.instance_id = k.instance_id
              AND b.execution_id = k.execution_id AND b.{number} = k.number)"""
    if shape.discard:
        yield f"""dd AS (DELETE FROM {schema}.inbox b
          USING {arguments.rows("r", _IDS)} JOIN l ON l.ord = r.n
          WHERE b.namespace = $1 AND b.row_id = r.row_id)"""
    run = "b.namespace = $1 AND b.app = l.app AND b.instance_id = l.instance_id"
    if shape.end:
        for name, table in (("et", "tasks"), ("em", "timers")):
            yield f"""{name} AS (DELETE FROM {schema}.{table} b USING l
              WHERE {run} AND b.execution_id = l.end_execution)"""
    if shape.drop:
        yield f"""dh AS (DELETE FROM {schema}.history b USING l
          WHERE l.drop_history AND {run} AND (b.incarnation, b.generation) <> (l.incarnation, l.generation))"""


def _inserts(schema: str, shape: Shape, arguments: _Arguments) -> Iterable[str]:
    for wanted, name, table, columns in (
        (shape.new_tasks, "nt", "tasks", TASK),
        (shape.new_timers, "nm", "timers", TIMER),
    ):
        if wanted:
            yield f"""{name} AS (INSERT INTO {schema}.{table} (namespace, {listed(columns)})
              SELECT $1, {listed(columns, "r")}
              FROM {arguments.rows("r", {"n": "int", **typed(columns)})} JOIN l ON l.ord = r.n ORDER BY r.ord)"""
    if shape.messages:
        yield f"""ni AS (INSERT INTO {schema}.inbox (namespace, {listed(MESSAGE)}, due_at)
          SELECT $1, {listed(MESSAGE, "r")}, {CLOCK}
          FROM {arguments.rows("r", {"n": "int", **typed(MESSAGE)})} JOIN l ON l.ord = r.n
          ORDER BY r.ord ON CONFLICT (namespace, row_id) DO NOTHING)"""


def typed(columns: Iterable[str]) -> dict[str, str]:
    """Return the columns with their types."""
    return {column: TYPES[column] for column in columns}


def separated(group: Sequence[Commit], *, most: int) -> list[list[Commit]]:
    """Split a group so that no statement names an inbox row twice: within one, both would find it."""
    rounds: list[tuple[list[Commit], set[bytes]]] = []
    for commit in group:
        for commits, rows in rounds:
            if len(commits) < most and rows.isdisjoint(commit.consume_inbox):
                break
        else:
            commits, rows = [], set()
            rounds.append((commits, rows))
        commits.append(commit)
        rows.update(commit.consume_inbox)
    return [commits for commits, _ in rounds]


def shape_of(group: Sequence[Commit]) -> Shape:
    """Return which parts a group needs."""
    return Shape(
        inbox=any(commit.consume_inbox for commit in group),
        tasks=any(commit.consume_tasks for commit in group),
        timers=any(commit.consume_timers for commit in group),
        known=any(commit.known_inbox is not None for commit in group),
        discard=any(commit.discard_inbox for commit in group),
        end=any(commit.end_execution is not None for commit in group),
        drop=any(commit.drop_history for commit in group),
        new_tasks=any(commit.tasks for commit in group),
        new_timers=any(commit.timers for commit in group),
        messages=any(commit.messages for commit in group),
    )


def arguments(namespace: str, shape: Shape, *, group: Sequence[Commit]) -> list[Any]:
    """Return the arguments of a shape's statement; `group` is in key order and its ordinals count from 1."""
    fences = sorted({(commit.app, partition_of(commit.slot), commit.epoch) for commit in group})
    ordinals = {fence: ordinal for ordinal, fence in enumerate(fences, 1)}
    numbered = list(enumerate(group, 1))
    values: list[Any] = [namespace]
    values += _arrays(fences, width=3)
    values += _arrays(
        [(ordinals[commit.app, partition_of(commit.slot), commit.epoch], *_commit_values(commit)) for commit in group],
        width=len(_COMMIT_TYPES),
    )
    if shape.inbox:
        rows = [(row_id, n) for n, commit in numbered for row_id in commit.consume_inbox]
        values += _arrays([(n, row_id) for row_id, n in sorted(rows)], width=2)
    if shape.tasks:
        values += _refs((n, commit.consume_tasks) for n, commit in numbered)
    if shape.timers:
        values += _refs((n, commit.consume_timers) for n, commit in numbered)
    if shape.known:
        read = [
            (n, row_id)
            for n, commit in numbered
            if commit.known_inbox is not None
            for row_id in chain(commit.known_inbox, commit.consume_inbox)
        ]
        values += _arrays(read, width=2)
    if shape.discard:
        values += _arrays([(n, row_id) for n, commit in numbered for row_id in commit.discard_inbox], width=2)
    if shape.new_tasks:
        rows = [(n, *task_values(row)) for n, commit in numbered for row in commit.tasks]
        values += _arrays(rows, width=len(TASK) + 1)
    if shape.new_timers:
        rows = [(n, *timer_values(row)) for n, commit in numbered for row in commit.timers]
        values += _arrays(rows, width=len(TIMER) + 1)
    if shape.messages:
        rows = [(n, *message_values(row)) for n, commit in numbered for row in commit.messages]
        values += _arrays(rows, width=len(MESSAGE) + 1)
    return values


def outcomes(found: Iterable[tuple[int, int]], *, count: int) -> list[Outcome]:
    """Return the outcomes by ordinal; a commit without a row did not pass the fence."""
    verdicts = dict(found)
    return [_OUTCOMES[verdicts[n]] if n in verdicts else Outcome.FENCED for n in range(1, count + 1)]


def _commit_values(commit: Commit) -> tuple[Any, ...]:
    history = commit.history
    return (
        *instance_values(commit.row),
        commit.commit_id,
        commit.expect_incarnation,
        commit.expect_version,
        len(commit.consume_inbox),
        len(commit.consume_tasks),
        len(commit.consume_timers),
        commit.known_inbox is not None,
        commit.end_execution,
        commit.drop_history,
        *((None,) * 6 if history is None else _history_values(history)),
    )


def _refs(consumed: Iterable[tuple[int, Sequence[TaskRef]]]) -> list[Any]:
    rows = [(ref.app, ref.instance_id, ref.execution_id, ref.task_id, n) for n, refs in consumed for ref in refs]
    rows.sort()
    return _arrays([(n, *key) for *key, n in rows], width=5)


def _arrays(rows: Sequence[Sequence[Any]], *, width: int) -> list[Any]:
    """Turn rows into columns."""
    return list(zip(*rows, strict=True)) if rows else [()] * width
