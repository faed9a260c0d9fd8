"""The caller's side of tasks: which replica runs each, what waits and why, what is dispatched again.

A task without credit stays a row: only `tasks_in_memory_max` tasks are held here, the sweep brings the others when
there is room. Decisions follow design.md section 5; nothing here awaits.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from antiphon_names import errors as codes
from antiphon_names import reasons
from antiphon_names.hashing import partition_of
from antiphon_sidecar.coordination.base import Registration, View
from antiphon_sidecar.engine.events import Failure
from antiphon_sidecar.engine.outcome import Call
from antiphon_sidecar.peers.base import Cancel, Dispatch, Message, Progress, Verdict
from antiphon_sidecar.runtime import deadlines
from antiphon_sidecar.runtime.callrules import CallRules, activity_not_registered
from antiphon_sidecar.runtime.clock import Clock, StoreClock
from antiphon_sidecar.runtime.placing import Placing
from antiphon_sidecar.settings import Limits
from antiphon_sidecar.stores.base import TaskRef, TaskRow

_NS = 1_000_000_000
#: The reason of tasks whose target has workers, but no credit left for this caller.
_BACKLOG = reasons.BACKLOG.name
#: How long a target may take to say that a task which should have begun has begun.
_ANSWER_NS = _NS


@dataclass(slots=True)
class Outstanding:
    """A task that was handed to a replica and has no result yet; the times are what that replica said, if anything.

    `details`: what the activity last said of its progress; `unsaved`: the store does not have it yet. `asked`: whether
    the replica was reminded because a worker should have begun by now.
    """

    row: TaskRow
    replica: str
    started_at: int | None = None
    beat_at: int | None = None
    details: bytes | None = None
    unsaved: bool = False
    asked: bool = False
    waits_for: str = ""

    def latest(self) -> TaskRow:
        """Return the row with the newest details."""
        return self.row if self.details is None else replace(self.row, details=self.details)


@dataclass(frozen=True, slots=True)
class Held:
    """A task that waits; `reason` is a code's name."""

    row: TaskRow
    reason: str


@dataclass(frozen=True, slots=True)
class UnknownApps:
    """What happens to calls to an app that was never seen."""

    fails: bool = True
    grace_s: float = 5.0


class Alarms(Protocol):
    """Calls back at store times; `timers.Timers` is one."""

    def arm(self, key: Hashable, at: int, call: Callable[[], None]) -> None:
        """Call back at or after a store time; an armed key stays as it is."""

    def disarm(self, key: Hashable) -> None:
        """Forget a key."""


