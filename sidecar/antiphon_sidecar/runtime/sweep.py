"""The sweep: finds in the store whatever the fast path lost; costs nothing when nothing is due.

Each second, one range per table on (app, due_at), filtered by owned partitions, 500 rows a page. A row that is handed
over moves on with backoff, so that rows nobody can take do not hide the rest (protocol.md 4).
"""

import asyncio
import dataclasses
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Collection, Hashable, Iterable
from typing import Protocol, TypeVar

from antiphon_names import errors as codes
from antiphon_names.hashing import partition_of
from antiphon_sidecar.engine.events import ExecutionStarted, Failure
from antiphon_sidecar.runtime import deadlines, rows
from antiphon_sidecar.runtime.dispatch import Dispatcher
from antiphon_sidecar.runtime.doubts import outcome_waits
from antiphon_sidecar.runtime.handover import Handover
from antiphon_sidecar.runtime.instances import Instances
from antiphon_sidecar.runtime.lane import Lane
from antiphon_sidecar.runtime.ownership import Ownership
from antiphon_sidecar.runtime.parts import Identity, Parts
from antiphon_sidecar.stores import spent
from antiphon_sidecar.stores.base import NEVER, Cursor, InboxKind, InboxRow, Page, TaskRow, TimerRow
from antiphon_sidecar.stores.errors import StoreError

logger = logging.getLogger(__name__)

R = TypeVar("R")

_PAGE = 500
_NS = 1_000_000_000
_BACKOFF_MAX_S = 60
_SEEN_MAX = 50_000
#: Sweeps between two writes of what activities say of their progress.
_DETAILS_ROUNDS = 5


class _Due(Protocol[R]):
    """One of the store's three sweeps."""

    def __call__(
        self, *, app: str, partitions: Collection[int], until: int, limit: int, after: Cursor | None
    ) -> Awaitable[Page[R]]: ...


class Grants(Protocol):
    """The limits of an app, and those who wait for a grant."""

    def follow(self) -> None:
        """Take over what the limits are now."""

    def retry(self) -> None:
        """Ask again for all of them."""


class Owner(Protocol):
    """What a sweep needs of the replica that it belongs to."""

    identity: Identity
    parts: Parts
    ownership: Ownership
    instances: Instances
    dispatcher: Dispatcher
    handover: Handover

    @property
    def limiting(self) -> Grants:
        """Return those who wait for a grant."""

    def read_inbox(self, lane: Lane) -> None:
        """Read the inbox of a lane in memory."""

    def arm(self, row: TimerRow) -> None:
        """Fire a timer row at its time."""

    def dispatch_again(self, row: TaskRow) -> None:
        """Dispatch a task under a new attempt."""

    def fail_task(self, row: TaskRow, failure: Failure) -> None:
        """Let a task fail without a worker's word."""


