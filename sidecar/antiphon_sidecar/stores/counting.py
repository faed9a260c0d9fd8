"""The part of the store contract that counts, and tells what kind of store it is: for status pages, never for a turn.

Costs what is unfinished or failed lately, not what the store holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NameCounts:
    """How many instances of a workflow there are that have not ended, and how many failed since a given time.

    `running` has those that wait for their first turn too. `oldest_created_at`: of those that have not ended.
    """

    app: str
    name: str
    running: int = 0
    suspended: int = 0
    stalled: int = 0
    failed: int = 0
    oldest_created_at: int | None = None


@dataclass(frozen=True, slots=True)
class OpenTasks:
    """How many calls to an app have no result yet, wherever they are, and when the oldest was asked for."""

    app: str
    count: int = 0
    oldest_created_at: int | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What kind of store it is. `newest_schema_version`: the one that this release would bring it to."""

    backend: str
    server_version: str
    schema_version: int
    newest_schema_version: int


class CountStore(Protocol):
    """What a store counts."""

    async def count_instances(self, *, apps: Sequence[str], failed_since: int) -> Sequence[NameCounts]:
        """Return the workflows of these apps that have an instance to count, by app and name."""

    async def count_tasks(self, *, apps: Sequence[str]) -> Sequence[OpenTasks]:
        """Return each of these apps, in the order given, with the calls addressed to it."""

    async def about(self) -> About:
        """Ask the store about itself."""
