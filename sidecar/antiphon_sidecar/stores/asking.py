"""What is asked of a store that answers in pages: sweeps, lists and retention.

A part of the contract, which `base` has whole; there are the rows that the answers hold.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a sweep's page ended: continue behind (`due_at`, `key`). `key` is opaque to the caller."""

    due_at: int
    key: tuple[str | int | bytes, ...]


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Rows in (due_at, key) order; `cursor` is None when the page was not full."""

    rows: tuple[R, ...]
    cursor: Cursor | None


@dataclass(frozen=True, slots=True)
class InstanceFilter:
    """Which instances a list holds: those that fit all of it; None or empty means any.

    Times are from (inclusive) and until (exclusive). `tags`: (name, value) pairs, compared whole. `parent`: app and
    ID of the instance that started them. `roots`: only those that no instance started. `waiting_on`: why they cannot
    go on, by the name of a code. `waiting_for_app`: those with an activity that this app has yet to answer.
    """

    app: str | None = None
    statuses: Collection[int] = field(default=())
    name: str | None = None
    created_from: int | None = None
    created_until: int | None = None
    completed_from: int | None = None
    completed_until: int | None = None
    tags: Sequence[tuple[str, str]] = field(default=())
    parent: tuple[str, str] | None = None
    roots: bool = False
    id_prefix: str = ""
    waiting_on: str | None = None
    waiting_for_app: str | None = None


@dataclass(frozen=True, slots=True)
class Old:
    """Which runs a batch of `retire` looks at: up to `limit` of an app that ended with `status` at or before `until`.

    In the order of their ends, behind `after`. `partitions`: those that the caller owns. `named`: workflows with a time
    of their own, by name; what has not ended at or before it stays.
    """

    app: str
    partitions: Collection[int]
    status: int
    until: int
    limit: int
    after: Cursor | None = None
    named: Mapping[str, int] = field(default_factory=dict)

    def until_of(self, name: str) -> int:
        """Return the time until which runs of a workflow have ended that may go."""
        return self.named.get(name, self.until)

    @property
    def until_most(self) -> int:
        """Return the latest of all times: nothing that ended later needs to be looked at."""
        return max([self.until, *self.named.values()])


@dataclass(frozen=True, slots=True)
class Retired:
    """What one batch of `retire` did: the runs that it deleted, and where to go on, None at the end."""

    deleted: int
    cursor: Cursor | None
