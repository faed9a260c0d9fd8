"""Commits of the PostgreSQL store: how a group becomes the arguments of one statement, and its answer outcomes.

Used by `postgres` alone; `postgres_statement` has the statement and the reasons why it is right.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from antiphon_names.hashing import partition_of
from antiphon_sidecar.stores.base import Commit, Outcome, TaskRef
from antiphon_sidecar.stores.columns import (
    history_values,
    instance_values,
    message_values,
    tag_values,
    task_values,
    timer_values,
)
from antiphon_sidecar.stores.postgres_statement import PARTS, Shape

#: By verdict. The lowest counts when a commit fails in several ways: the order of the checks.
_OUTCOMES = (Outcome.FENCED, Outcome.CONFLICT, Outcome.ROWS, Outcome.UNREAD)


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


def prepared(namespace: str, group: Sequence[Commit]) -> tuple[Shape, list[Any]]:
    """Return a group's shape and the arguments of its statement.

    `group` is in key order, which is the order of the locks; its ordinals count from 1.
    """
    fences = sorted({(commit.app, partition_of(commit.slot), commit.epoch) for commit in group})
    ordinals = {fence: ordinal for ordinal, fence in enumerate(fences, 1)}
    states = [
        (
            ordinals[commit.app, partition_of(commit.slot), commit.epoch],
            commit.app,
            commit.instance_id,
            commit.expect_incarnation,
            commit.expect_version,
            commit.known_inbox is not None,
        )
        for commit in group
    ]
    parts = _parts(list(enumerate(group, 1)))
    needed = {name: bool(rows) for name, rows in parts.items()}
    needed["strict"] = any(commit.known_inbox is not None for commit in group)
    values: list[Any] = [namespace, *zip(*fences, strict=True), *zip(*states, strict=True)]
    for name, columns in PARTS.items():
        if needed[name]:
            # A strict commit may have read nothing at all; its arrays are empty then.
            values += zip(*parts[name], strict=True) if parts[name] else [()] * len(columns)
    return Shape(**needed), values


def _parts(numbered: Sequence[tuple[int, Commit]]) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of each part of the statement."""
    inbox = [(row_id, n) for n, commit in numbered for row_id in commit.consume_inbox]
    return {
        "inbox": [(n, row_id) for row_id, n in sorted(inbox)],
        "tasks": _refs((n, commit.consume_tasks) for n, commit in numbered),
        "timers": _refs((n, commit.consume_timers) for n, commit in numbered),
        "strict": [
            (n, row_id)
            for n, commit in numbered
            if commit.known_inbox is not None
            for row_id in chain(commit.known_inbox, commit.consume_inbox)
        ],
        "creates": [
            (n, *instance_values(commit.row), commit.commit_id)
            for n, commit in numbered
            if commit.expect_version is None
        ],
        "updates": [
            (n, *instance_values(commit.row), commit.commit_id)
            for n, commit in numbered
            if commit.expect_version is not None
        ],
        "discard": [(n, row_id) for n, commit in numbered for row_id in commit.discard_inbox],
        "end": [
            (n, commit.app, commit.instance_id, commit.end_execution)
            for n, commit in numbered
            if commit.end_execution is not None
        ],
        "drop": [
            (n, commit.app, commit.instance_id, commit.row.incarnation, commit.row.generation)
            for n, commit in numbered
            if commit.drop_history
        ],
        "history": [_history(n, commit) for n, commit in numbered if commit.history is not None],
        "untag": [
            (n, commit.app, commit.instance_id)
            for n, commit in numbered
            if _retags(commit) and commit.expect_incarnation
        ],
        "new_tags": [(n, *values) for n, commit in numbered if _retags(commit) for values in tag_values(commit.row)],
        "new_tasks": [(n, *task_values(row)) for n, commit in numbered for row in commit.tasks],
        "new_timers": [(n, *timer_values(row)) for n, commit in numbered for row in commit.timers],
        "messages": [(n, *message_values(row)) for n, commit in numbered for row in commit.messages],
    }


def _retags(commit: Commit) -> bool:
    """Tell whether the rows that searches by tag look at are written: those of a new run always are."""
    return commit.retag or commit.expect_incarnation != commit.row.incarnation


def _history(n: int, commit: Commit) -> tuple[Any, ...]:
    key = (n, commit.app, commit.instance_id, commit.row.incarnation)
    return (*key, *history_values(commit.history))


def _refs(consumed: Iterable[tuple[int, Sequence[TaskRef]]]) -> list[tuple[Any, ...]]:
    rows = [(ref.app, ref.instance_id, ref.execution_id, ref.task_id, n) for n, refs in consumed for ref in refs]
    rows.sort()
    return [(n, *key) for *key, n in rows]


def outcomes(refused: Iterable[tuple[int, int]], *, count: int) -> list[Outcome]:
    """Return the outcomes by ordinal; a commit that the answer does not name has landed."""
    found = [Outcome.COMMITTED] * count
    for ordinal, verdict in refused:
        found[ordinal - 1] = _OUTCOMES[verdict]
    return found
