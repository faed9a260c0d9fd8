"""What clients ask of an app: start, look, wait, raise, suspend, resume, terminate, purge.

At the owner a message goes straight into the next turn when one can begin now; in every other case it becomes an
inbox row first. Either way the call is answered only when it is durable, and keeps its message ID on every path, so
that a repeat has no effect (protocol.md 11).
"""

import asyncio
import base64
import functools
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine.events import (
    TERMINAL,
    Event,
    EventRaised,
    ExecutionResumed,
    ExecutionStarted,
    ExecutionSuspended,
    ExecutionTerminated,
    Failure,
    Status,
)
from antiphon_sidecar.engine.messages import Kind, Row
from antiphon_sidecar.engine.messages import Message as Incoming
from antiphon_sidecar.runtime import direct, rows
from antiphon_sidecar.runtime.errors import Exists, NotAdmitted, NotFound
from antiphon_sidecar.runtime.lane import Lane, Phase
from antiphon_sidecar.runtime.purgecalls import PurgeCalls, PurgeFilter
from antiphon_sidecar.runtime.purging import Purged
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.reruns import Rerun, rows_of_rerun
from antiphon_sidecar.runtime.starts import NewInstance as NewInstance
from antiphon_sidecar.runtime.starts import message_of_start, only_named, rows_of_start, state_of_start
from antiphon_sidecar.runtime.watch import End, Watch
from antiphon_sidecar.stores.base import InboxRow, InstanceFilter, InstanceRow, StartOutcome
from antiphon_sidecar.stores.errors import OutcomeUnknown
from antiphon_sidecar.stores.spent import START_WITHIN_NS

