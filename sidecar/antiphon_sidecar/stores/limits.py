"""The part of the store contract that is about concurrency limits: how many of a name run at once, over all replicas.

A grant is a row, so that the limit holds whoever asks. Names without a limit never come here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol


class GrantKind(IntEnum):
    """What a concurrency limit is on."""

    ACTIVITY = 0
    WORKFLOW = 1


@dataclass(frozen=True, slots=True)
class Limited:
    """A name of an app with a limit on how many run at once, over all replicas."""

    app: str
    kind: GrantKind
    name: str
    most: int


@dataclass(frozen=True, slots=True)
class Grant:
    """One that may run: `holder` and `mark` are a task's key and attempt, or an instance ID and its incarnation (hex).

    `lapses_ns`: how long an activity may go on when its replica is gone.
    """

    holder: str
    mark: str
    lapses_ns: int = 0


class GrantStore(Protocol):
    """What a store does for limits."""

    async def acquire_grants(
        self, limited: Limited, *, replica: str, gone_ns: int, grants: Sequence[Grant]
    ) -> Sequence[bool]:
        """Give grants, in their order, as long as fewer than `most` are out; one that is out already is given again.

        What is void is taken back first. An activity's: its replica wrote no heartbeat row for `gone_ns` and the
        grant's `lapses_ns` on top, or has none and the grant is older than `lapses_ns`. A workflow's: the run has
        ended, or does not exist.
        """

    async def release_grants(self, items: Sequence[tuple[Limited, Grant]]) -> None:
        """Take grants back; those that are not out are skipped."""
