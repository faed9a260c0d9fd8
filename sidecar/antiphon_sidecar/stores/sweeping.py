"""The part of the store contract that sweeps use. `base` has it whole, and the rows."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from antiphon_sidecar.engine.ids import TaskRef
from antiphon_sidecar.stores.asking import Cursor, Page

if TYPE_CHECKING:
    from antiphon_sidecar.stores.base import InboxRow, TaskRow, TimerRow


class SweptStore(Protocol):
    """The part of a store that sweeps use: one range per app and table on due_at, filtered by owned partitions."""

    async def any_due(self, *, app: str, partitions: Collection[int], until: int, timers_until: int) -> bool:
        """Tell whether there is an inbox or task row with due_at <= until, or a timer row <= timers_until."""

    async def due_inbox(
        self, *, app: str, partitions: Collection[int], until: int, limit: int, after: Cursor | None
    ) -> "Page[InboxRow]":
        """Return inbox rows with due_at <= until."""

    async def due_tasks(
        self, *, app: str, partitions: Collection[int], until: int, limit: int, after: Cursor | None
    ) -> "Page[TaskRow]":
        """Return task rows with due_at <= until."""

    async def due_timers(
        self, *, app: str, partitions: Collection[int], until: int, limit: int, after: Cursor | None
    ) -> "Page[TimerRow]":
        """Return timer rows with due_at <= until."""

    async def defer_inbox(self, items: Sequence[tuple[bytes, int]]) -> None:
        """Move (row_id, due_at); rows that are gone are skipped."""

    async def defer_tasks(self, items: Sequence[tuple[TaskRef, int]]) -> None:
        """Move (task, due_at); rows that are gone are skipped."""

    async def defer_timers(self, items: Sequence[tuple[TaskRef, int]]) -> None:
        """Move (timer, due_at); rows that are gone are skipped. The payload keeps the time it fires."""

    async def release_tasks(self, *, app: str, target_app: str, now: int) -> int:
        """Make all rows of caller `app` for `target_app` due now; return how many."""

    async def drop_orphans(
        self,
        *,
        epochs: Mapping[tuple[str, int], int],
        inbox: "Sequence[InboxRow]",
        tasks: "Sequence[TaskRow]",
        timers: "Sequence[TimerRow]",
    ) -> int:
        """Delete those rows whose run does not exist any more (rule 1); START rows are never dropped.

        Decided by the store in one statement against the instance rows, under the fence.
        """