class Dispatcher:
    """One app's tasks at this replica."""

    def __init__(
        self,
        *,
        placing: Placing,
        clock: Clock,
        store_clock: StoreClock,
        limits: Limits,
        unknown_apps: UnknownApps,
        view: Callable[[], View],
        rules: CallRules,
        send: Callable[[str, Message], None],
        fail: Callable[[TaskRow, Failure], None],
        alarms: Alarms,
    ) -> None:
        self._app = placing.app
        self.placing = placing
        self._clock = clock
        self._store_clock = store_clock
        self._limits = limits
        self._unknown = unknown_apps
        self._view = view
        self._rules = rules
        self._send = send
        self._fail = fail
        self._alarms = alarms
        self.outstanding: dict[TaskRef, Outstanding] = {}
        self.held: OrderedDict[TaskRef, Held] = OrderedDict()
        #: By target app, then by instance: held tasks that only wait for credit; instances take turns to get it.
        self._backlog: dict[str, OrderedDict[str, OrderedDict[TaskRef, None]]] = {}
        #: Timed out, and not yet durably so: those who run them hear of it afterwards.
        self._expired: dict[TaskRef, Outstanding] = {}
        self._per_replica: dict[str, int] = {}
        self._by_instance: dict[str, set[TaskRef]] = {}
        #: By partition, the store time of the last commit that the fence let through: it was this replica's then.
        self._owned_at: dict[int, int] = {}

    def owned(self, partition: int, at: int) -> None:
        """Note that the store took a commit of this owner that was made at a store time."""
        self._owned_at[partition] = max(at, self._owned_at.get(partition, 0))

    def offer(self, tasks: Iterable[TaskRow]) -> None:
        """Take up tasks that have just been committed, or whose attempt was just raised."""
        for row in tasks:
            if self.knows(row.ref):
                continue
            if self.has_room(row.instance_id):
                self._place(row)

    def knows(self, ref: TaskRef) -> bool:
        """Tell whether the task is in memory here."""
        return ref in self.outstanding or ref in self.held

    def remind(self, ref: TaskRef) -> None:
        """Send a dispatch once more, in case it was lost; a target that has the task drops it."""
        entry = self.outstanding.get(ref)
        if entry is not None:
            self._send(entry.replica, self._dispatch_of(entry.row))

    def remind_all(self, replica: str) -> None:
        """Send a replica all dispatches once more: it is reached again after some may have been lost."""
        for ref in [ref for ref, entry in self.outstanding.items() if entry.replica == replica]:
            self.remind(ref)

    def has_room(self, instance_id: str = "") -> bool:
        """Tell whether there is room for more tasks; one instance alone may not take all of it."""
        most = self._limits.tasks_in_memory_max
        if len(self._by_instance.get(instance_id, ())) >= max(most // 2, 1):
            return False
        return len(self.outstanding) + len(self.held) < most

    def adopt(self, row: TaskRow, replica: str) -> None:
        """Note that a replica already has this task in hand (protocol.md 19)."""
        self.forget(row.ref)
        self._track(row, replica)

    def done(self, ref: TaskRef) -> None:
        """Drop a task that has its result; the credit goes to the next one for that app."""
        expired = self._expired.pop(ref, None)
        if expired is not None:
            self._send(expired.replica, Cancel(ref))
        entry = self.outstanding.get(ref)
        self.forget(ref)
        self._refill(entry)

    def _refill(self, entry: Outstanding | None) -> None:
        backlog = self._backlog.get(entry.row.target_app) if entry is not None else None
        if backlog:
            instance_id, refs = next(iter(backlog.items()))
            backlog.move_to_end(instance_id)
            held = self._release(next(iter(refs)))
            assert held is not None
            self._place(held.row)

    def forget(self, ref: TaskRef) -> None:
        """Drop a task whose result nobody wants here any more."""
        entry = self.outstanding.pop(ref, None)
        if entry is not None:
            self._per_replica[entry.replica] -= 1
            if entry.row.timed:
                self._alarms.disarm(("task", ref))
        self._release(ref)
        refs = self._by_instance.get(ref.instance_id)
        if refs is not None:
            refs.discard(ref)
            if not refs:
                del self._by_instance[ref.instance_id]

    def forget_execution(self, instance_id: str, execution_id: str) -> None:
        """Drop all tasks of a generation that has ended, and tell those who run them."""
        refs = [r for r in self._by_instance.get(instance_id, ()) if r.execution_id == execution_id]
        running = [self.outstanding[ref] for ref in refs if ref in self.outstanding]
        for ref in refs:
            self.forget(ref)
        for entry in running:
            self._send(entry.replica, Cancel(entry.row.ref))
            self._refill(entry)

    def forget_if(self, gone: Callable[[TaskRow], bool]) -> None:
        """Drop the tasks of partitions that another replica owns now."""
        rows = [entry.row for entry in self.outstanding.values()] + [held.row for held in self.held.values()]
        for row in rows:
            if gone(row):
                self.forget(row.ref)
        for entry in [entry for entry in self._expired.values() if gone(entry.row)]:
            del self._expired[entry.row.ref]

    def returned(self, ref: TaskRef, replica: str) -> TaskRow | None:
        """A target gave a task back: return its row, to be dispatched again; None when another has it by now."""
        entry = self.outstanding.get(ref)
        if entry is None or entry.replica != replica:
            return None
        self.forget(ref)
        return entry.latest()

    def stranded(self) -> list[TaskRow]:
        """Return the tasks whose replica is gone, and drop them; they are dispatched again."""
        alive = self._view().replicas
        lost = [entry.latest() for entry in self.outstanding.values() if entry.replica not in alive]
        for row in lost:
            self.forget(row.ref)
        return lost

    def retry_held(self) -> None:
        """Look at everything that waits again: replicas came or went, or time has passed."""
        for ref, held in list(self.held.items()):
            if self.held.get(ref) is held:
                self._release(ref)
                self._place(held.row)

    # time

    def progressed(self, sender: str, said: Progress) -> None:
        """Take a target's word on how far it is; of an attempt that is not outstanding there it means nothing."""
        entry = self.outstanding.get(said.ref)
        if entry is None or entry.replica != sender or entry.row.attempt != said.attempt:
            return
        if said.details is not None and said.beat_at >= (entry.beat_at or 0) and said.details != entry.details:
            entry.details = said.details
            entry.unsaved = True
        entry.waits_for = said.waits_for
        if said.beat_at:
            entry.beat_at = max(entry.beat_at or 0, said.beat_at)
        if said.started_at > (entry.started_at or 0):
            # A worker got it, or another one after the first was lost: its time begins now.
            entry.started_at = said.started_at
            if entry.row.timed:
                self._alarms.disarm(("task", said.ref))
                self._watch(entry.row, entry)

    def unsaved_details(self) -> list[tuple[TaskRef, bytes]]:
        """Return what tasks said of their progress and the store does not have, and count it as saved."""
        found = []
        for ref, entry in self.outstanding.items():
            if entry.unsaved and entry.details is not None:
                entry.unsaved = False
                found.append((ref, entry.details))
        return found

    def overdue(self, row: TaskRow) -> Failure | None:
        """Return the failure of a task that nobody runs, when its time is over by what the row alone says."""
        due = deadlines.nearest(row)
        if due is None or self._store_clock.now() < due.at:
            return None
        return deadlines.failure(row, due.limit)

    def _watch(self, row: TaskRow, entry: Outstanding | None = None) -> None:
        started, beat = (None, None) if entry is None else (entry.started_at, entry.beat_at)
        due = deadlines.nearest(row, started_at=started, beat_at=beat)
        if due is not None:
            self._alarms.arm(("task", row.ref), due.at, lambda: self._rings(row.ref))

    def _rings(self, ref: TaskRef) -> None:
        """A deadline may have passed: fail the task, or wait for the next one."""
        held = self.held.get(ref)
        if held is not None:
            self._release(ref)
            self._place(held.row)
            return
        entry = self.outstanding.get(ref)
        if entry is None:
            return
        due = deadlines.nearest(entry.row, started_at=entry.started_at, beat_at=entry.beat_at)
        now = self._store_clock.now()
        if due is None or now < due.at:
            self._watch(entry.row, entry)
        elif due.limit is deadlines.Limit.SCHEDULE_TO_START and not entry.asked:
            # That it began may have been lost on the way: it is asked once.
            entry.asked = True
            self.remind(ref)
            self._alarms.arm(("task", ref), now + _ANSWER_NS, lambda: self._rings(ref))
        else:
            row = entry.latest()
            self.forget(ref)
            self._expired[ref] = entry
            self._fail(row, deadlines.failure(row, due.limit))
            self._refill(entry)

    # choosing

    def _place(self, row: TaskRow) -> None:
        late = self.overdue(row) if row.timed else None
        if late is not None:
            self.forget(row.ref)
            self._fail(row, late)
            return
        seen = self._view().of_app(row.target_app)
        refused = self._rules.refusal(_call(row), seen)
        if refused is not None:
            self.forget(row.ref)
            self._fail(row, refused)
            return
        replicas = [r for r in seen if self._rules.shares(r)]
        able = [r for r in replicas if r.offers_activity(row.name)]
        free = [r for r in able if self._per_replica.get(r.replica, 0) < self._limits.tasks_per_caller_max]
        if free:
            self._dispatch(row, self.placing.choose(row.name, free, self._per_replica).replica)
            return
        failure, reason = (None, _BACKLOG) if able else self._without_target(row, replicas)
        if failure is not None:
            self.forget(row.ref)
            self._fail(row, failure)
        else:
            self._hold(row, reason)

    def _hold(self, row: TaskRow, reason: str) -> None:
        self.held[row.ref] = Held(row, reason)
        self._by_instance.setdefault(row.instance_id, set()).add(row.ref)
        if row.timed:
            self._watch(row)
        if reason == _BACKLOG:
            waiting = self._backlog.setdefault(row.target_app, OrderedDict())
            waiting.setdefault(row.instance_id, OrderedDict())[row.ref] = None

    def _release(self, ref: TaskRef) -> Held | None:
        held = self.held.pop(ref, None)
        if held is not None and held.row.timed:
            self._alarms.disarm(("task", ref))
        if held is not None and held.reason == _BACKLOG:
            waiting = self._backlog[held.row.target_app]
            del waiting[ref.instance_id][ref]
            if not waiting[ref.instance_id]:
                del waiting[ref.instance_id]
            if not waiting:
                del self._backlog[held.row.target_app]
        return held

    def _track(self, row: TaskRow, replica: str) -> None:
        ref = row.ref
        entry = self.outstanding[ref] = Outstanding(row, replica, details=row.details)
        if row.timed:
            self._watch(row, entry)
        self._per_replica[replica] = self._per_replica.get(replica, 0) + 1
        self._by_instance.setdefault(row.instance_id, set()).add(ref)

    def _dispatch(self, row: TaskRow, replica: str) -> None:
        self._track(row, replica)
        self._send(replica, self._dispatch_of(row))

    def _dispatch_of(self, row: TaskRow) -> Dispatch:
        lapses = [limit for limit in (row.start_to_close, row.heartbeat) if limit is not None] if row.timed else ()
        return Dispatch(
            ref=row.ref,
            incarnation=row.incarnation,
            slot=row.slot,
            name=row.name,
            request=row.request,
            attempt=row.attempt,
            # Not now: who was stopped meanwhile, or hears late of its commit, may be no owner any more.
            dispatched_at=self._owned_at.get(partition_of(row.slot), 0),
            watched=row.timed,
            details=row.details,
            lapses_ns=min(lapses, default=0),
        )

    def _without_target(self, row: TaskRow, replicas: list[Registration]) -> tuple[Failure | None, str]:
        """Say why nobody can take the task now, and whether that is final."""
        registry = self._rules.registry
        if not replicas and not self._rules.is_known(row.target_app):
            if not registry.synced:
                return None, codes.REGISTRY_NOT_SYNCED.name
            waited = self._store_clock.now() - row.created_at
            if not self._unknown.fails or waited < self._unknown.grace_s * _NS:
                return None, codes.TARGET_APP_NOT_FOUND.name
            return self._rules.not_found(_call(row)), ""
        connected = [r for r in replicas if r.workers > 0]
        if not connected or any(not r.declares for r in connected):
            return None, codes.TARGET_APP_UNAVAILABLE.name
        if registry.declares(row.target_app, activity=row.name):
            return None, codes.ACTIVITY_NOT_REGISTERED.name
        if registry.unsure_of(row.target_app):
            return None, codes.REGISTRY_NOT_SYNCED.name
        settled = self._clock.monotonic() - self._view().changed_at.get(row.target_app, 0.0)
        if settled < self._limits.names_settle_s:
            return None, codes.ACTIVITY_NOT_REGISTERED.name
        return activity_not_registered(_call(row), self._app, connected), ""


def _call(row: TaskRow) -> Call:
    return Call("activity", row.name, row.target_app, row.instance_id)


__all__ = ["Alarms", "Dispatcher", "Held", "Outstanding", "UnknownApps", "Verdict"]