#: A start waits this long for the first turn before it is answered.
START_S = 5.0
_LIST_PAGE = 1_000
#: A start above this size is not sent along with the hint that tells of it.
_HINT_BYTES_MAX = 64 << 10
_REPEATS = 20
_REPEAT_S = 0.25

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An instance as a client sees it; `started` is there when payloads were asked for."""

    row: InstanceRow
    started: ExecutionStarted | None
    failure: Failure | None

    @property
    def status(self) -> Status:
        """Return the status."""
        return Status(self.row.status)


class Calls:
    """The client calls of one app, at one replica of it, or at a replica of another app of the same store."""

    def __init__(self, replica: Replica, *, app: str | None = None, patience_s: float = START_S) -> None:
        """`patience_s`: how long a call that is durable is still waited for to take effect."""
        self._replica = replica
        self._patience_s = patience_s
        self._store = replica.parts.store
        self._app = app or replica.identity.app
        self._own = self._app == replica.identity.app
        self._purges = PurgeCalls(app=self._app, parts=replica.parts, post=self._post_rows, ended=self._ended_or_gone)

    def _owned(self, instance_id: str) -> bool:
        """Tell whether this replica decides about the instance."""
        return self._own and self._replica.instances.owns(instance_id)

    def _lane(self, instance_id: str) -> Lane | None:
        return self._replica.instances.get(instance_id) if self._own else None

    async def start(self, new: NewInstance) -> str:
        """Start an instance and return its ID, durable; waits up to 5 s for its first turn.

        Raises:
            Exists: an active run has the ID, or any run when `unique` is asked for.
            NotAdmitted: the operator admits no new instances of the workflow.
        """
        await self._check_admission(new)
        clock, now = self._replica.parts.clock, self._replica.parts.store_clock.now()
        message = message_of_start(
            new, app=self._app, message_id=clock.new_id(), execution_id=clock.new_id().hex(), now=now
        )
        straight = new.scheduled_at is None and self._own and direct.can_begin(self._replica, new.instance_id, new.name)
        if not straight or not await direct.begin(self._replica, new.instance_id, message, patience_s=self._patience_s):
            await self._written(message, unique=new.unique)
        return new.instance_id

    async def _written(self, message: Incoming, *, unique: bool) -> None:
        """Begin a run by its rows."""
        row, start = rows_of_start(message, app=self._app)
        try:
            created = await self._write_start(row, start, unique=unique)
        except BaseException:
            direct.not_written(self._replica, row)
            raise
        finally:
            direct.over_with(self._replica, self._app, row.instance_id)
        if row.scheduled_at is not None:
            self._schedule(row.instance_id, row.scheduled_at)
        elif direct.written(self._replica, row):
            await self._until(row.instance_id, {Status.PENDING}, self._patience_s, or_gone=not created)
        else:
            await self._started(row, start, created=created)

    async def _check_admission(self, new: NewInstance) -> None:
        entry = self._replica.parts.registry.entry(self._app, new.name)
        if entry is None or entry.admit:
            return
        # Whoever repeats a start whose answer was lost must learn that it was carried out.
        known = await self._store.get_instance(app=self._app, instance_id=new.instance_id) if new.unique else None
        if known is not None:
            raise Exists(self._app, new.instance_id, finished=Status(known.status) in TERMINAL)
        raise NotAdmitted(self._app, new.name, reason=entry.reason, message=entry.message)

    async def _write_start(self, row: InstanceRow, start: InboxRow, *, unique: bool) -> bool:
        """Write a start, once, however often it is sent (`stores.spent`); False: an earlier copy had been written.

        Raises:
            Exists: the ID is taken.
            OutcomeUnknown: it was not taken for too long; an earlier copy of it may have been.
        """
        until = row.created_at + START_WITHIN_NS
        outcome = await self._known(
            lambda: self._store.start_instance(row=row, start=start, unique=unique, until=until)
        )
        if outcome in (StartOutcome.ACTIVE, StartOutcome.FINISHED):
            raise Exists(self._app, row.instance_id, finished=outcome is StartOutcome.FINISHED)
        if outcome is StartOutcome.LATE:
            raise OutcomeUnknown(
                f'the start of instance "{row.instance_id}" in app "{self._app}" did not reach the store within'
                f" {START_WITHIN_NS // 1_000_000_000} s, and is sent no more; an earlier copy of it may have taken"
                f" effect. Look with `antiphon workflow get {row.instance_id}`; start it again if it is not there."
            )
        return outcome is StartOutcome.CREATED

    async def _started(self, row: InstanceRow, start: InboxRow, *, created: bool) -> None:
        """Let the owner know of a start, and wait a while for its first turn."""
        if created:
            self._begin(row, start)
        else:
            # What an earlier copy began may be over, and gone: only the store knows.
            self._hint_or_read(only_named(start))
        await self._until(row.instance_id, {Status.PENDING}, self._patience_s, or_gone=not created)

    def _begin(self, row: InstanceRow, start: InboxRow) -> None:
        """Let the owner know; here, the row that was just written need not be read back."""
        instances = self._replica.instances
        lane = self._lane(row.instance_id)
        if not self._owned(row.instance_id):
            # A rerun carries a history, which is no load for a hint: the owner reads it.
            large = len(start.payload) > _HINT_BYTES_MAX
            self._replica.instance_written(only_named(start) if large else start, created_at=row.created_at)
        elif lane is not None and lane.phase is Phase.IDLE:
            instances.reload(lane)
        elif lane is not None:
            instances.deliver(row.instance_id, [rows.message_of(start)])
        else:
            message = rows.message_of(start)
            state = state_of_start(message, app=row.app, created_at=row.created_at)
            instances.deliver(row.instance_id, [message], state=state)

    def _schedule(self, instance_id: str, at: int) -> None:
        """Wake a scheduled start when it is near; one that is far is found by the sweep."""
        replica = self._replica
        if at <= replica.parts.store_clock.now() + 60_000_000_000 and self._owned(instance_id):
            replica.timers.arm(("start", instance_id), at, lambda: self._wake(instance_id))

    def _wake(self, instance_id: str) -> None:
        if self._replica.instances.deliver(instance_id, []) is not None:
            self._replica.instances.wake(instance_id)

    def _hint(self, row: InboxRow) -> None:
        self._replica.messages_committed([row])

    # messages

    async def raise_event(self, instance_id: str, name: str, input: str | None) -> None:
        """Raise an event; durable on return.

        Raises:
            NotFound: unknown or finished.
        """
        now = self._replica.parts.store_clock.now()
        await self._post(instance_id, EventRaised(now, name, input), Kind.EVENT)

    async def terminate(self, instance_id: str, output: str | None, *, recursive: bool) -> None:
        """Terminate an instance and wait for it to be recorded.

        Raises:
            NotFound: unknown or finished.
        """
        now = self._replica.parts.store_clock.now()
        await self._post(instance_id, ExecutionTerminated(now, output, recursive), Kind.CONTROL)
        await self._until(instance_id, set(Status) - TERMINAL, self._patience_s)

    async def suspend(self, instance_id: str, reason: str | None, *, recursive: bool = False) -> None:
        """Suspend an instance and wait for it to be recorded.

        Raises:
            NotFound: unknown or finished.
        """
        now = self._replica.parts.store_clock.now()
        await self._post(instance_id, ExecutionSuspended(now, reason, recursive), Kind.CONTROL)
        await self._until(instance_id, {Status.PENDING, Status.RUNNING, Status.STALLED}, self._patience_s)

    async def resume(self, instance_id: str, reason: str | None, *, recursive: bool = False) -> None:
        """Resume an instance, also one that stalled, and wait for it to be recorded.

        Raises:
            NotFound: unknown or finished.
        """
        now = self._replica.parts.store_clock.now()
        await self._post(instance_id, ExecutionResumed(now, reason, recursive), Kind.CONTROL)
        await self._until(instance_id, {Status.SUSPENDED, Status.STALLED}, self._patience_s)

    async def _post(self, instance_id: str, event: Event, kind: Kind) -> None:
        await direct.has_rows(self._replica, self._app, instance_id)
        message = Incoming(kind=kind, row=Row.NONE, events=(event,), message_id=self._replica.parts.clock.new_id())
        instances = self._replica.instances
        if self._own and direct.can_apply(self._replica, instance_id, control=kind is Kind.CONTROL):
            future = self._replica.expect_call(message.message_id)
            instances.deliver(instance_id, [message])
            if await future:
                return
        row = rows.posted_row(self._app, instance_id, message)
        (there,) = await self._known(lambda: self._store.post([row]))
        if not there:
            raise NotFound(self._app, instance_id)
        self._hint_or_read(row)

    async def _known(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write until the outcome is known; the row's ID makes a repeat harmless (protocol.md 11).

        Raises:
            StoreError: the store does not answer, or the outcome stays unknown for too long.
        """
        for _ in range(_REPEATS):
            try:
                return await write()
            except OutcomeUnknown:
                await asyncio.sleep(_REPEAT_S)
        return await write()

    def _hint_or_read(self, row: InboxRow) -> None:
        """Bring the row to the owner: here by reading the inbox, so that rows keep their order."""
        instances = self._replica.instances
        if not self._owned(row.instance_id):
            self._hint(row)
            return
        lane = self._lane(row.instance_id)
        if lane is None:
            instances.deliver(row.instance_id, [])
        else:
            self._replica.read_inbox(lane)

    # looking

    async def get(self, instance_id: str, *, payloads: bool) -> Snapshot | None:
        """Return an instance; None when it is unknown. `started`, and with it the input, only with `payloads`."""
        await direct.has_rows(self._replica, self._app, instance_id)
        row = await self._store.get_instance(app=self._app, instance_id=instance_id)
        if row is None:
            return None
        started = await self._begun(row) if payloads else None
        return Snapshot(row, started, codec.unseal_failure(row.failure))

    async def _begun(self, row: InstanceRow) -> ExecutionStarted | None:
        """Return how the generation began."""
        # In its first turn; only one that stalled before its start has turns without it.
        for most in (1, None):
            for batch in await self._store.history(app=self._app, instance_id=row.instance_id, limit=most):
                if (started := rows.started_event(codec.unpack(batch.events))) is not None:
                    return started
        return await self._waiting_start(row)

    async def _waiting_start(self, row: InstanceRow) -> ExecutionStarted | None:
        for waiting in await self._store.load_inbox(app=self._app, instance_id=row.instance_id, limit=1):
            event = rows.message_of(waiting).events[0]
            if isinstance(event, ExecutionStarted):
                return event
        return None

    async def history(self, instance_id: str) -> Sequence[bytes]:
        """Return the committed events of the current generation, oldest first.

        Raises:
            NotFound: unknown.
        """
        await direct.has_rows(self._replica, self._app, instance_id)
        if await self._store.get_instance(app=self._app, instance_id=instance_id) is None:
            raise NotFound(self._app, instance_id)
        batches = await self._store.history(app=self._app, instance_id=instance_id)
        return [raw for batch in batches for raw in codec.unpack(batch.events)]

    async def list_ids(self, *, size: int | None, token: str | None) -> tuple[list[str], str | None]:
        """Return IDs newest first and the token of the next page; without a size, all of them.

        Raises:
            ValueError: the token is none of ours.
        """
        after = base64.urlsafe_b64decode(token.encode()) if token else None
        found: list[str] = []
        while True:
            wanted = min(size - len(found), _LIST_PAGE) if size else _LIST_PAGE
            page, after = await self._store.list_instances(InstanceFilter(app=self._app), limit=wanted, after=after)
            found.extend(row.instance_id for row in page)
            if after is None or (size and len(found) >= size):
                break
        return found, None if after is None else base64.urlsafe_b64encode(after).decode()

    def new_id(self) -> bytes:
        """Return 16 bytes for an instance that was given no ID."""
        return self._replica.parts.clock.new_id()

    def new_instance_id(self, name: str) -> str:
        """Return an ID for an instance of this workflow that was given none."""
        return direct.near_id(self._replica, name) if self._own else self.new_id().hex()

    async def wait_started(self, instance_id: str, *, payloads: bool) -> Snapshot:
        """Wait until the instance is no longer PENDING; for ever, when it never comes to be."""
        return await self._when(instance_id, {Status.PENDING}, payloads=payloads)

    async def wait_finished(self, instance_id: str, *, payloads: bool) -> Snapshot:
        """Wait until the instance has ended; for ever, when it never comes to be."""
        return await self._when(instance_id, set(Status) - TERMINAL, payloads=payloads)

    async def _when(self, instance_id: str, leaves: set[Status], *, payloads: bool) -> Snapshot:
        """Return the instance once its status is none of `leaves`.

        Raises:
            NotFound: it was so, and is gone.
        """
        while True:
            end = await self._until(instance_id, leaves, None)
            started = rows.started_event(end.events) if end is not None and payloads else None
            if end is not None and (started is not None or not payloads):
                return Snapshot(end.row, started, codec.unseal_failure(end.row.failure))
            found = await self.get(instance_id, payloads=payloads)
            if found is None:
                raise NotFound(self._app, instance_id)
            if found.status not in leaves:
                return found
            # It was told of a run that has ended, and the ID has another one since.

    async def _until(
        self, instance_id: str, leaves: set[Status], seconds: float | None, *, or_gone: bool = False
    ) -> End | None:
        """Wait until the status is none of `leaves`, or the time is over; `or_gone`: or there is no such instance.

        Returns the end, where this replica has just committed it.
        """
        watch = Watch(self._app, instance_id, frozenset(leaves), or_gone=or_gone)
        elsewhere = self._replica.elsewhere
        read = functools.partial(self._status, instance_id)
        look = not elsewhere.begin(watch)
        now = asyncio.get_running_loop().time
        until = math.inf if seconds is None else now() + seconds
        try:
            while True:
                if look:
                    async with asyncio.timeout(None if seconds is None else until - now()):
                        await watch.look(read)
                if not watch.waits:
                    return watch.end
                left_s = until - now()
                if left_s <= 0:
                    return None
                in_time = await watch.changed(within_s=min(elsewhere.patience_s(watch), left_s))
                look = False
                if watch.doubtful or not in_time:
                    look = not (elsewhere.ask(watch) and in_time)
        except TimeoutError:
            return None
        finally:
            elsewhere.end(watch)

    async def _status(self, instance_id: str) -> Status | None:
        """Return the committed status: from memory where that is no end."""
        lane = self._lane(instance_id)
        if lane is not None and lane.status is not None and lane.status not in TERMINAL:
            return lane.status
        row = await self._store.get_instance(app=self._app, instance_id=instance_id)
        return Status(row.status) if row is not None else None

    # again and ending

    async def rerun(self, wish: Rerun) -> str:
        """Run a finished instance again, from an event or from its start; return the new run's instance ID.

        Raises:
            NotFound: no such instance.
            Refused: it has not finished.
            Unfit: it has no such event, or what is asked does not fit it.
            Exists: the new ID is taken.
        """
        clock = self._replica.parts.clock
        row, start = await rows_of_rerun(
            self._store,
            wish,
            app=self._app,
            namespace=self._replica.identity.namespace,
            new_id=clock.new_id(),
            execution_id=clock.new_id().hex(),
            now=self._replica.parts.store_clock.now(),
        )
        unique = wish.instance_id is not None
        created = await self._write_start(row, start, unique=unique)
        await self._started(row, start, created=created)
        return row.instance_id

    async def purge(self, instance_id: str, *, force: bool, recursive: bool = False, dry_run: bool = False) -> Purged:
        """Delete a finished instance with all its rows; `recursive`: its children too, in whatever app.

        Raises:
            Refused: it has not finished, and `force` was not asked for.
        """
        await direct.has_rows(self._replica, self._app, instance_id)
        return await self._purges.one(instance_id, force=force, recursive=recursive, dry_run=dry_run)

    async def purge_many(
        self, wanted: PurgeFilter, *, force: bool, recursive: bool, dry_run: bool = False
    ) -> tuple[Purged, bool]:
        """Delete the finished instances that a filter names; also returns whether that was all."""
        return await self._purges.many(wanted, force=force, recursive=recursive, dry_run=dry_run)

    async def _post_rows(self, made: list[InboxRow]) -> bool:
        there = await self._known(lambda: self._store.post(made))
        if all(there):
            self._hint_or_read(made[0])
        return all(there)

    async def _ended_or_gone(self, instance_id: str) -> None:
        await self._until(instance_id, set(Status) - TERMINAL, self._patience_s, or_gone=True)
