"""What clients may purge: one run, by force also one that has not ended, or every finished one that a filter names.

Used by `calls`. By force is one durable step: the request to end the run and the one to purge it then are written
together, so that a caller who dies in between leaves nothing half done.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from antiphon_sidecar.engine.events import TERMINAL, ExecutionTerminated, Status
from antiphon_sidecar.engine.messages import Kind, Message, Row
from antiphon_sidecar.runtime import purging, rows
from antiphon_sidecar.runtime.errors import not_finished
from antiphon_sidecar.runtime.parts import Parts
from antiphon_sidecar.runtime.purging import Purged
from antiphon_sidecar.stores.base import InboxRow, InstanceFilter, InstanceRow

#: Instances that are read, and purged, in one go.
_BATCH = 100
#: A purge by filter stops after this time; the caller asks for the rest.
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class PurgeFilter:
    """Which instances of an app: by creation time (nanoseconds, both inclusive), status and workflow; empty: any."""

    created_from: int | None = None
    created_to: int | None = None
    statuses: Collection[int] = ()
    name: str | None = None


class PurgeCalls:
    """The purges of one app."""

    def __init__(
        self,
        *,
        app: str,
        parts: Parts,
        post: Callable[[list[InboxRow]], Awaitable[bool]],
        ended: Callable[[str], Awaitable[None]],
    ) -> None:
        """Args: `post` writes rows of one instance, False when it has ended; `ended` waits for its end, a while."""
        self._app = app
        self._parts = parts
        self._store = parts.store
        self._post = post
        self._ended = ended

    async def one(self, instance_id: str, *, force: bool, recursive: bool, dry_run: bool = False) -> Purged:
        """Purge an instance; nothing is deleted when it is unknown.

        Raises:
            Refused: it has not finished, and `force` was not asked for.
        """
        row = await self._store.get_instance(app=self._app, instance_id=instance_id)
        if row is None:
            return Purged()
        if not force and Status(row.status) not in TERMINAL:
            raise not_finished(self._app, instance_id, Status(row.status).name)
        return await self._purge(row, recursive=recursive, dry_run=dry_run)

    async def many(
        self, wanted: PurgeFilter, *, force: bool, recursive: bool, dry_run: bool = False
    ) -> tuple[Purged, bool]:
        """Purge the finished instances that the filter names, by `force` the others too, in small batches.

        Returns what was purged and whether that was all; else the call is to be made again.
        """
        statuses = [int(s) for s in Status if force or s in TERMINAL]
        known = InstanceFilter(
            app=self._app,
            statuses=[s for s in statuses if not wanted.statuses or s in wanted.statuses],
            name=wanted.name,
        )
        purged, after = Purged(), None
        if not known.statuses:
            return purged, True
        deadline = self._parts.clock.monotonic() + _PATIENCE_S
        while True:
            page, after = await self._store.list_instances(known, limit=_BATCH, after=after)
            for row in page:
                if wanted.created_from is not None and row.created_at < wanted.created_from:
                    # Newest first: all that follow are older.
                    return purged, True
                if wanted.created_to is None or row.created_at <= wanted.created_to:
                    purged += await self._purge(row, recursive=recursive, dry_run=dry_run)
            if after is None:
                return purged, True
            if not dry_run and purged.deleted and self._parts.clock.monotonic() > deadline:
                return purged, False

    async def _purge(self, row: InstanceRow, *, recursive: bool, dry_run: bool) -> Purged:
        if dry_run:
            return Purged(1) + (await purging.survey(self._store, row) if recursive else Purged())
        now = self._parts.store_clock.now()
        if Status(row.status) in TERMINAL:
            return await purging.purge_run(self._store, row, recursive=recursive, now=now)
        found = await purging.survey(self._store, row) if recursive else Purged()
        if await self._post([self._termination(row, recursive=recursive, now=now), _request(row, recursive, now)]):
            await self._ended(row.instance_id)
        there = await self._store.get_instance(app=row.app, instance_id=row.instance_id)
        if there is not None and there.incarnation == row.incarnation:
            if Status(there.status) not in TERMINAL:
                return Purged(0, 1 + found.deleted + found.later)
            await purging.purge_run(self._store, there, recursive=recursive, now=now)
        # Its owner may have been faster: what is counted is what was there.
        return Purged(1) + found

    def _termination(self, row: InstanceRow, *, recursive: bool, now: int) -> InboxRow:
        event = ExecutionTerminated(now, None, recursive)
        message = Message(Kind.CONTROL, Row.INBOX, (event,), self._parts.clock.new_id(), row.incarnation)
        return rows.posted_row(row.app, row.instance_id, message)


def _request(row: InstanceRow, recursive: bool, now: int) -> InboxRow:
    return purging.request(row.app, row.instance_id, row.incarnation, recurse=recursive, now=now)
