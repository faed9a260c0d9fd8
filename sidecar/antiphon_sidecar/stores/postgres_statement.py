"""The statement that applies a group of commits in PostgreSQL, with the fence and all checks inside.

Used by `postgres_commits`, which gives it its arguments. The statement runs under READ COMMITTED: it has one
snapshot, taken when it begins; `FOR SHARE` and `FOR UPDATE` wait for other transactions and then see the newest
version of a row, everything else sees the snapshot. Why each check is safe all the same:

- epoch: read from the row that is locked for share, so it is the newest, and nobody raises it before this
  transaction ends. A partition that was never taken has no row: fenced.
- (incarnation, version): read from the row that is locked for update. A row that was made after the snapshot
  is not found by the lock, but then either a version is expected (a conflict) or the insert meets the row
  and does nothing (a conflict); a row that was deleted meanwhile is not found either, as it should be. An
  instance whose row was not written is in conflict, and every other write asks whether that was so.
- rows to consume: locked by key, those missing are noted. One that was deleted meanwhile is not found: refused.
  One that was inserted after the snapshot would be refused too, but nobody can name it yet: a row is named to
  others only after the commit that inserted it, and this statement was sent later than that.
- unread rows: seen in the snapshot. A message that was acknowledged before the fast one was sent is committed
  before the snapshot is taken. One that commits later is not ordered before the fast one.
- deletes by generation or run: only the owner inserts tasks, timers and history, in commits that were answered
  before this one was sent, or that a new epoch has waited for.

Locks are taken in the order partitions, instances, rows, each in key order: the counts over one step, which the
next one asks for, make sure that a step is complete before the next begins. The namespace comes with the rows
(`r.namespace`), never as a constant: a constant would allow the planner to read all of a namespace's rows first.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from antiphon_sidecar.stores.base import InboxKind
from antiphon_sidecar.stores.columns import HISTORY, INSTANCE, MESSAGE, TAG, TASK, TIMER, listed
from antiphon_sidecar.stores.spent import NOBODY, REMEMBERED_NS

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
    "waiting_on": "text",
    "worker_deaths": "int",
    "tags": "text",
    "value": "text",
    "instance_created_at": "bigint",
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
    "close_by": "bigint",
    "start_to_close": "bigint",
    "heartbeat": "bigint",
    "details": "bytea",
}
_IDS = {"n": "int", "row_id": "bytea"}
_REFS = {"n": "int", "app": "text", "instance_id": "text", "execution_id": "text", "number": "bigint"}
_STATE = {
    "fence": "int",
    "app": "text",
    "instance_id": "text",
    "expect_incarnation": "bytea",
    "expect_version": "bigint",
    "strict": "boolean",
}


def typed(columns: Iterable[str]) -> dict[str, str]:
    """Return the columns with their types."""
    return {column: TYPES[column] for column in columns}


_N = {"n": "int"}
_OWN = {**_N, "app": "text", "instance_id": "text"}
_WRITTEN = {**_N, **typed(INSTANCE), "commit_id": "bytea"}
_HISTORY = {
    "app": "text",
    "instance_id": "text",
    "incarnation": "bytea",
    **dict.fromkeys(HISTORY[:2], "bigint"),
    "events": "bytea",
    "event_count": "int",
    "commit_id": "bytea",
    "message_ids": "bytea",
}
#: The parts of the statement that a group may need, with the columns of their arrays, in the order of both.
PARTS: dict[str, dict[str, str]] = {
    "inbox": _IDS,
    "tasks": _REFS,
    "timers": _REFS,
    "strict": _IDS,
    "creates": _WRITTEN,
    "updates": _WRITTEN,
    "discard": _IDS,
    "end": {**_OWN, "execution_id": "text"},
    "drop": {**_OWN, "incarnation": "bytea", "generation": "bigint"},
    "history": {**_N, **_HISTORY},
    "untag": _OWN,
    "new_tags": {**_N, **typed(TAG)},
    "new_tasks": {**_N, **typed(TASK)},
    "new_timers": {**_N, **typed(TIMER)},
    "messages": {**_N, **typed(MESSAGE)},
}
_PASSES = "NOT EXISTS (SELECT FROM x WHERE x.ord = r.n)"
_LANDED = "NOT EXISTS (SELECT FROM y WHERE y.ord = r.n)"
#: The inbox row that a row of _IDS names; not what is left of it in `stores.spent`.
_MESSAGE = f"b.namespace = r.namespace AND b.row_id = r.row_id AND b.instance_id <> '{NOBODY}'"


@dataclass(frozen=True, slots=True)
class Shape:
    """Which parts a group needs; a statement is prepared for each shape that occurs."""

    inbox: bool
    tasks: bool
    timers: bool
    strict: bool
    creates: bool
    updates: bool
    discard: bool
    end: bool
    drop: bool
    history: bool
    untag: bool
    new_tags: bool
    new_tasks: bool
    new_timers: bool
    messages: bool


class _Arguments:
    """The arrays of a statement, numbered as they are asked for; `$1` is the namespace."""

    def __init__(self) -> None:
        self._count = 1

    def skip(self, count: int) -> int:
        """Leave numbers to others; return the first of them."""
        self._count += count
        return self._count - count + 1

    def rows(self, columns: dict[str, str], alias: str = "r") -> str:
        """Return a FROM item of these columns, one array each, and `ord`, counting from 1."""
        arrays = []
        for kind in columns.values():
            self._count += 1
            arrays.append(f"${self._count}::{kind}[]")
        return f"unnest({', '.join(arrays)}) WITH ORDINALITY AS {alias}({', '.join(columns)}, ord)"


def fence(schema: str, first: int) -> str:
    """Return `f`: the partitions of the arrays (app, partition, epoch) from `$first` on, locked in their order."""
    return f"""f AS MATERIALIZED (
      SELECT u.ord, u.app, u.partition, p.epoch = u.epoch AS held
      FROM unnest(${first}::text[], ${first + 1}::int[], ${first + 2}::bigint[])
        WITH ORDINALITY AS u(app, partition, epoch, ord)
      JOIN {schema}.partitions p ON p.namespace = $1 AND p.app = u.app AND p.partition = u.partition
      ORDER BY u.ord FOR SHARE OF p)"""


def statement(schema: str, shape: Shape) -> str:
    """Return the statement of a shape. Its arguments: the namespace, fences, states, and the shape's PARTS.

    It returns (ordinal, verdict) of the commits that were refused. The parts that pass look into the list of the
    refused, `x` and then `y`, which is nearly always empty: the work grows with the group, not with its square.
    """
    arguments = _Arguments()
    parts = [
        fence(schema, arguments.skip(3)),
        f"""v AS MATERIALIZED (
          SELECT u.ord, u.app, u.instance_id, u.strict, $1 || '/' || u.app || '/' || u.instance_id AS place,
          CASE WHEN f.held IS NOT TRUE THEN 0
          WHEN i.version IS DISTINCT FROM u.expect_version
          OR i.incarnation IS DISTINCT FROM u.expect_incarnation THEN 1 END AS verdict
          FROM {arguments.rows(_STATE, "u")} LEFT JOIN f ON f.ord = u.fence LEFT JOIN LATERAL (
            SELECT i.incarnation, i.version FROM {schema}.instances i
            WHERE i.namespace = $1 AND i.app = u.app AND i.instance_id = u.instance_id
            AND f.held AND (SELECT count(*) FROM f) > 0 FOR UPDATE) i ON true)""",
    ]
    sources: dict[str, str] = {}
    for name, columns in PARTS.items():
        if getattr(shape, name):
            sources[name] = f"r_{name} r"
            parts.append(f"r_{name} AS MATERIALIZED (SELECT $1 AS namespace, r.* FROM {arguments.rows(columns)})")
    parts += [
        *_refused(schema, sources),
        *_instance_writes(schema, sources),
        *_deletes(schema, sources),
        *_inserts(schema, sources),
    ]
    return f"WITH {', '.join(parts)} SELECT ord, verdict FROM y"


def _refused(schema: str, sources: dict[str, str]) -> Iterable[str]:
    """Lock the rows to consume, note which are missing, look for unread ones, and collect the refused."""
    reasons = ["SELECT ord, verdict FROM v WHERE verdict IS NOT NULL"]
    # The count is there for the order: all instances are locked before the first row is.
    for name, table, condition in (
        ("inbox", "inbox", _MESSAGE),
        ("tasks", "tasks", _one("task_id")),
        ("timers", "timers", _one("timer_id")),
    ):
        if name in sources:
            reasons.append(f"""SELECT r.n, 2 FROM {sources[name]} LEFT JOIN LATERAL (
              SELECT true AS here FROM {schema}.{table} b
              WHERE {condition} AND (SELECT count(*) FROM v) > 0 FOR UPDATE) b ON true WHERE b.here IS NULL""")
    if "strict" in sources:
        reasons.append(f"""SELECT v.ord, 3 FROM v WHERE v.strict AND EXISTS (
          SELECT FROM {schema}.inbox b WHERE b.namespace || '/' || b.app || '/' || b.instance_id = v.place
          AND NOT EXISTS (SELECT FROM {sources["strict"]} WHERE r.n = v.ord AND r.row_id = b.row_id))""")
    yield f"""x AS MATERIALIZED (
      SELECT q.ord, min(q.verdict) AS verdict FROM ({" UNION ALL ".join(reasons)}) q (ord, verdict) GROUP BY q.ord)"""


def _instance_writes(schema: str, sources: dict[str, str]) -> Iterable[str]:
    """Write the instance rows: the gate of every other write. Whoever passed and wrote none is in conflict.

    The update asks for the key alone: what it finds first is the snapshot's row, whose version may be an older
    one than that of the row that `v` has locked and compared.
    """
    values = (*INSTANCE, "commit_id")
    written = []
    if "creates" in sources:
        yield f"""made AS (
          INSERT INTO {schema}.instances (namespace, {listed(values)})
          SELECT $1, {listed(values, "r")} FROM {sources["creates"]} WHERE {_PASSES} ORDER BY r.ord
          ON CONFLICT (namespace, app, instance_id) DO NOTHING RETURNING app, instance_id)"""
        written.append("SELECT app, instance_id FROM made")
    if "updates" in sources:
        yield f"""changed AS (
          UPDATE {schema}.instances i SET ({listed(values[2:])}) = ROW ({listed(values[2:], "r")})
          FROM {sources["updates"]} WHERE {_PASSES}
          AND i.namespace = r.namespace AND i.app = r.app AND i.instance_id = r.instance_id
          RETURNING i.app, i.instance_id)"""
        written.append("SELECT app, instance_id FROM changed")
    yield f"w AS MATERIALIZED ({' UNION ALL '.join(written)})"
    # Only when somebody is missing is it worth finding out who.
    yield """y AS MATERIALIZED (
      SELECT ord, verdict FROM x UNION ALL SELECT v.ord, 1 FROM v
      WHERE (SELECT count(*) FROM w) + (SELECT count(*) FROM x) < (SELECT count(*) FROM v)
      AND NOT EXISTS (SELECT FROM x WHERE x.ord = v.ord)
      AND NOT EXISTS (SELECT FROM w WHERE w.app = v.app AND w.instance_id = v.instance_id))"""


def _deletes(schema: str, sources: dict[str, str]) -> Iterable[str]:
    run = "b.namespace = r.namespace AND b.app = r.app AND b.instance_id = r.instance_id"
    for name, part, table, condition in (
        ("di", "inbox", "inbox", _MESSAGE),
        ("dd", "discard", "inbox", _MESSAGE),
        ("dt", "tasks", "tasks", _one("task_id")),
        ("dm", "timers", "timers", _one("timer_id")),
        ("et", "end", "tasks", f"{run} AND b.execution_id = r.execution_id"),
        ("em", "end", "timers", f"{run} AND b.execution_id = r.execution_id"),
        ("dh", "drop", "history", f"{run} AND (b.incarnation, b.generation) <> (r.incarnation, r.generation)"),
        ("dg", "untag", "tags", f"{place('b')} = {place('r')}"),
    ):
        if part in sources:
            yield f"{name} AS (DELETE FROM {schema}.{table} b USING {sources[part]} WHERE {condition} AND {_LANDED})"


def _inserts(schema: str, sources: dict[str, str]) -> Iterable[str]:
    for name, part, table, columns in (
        ("nh", "history", "history", tuple(_HISTORY)),
        ("ng", "new_tags", "tags", TAG),
        ("nt", "new_tasks", "tasks", TASK),
        ("nm", "new_timers", "timers", TIMER),
    ):
        if part in sources:
            yield f"""{name} AS (INSERT INTO {schema}.{table} (namespace, {listed(columns)})
              SELECT $1, {listed(columns, "r")} FROM {sources[part]} WHERE {_LANDED} ORDER BY r.ord)"""
    if "messages" in sources:
        yield f"""ni AS (INSERT INTO {schema}.inbox (namespace, {listed(MESSAGE)}, due_at)
          SELECT $1, {listed(MESSAGE, "r")}, {CLOCK} FROM {sources["messages"]}
          WHERE {_LANDED} ORDER BY r.ord ON CONFLICT (namespace, row_id) DO NOTHING)"""


def place(alias: str) -> str:
    """Return an instance's key as one text, as it stands in indexes."""
    return f"{alias}.namespace || '/' || {alias}.app || '/' || {alias}.instance_id"


def _one(number: str) -> str:
    """Return the condition for the task or timer row that a row of _REFS names."""
    return (
        "b.namespace = r.namespace AND b.app = r.app AND b.instance_id = r.instance_id"
        f" AND b.execution_id = r.execution_id AND b.{number} = r.number"
    )


def remembered(schema: str) -> str:
    """Return the CTE that keeps the start's message ID of the runs in `k` that are young (`stores.spent`)."""
    # What is inserted has another instance ID than what is deleted beside it.
    return f"""remembered AS (
              INSERT INTO {schema}.inbox (namespace, {listed(MESSAGE)}, due_at)
              SELECT t.namespace, t.app, '{NOBODY}', t.slot, t.incarnation, {InboxKind.CONTROL:d}, t.incarnation,
                ''::bytea, '', -1, t.created_at + {REMEMBERED_NS}
              FROM {schema}.instances t JOIN k ON t.namespace = k.namespace
                AND t.app = k.app AND t.instance_id = k.instance_id
              WHERE t.created_at + {REMEMBERED_NS} > {CLOCK}
              ON CONFLICT (namespace, row_id) DO NOTHING)"""