class Sweep:
    """One replica's sweep over the partitions it owns."""

    def __init__(self, replica: Owner) -> None:
        self._replica = replica
        self._wake = asyncio.Event()
        self._seen: OrderedDict[Hashable, int] = OrderedDict()
        self._rounds = 0
        self._fresh: set[int] = set()

    @property
    def horizon_ns(self) -> int:
        """Return how far ahead timers are armed, in nanoseconds: two sweeps."""
        return int(self._replica.parts.limits.sweep_s * 2 * _NS)

    @property
    def _under_way_ns(self) -> int:
        """Return for how long what has become due is left to the fast path."""
        return self.horizon_ns // 4

    def soon(self) -> None:
        """Sweep at once: what had to wait may go on."""
        self._wake.set()

    def taken(self, partitions: Iterable[int]) -> None:
        """Sweep at once, and in these partitions also what their last owner let rest (protocol.md 4)."""
        self._fresh.update(partitions)
        self._wake.set()

    async def run(self) -> None:
        """Sweep until cancelled."""
        clock, limits = self._replica.parts.clock, self._replica.parts.limits
        while True:
            try:
                await self.once()
            except StoreError as error:
                logger.warning("a sweep failed", extra={"error": str(error)})
            try:
                async with asyncio.timeout(limits.sweep_s * (0.75 + 0.5 * clock.jitter())):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def once(self) -> None:
        """Look through all tables once."""
        parts = self._replica.parts
        if self._rounds % 10 == 0:
            await parts.store_clock.refresh(parts.store)
        if self._rounds % 3 == 0:
            await parts.known_apps.refresh()
            await parts.registry.refresh()
            self._replica.limiting.follow()
        if self._rounds % _DETAILS_ROUNDS == 0:
            await self._save_details()
        self._rounds += 1
        owned = sorted(self._replica.ownership.epochs)
        fresh, self._fresh = self._fresh & set(owned), set()
        now = parts.store_clock.now()
        try:
            if fresh:
                await self._look(sorted(fresh), now, until=now + _BACKOFF_MAX_S * _NS)
                await self._look_at_timers(sorted(fresh), now)
        except StoreError:
            self._fresh |= fresh
            raise
        if owned:
            await self._look_at_all(owned, now)
        self._replica.dispatcher.retry_held()
        self._replica.limiting.retry()
        self._check_unregistered()

    async def _look_at_all(self, owned: list[int], now: int) -> None:
        """Look at what is due in all partitions; one question, where as a rule nothing is."""
        app, store = self._replica.identity.app, self._replica.parts.store
        until, timers_until = now - self._under_way_ns, now + self.horizon_ns
        if await store.any_due(app=app, partitions=owned, until=until, timers_until=timers_until):
            await self._look(owned, now, until=until)
            async for timers in self._pages(store.due_timers, owned, timers_until):
                await self._timers_page(timers, now)

    async def _save_details(self) -> None:
        details = self._replica.dispatcher.unsaved_details()
        if details:
            await self._replica.parts.store.note_details(details)

    async def _look(self, partitions: list[int], now: int, *, until: int) -> None:
        store = self._replica.parts.store
        swept = self._replica.instances.figures.swept
        async for inbox in self._pages(store.due_inbox, partitions, until):
            swept["inbox"] += len(inbox)
            await self._inbox_page(inbox, now)
        async for tasks in self._pages(store.due_tasks, partitions, until):
            swept["tasks"] += len(tasks)
            await self._tasks_page(tasks, now)

    async def _look_at_timers(self, partitions: list[int], now: int) -> None:
        """Arm the timers that fire soon or have fired, however long their last owner let them rest."""
        until = now + _BACKOFF_MAX_S * _NS
        async for timers in self._pages(self._replica.parts.store.due_timers, partitions, until):
            for row in timers:
                at = rows.fires_at(row)
                if at <= now + self.horizon_ns:
                    self._replica.arm(dataclasses.replace(row, due_at=at))

    def _delay_ns(self, key: Hashable) -> tuple[int, int]:
        """Return how often a row was seen before, and how long it may rest now."""
        times = self._seen.pop(key, 0)
        self._seen[key] = times + 1
        while len(self._seen) > _SEEN_MAX:
            self._seen.popitem(last=False)
        return times, min(1 << min(times + 1, 6), _BACKOFF_MAX_S) * _NS

    async def _pages(self, due: "_Due[R]", owned: list[int], until: int) -> AsyncIterator[tuple[R, ...]]:
        """Yield what is due, page by page, going on from where the last page ended."""
        app = self._replica.identity.app
        after: Cursor | None = None
        while True:
            page = await due(app=app, partitions=owned, until=until, limit=_PAGE, after=after)
            if page.rows:
                yield page.rows
            if page.cursor is None:
                return
            after = page.cursor

    def _epochs(self) -> dict[tuple[str, int], int]:
        app = self._replica.identity.app
        return {(app, partition): epoch for partition, epoch in self._replica.ownership.epochs.items()}

    # inbox

    async def _inbox_page(self, page: tuple[InboxRow, ...], now: int) -> None:
        later: list[tuple[bytes, int]] = []
        suspects: list[InboxRow] = []
        # A partition that was just taken is looked at ahead of its time.
        forgotten = [row for row in page if row.instance_id == spent.NOBODY and row.due_at <= now]
        for row in page:
            if row.instance_id == spent.NOBODY:
                continue
            scheduled = scheduled_at(row)
            if scheduled is not None and scheduled > now + _BACKOFF_MAX_S * _NS:
                later.append((row.row_id, scheduled - _BACKOFF_MAX_S * _NS // 2))
                continue
            times, delay = self._delay_ns(row.row_id)
            later.append((row.row_id, now + delay))
            if times > 0:
                suspects.append(row)
            lane = self._replica.instances.get(row.instance_id)
            if lane is None:
                self._replica.instances.deliver(row.instance_id, [])
            elif row.row_id not in lane.known_rows:
                self._replica.read_inbox(lane)
        store = self._replica.parts.store
        await store.defer_inbox(later)
        if forgotten:
            await store.drop_orphans(epochs=self._epochs(), inbox=forgotten, tasks=(), timers=())
        if suspects:
            await self._drop_orphans(inbox=suspects)

    async def _drop_orphans(
        self,
        *,
        inbox: list[InboxRow] | None = None,
        tasks: list[TaskRow] | None = None,
        timers: list[TimerRow] | None = None,
    ) -> None:
        dropped = await self._replica.parts.store.drop_orphans(
            epochs=self._epochs(), inbox=inbox or (), tasks=tasks or (), timers=timers or ()
        )
        if dropped:
            logger.info("rows without an instance were dropped", extra={"rows": dropped})

    # tasks

    async def _tasks_page(self, page: tuple[TaskRow, ...], now: int) -> None:
        replica = self._replica
        later = []
        suspects = []
        for row in page:
            times, delay = self._delay_ns(row.ref)
            later.append((row.ref, _before_deadline(row, now, now + delay)))
            if replica.dispatcher.knows(row.ref):
                replica.dispatcher.remind(row.ref)
                continue
            if outcome_waits(replica.instances, row.ref):
                continue
            late = replica.dispatcher.overdue(row)
            holder = replica.handover.holder(row.ref)
            if holder is not None:
                replica.dispatcher.adopt(row, holder)
            elif not replica.handover.may_redispatch(partition_of(row.slot)):
                # For the next sweep, which comes as soon as the last answer is there.
                later[-1] = (row.ref, now - self._under_way_ns)
                self._seen.pop(row.ref, None)
            elif late is not None:
                replica.fail_task(row, late)
            elif times > 1:
                suspects.append(row)
                replica.dispatch_again(row)
            elif replica.dispatcher.has_room(row.instance_id):
                replica.dispatch_again(row)
        await replica.parts.store.defer_tasks(later)
        if suspects:
            await self._drop_orphans(tasks=suspects)

    # timers

    async def _timers_page(self, page: tuple[TimerRow, ...], now: int) -> None:
        """Arm timers; those that are overdue and armed already rest for a while, so that they do not hide the rest."""
        store = self._replica.parts.store
        suspects: list[TimerRow] = []
        later = []
        for row in page:
            self._replica.instances.figures.swept["timers"] += 1
            if row.due_at <= now:
                times, delay = self._delay_ns(row.ref)
                later.append((row.ref, now + delay))
                if times > 0:
                    suspects.append(row)
            self._replica.arm(row)
        if later:
            await store.defer_timers(later)
        if suspects:
            await self._drop_orphans(timers=suspects)

    # names

    def _check_unregistered(self) -> None:
        """Fail instances that have not started and whose name no worker of the app offers."""
        replica = self._replica
        app = replica.identity.app
        view = replica.parts.coordinator.view()
        connected = [r for r in view.of_app(app) if r.workers > 0]
        if not connected or any(not r.declares for r in connected):
            return
        settled = replica.parts.clock.monotonic() - view.changed_at.get(app, 0.0)
        if settled < replica.parts.limits.names_settle_s:
            return
        if replica.parts.registry.unsure_of(app):
            return
        offered = {name for r in connected for name in r.workflows}
        for lane in list(replica.instances.line.absent.values()):
            name = rows.name_of(lane.state, lane.queue)
            if name is not None and name not in offered and not replica.parts.registry.declares(app, workflow=name):
                replica.instances.fail_unregistered(lane, _not_registered(app, lane.instance_id, name, offered))


def _before_deadline(row: TaskRow, now: int, due_at: int) -> int:
    """Return when to look at a task again: not after its next deadline."""
    deadline = deadlines.nearest(row)
    return due_at if deadline is None or deadline.at <= now else min(due_at, deadline.at)


def scheduled_at(row: InboxRow) -> int | None:
    """Return when a START row is to begin, None for other rows and for starts at once."""
    if row.kind is not InboxKind.START:
        return None
    started = rows.message_of(row).events[0]
    if not isinstance(started, ExecutionStarted) or started.scheduled_at is None:
        return None
    return min(started.scheduled_at, NEVER)


def _not_registered(app: str, instance_id: str, name: str, offered: set[str]) -> Failure:
    return Failure(
        error_type=codes.WORKFLOW_NOT_REGISTERED.name,
        message=(
            f'{codes.WORKFLOW_NOT_REGISTERED}: instance "{instance_id}" ({app}) is to run workflow "{name}", but '
            f"{app} offers: {codes.listing(offered)}.{codes.nearest(name, offered)} The instance has failed. Fix the "
            f"name where it is started, or register it in {app}."
        ),
        code=codes.WORKFLOW_NOT_REGISTERED.number,
    )
