"""Commits of the memory store: the checks in their order, and the changes.

Used by `memory` alone. Both functions are plain steps over the tables, so that a commit is atomic.
"""

from itertools import chain

from antiphon_names.hashing import partition_of
from antiphon_sidecar.stores.base import Commit, Outcome
from antiphon_sidecar.stores.memory_tables import Run, Tables


def judge(tables: Tables, commit: Commit) -> Outcome:
    """Return what becomes of a commit, in the order of the checks; changes nothing."""
    if not tables.holds(commit.epoch, app=commit.app, partition=partition_of(commit.slot)):
        return Outcome.FENCED
    row = tables.row(commit.app, commit.instance_id)
    found = (row.incarnation, row.version) if row else (None, None)
    if found != (commit.expect_incarnation, commit.expect_version):
        return Outcome.CONFLICT
    if not (
        all(tables.message(row_id) is not None for row_id in commit.consume_inbox)
        and all(ref in tables.tasks for ref in commit.consume_tasks)
        and all(ref in tables.timers for ref in commit.consume_timers)
    ):
        return Outcome.ROWS
    if commit.known_inbox is not None:
        read = {*commit.known_inbox, *commit.consume_inbox}
        run = tables.runs.get((commit.app, commit.instance_id))
        if run and any(row_id not in read for row_id in run.inbox):
            return Outcome.UNREAD
    return Outcome.CONFLICT if _repeats(tables, commit) else Outcome.COMMITTED


def _repeats(tables: Tables, commit: Commit) -> bool:
    """Tell whether a row that the commit adds has a key that is taken."""
    history = commit.history
    if history is not None:
        run = tables.runs.get((commit.app, commit.instance_id))
        turns = run.history.get((commit.row.incarnation, history.generation), {}) if run else {}
        if history.turn in turns:
            return True
    return any(task.ref in tables.tasks for task in commit.tasks) or any(
        timer.ref in tables.timers for timer in commit.timers
    )


def apply(tables: Tables, commit: Commit, *, now: int) -> None:
    """Make the changes of a commit that was judged COMMITTED."""
    # The row first, so that the entry of this instance outlives the deletes below.
    run = tables.run(commit.app, commit.instance_id)
    run.row, run.commit_id = commit.row, commit.commit_id
    for row_id in filter(tables.message, chain(commit.consume_inbox, commit.discard_inbox)):
        tables.drop_inbox(row_id)
    for ref in commit.consume_tasks:
        tables.drop_task(ref)
    for ref in commit.consume_timers:
        tables.drop_timer(ref)
    if commit.end_execution is not None:
        _end_execution(tables, run, execution_id=commit.end_execution)
    if commit.drop_history:
        current = (commit.row.incarnation, commit.row.generation)
        run.history = {key: rows for key, rows in run.history.items() if key == current}
    if commit.history is not None:
        key = (commit.row.incarnation, commit.history.generation)
        run.history.setdefault(key, {})[commit.history.turn] = commit.history
    for task in commit.tasks:
        tables.add_task(task)
    for timer in commit.timers:
        tables.add_timer(timer)
    for message in commit.messages:
        tables.add_inbox(message, now=now)


def _end_execution(tables: Tables, run: Run, *, execution_id: str) -> None:
    for ref in [ref for ref in run.tasks if ref.execution_id == execution_id]:
        tables.drop_task(ref)
    for ref in [ref for ref in run.timers if ref.execution_id == execution_id]:
        tables.drop_timer(ref)
