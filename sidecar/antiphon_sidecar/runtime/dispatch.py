"""The caller's side of tasks: which replica runs each, what waits and why, what is dispatched again.

A task without credit stays a row: only `tasks_in_memory_max` tasks are held here, the sweep brings the others when
there is room. Decisions follow design.md section 5; nothing here awaits.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from antiphon_names import errors as codes
from antiphon_names import reasons
from antiphon_sidecar.coordination.base import Registration, View
from antiphon_sidecar.engine.events import Failure
from antiphon_sidecar.peers.base import Dispatch, Message, Verdict
from antiphon_sidecar.runtime.clock import Clock, StoreClock
from antiphon_sidecar.settings import Limits
from antiphon_sidecar.stores.base import TaskRef, TaskRow

_NS = 1_000_000_000
#: The reason of tasks whose target has workers, but no credit left for this caller.
_BACKLOG = reasons.BACKLOG.name


@dataclass(slots=True)
class Outstanding:
    """A task that was handed to a replica and has no result yet."""

    row: TaskRow
    replica: str


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


class Dispatcher:
    """One app's tasks at this replica."""

    def __init__(
        self,
        *,
        app: str,
        clock: Clock,
        store_clock: StoreClock,
        limits: Limits,
        unknown_apps: UnknownApps,
        view: Callable[[], View],
        known_apps: Callable[[], Iterable[str]],
        send: Callable[[str, Message], None],
        fail: Callable[[TaskRow, Failure], None],
    ) -> None:
        self._app = app
        self._clock = clock
        self._store_clock = store_clock
        self._limits = limits
        self._unknown = unknown_apps
        self._view = view
        self._known_apps = known_apps
        self._send = send
        self._fail = fail
        self.outstanding: dict[TaskRef, Outstanding] = {}
        self.held: OrderedDict[TaskRef, Held] = OrderedDict()
        #: By target app: held tasks that only wait for credit, in the order in which they will get it.
        self._backlog: dict[str, OrderedDict[TaskRef, None]] = {}
        self._per_replica: dict[str, int] = {}
        self._by_instance: dict[str, set[TaskRef]] = {}

    def offer(self, tasks: Iterable[TaskRow]) -> None:
        """Take up tasks that have just been committed, or whose attempt was just raised."""
        for row in tasks:
            if row.ref in self.outstanding or row.ref in self.held:
                continue
            if len(self.outstanding) + len(self.held) >= self._limits.tasks_in_memory_max:
                continue
            self._place(row)

    def knows(self, ref: TaskRef) -> bool:
        """Tell whether the task is in memory here."""
        return ref in self.outstanding or ref in self.held

    def remind(self, ref: TaskRef) -> None:
        """Send a dispatch once more, in case it was lost; a target that has the task drops it."""
        entry = self.outstanding.get(ref)
        if entry is not None:
            self._send(entry.replica, self._dispatch_of(entry.row))

    def has_room(self) -> bool:
        """Tell whether the sweep may bring more tasks."""
        return len(self.outstanding) + len(self.held) < self._limits.tasks_in_memory_max

    def adopt(self, row: TaskRow, replica: str) -> None:
        """Note that a replica already has this task in hand (protocol.md 19)."""
        self.forget(row.ref)
        self._track(row, replica)

    def done(self, ref: TaskRef) -> None:
        """Drop a task that has its result; the credit goes to the next one for that app."""
        entry = self.outstanding.get(ref)
        self.forget(ref)
        backlog = self._backlog.get(entry.row.target_app) if entry is not None else None
        if backlog:
            held = self._release(next(iter(backlog)))
            assert held is not None
            self._place(held.row)

    def forget(self, ref: TaskRef) -> None:
        """Drop a task whose result nobody wants here any more."""
        entry = self.outstanding.pop(ref, None)
        if entry is not None:
            self._per_replica[entry.replica] -= 1
        self._release(ref)
        refs = self._by_instance.get(ref.instance_id)
        if refs is not None:
            refs.discard(ref)
            if not refs:
                del self._by_instance[ref.instance_id]

    def forget_execution(self, instance_id: str, execution_id: str) -> None:
        """Drop all tasks of a generation that has ended."""
        for ref in [r for r in self._by_instance.get(instance_id, ()) if r.execution_id == execution_id]:
            self.forget(ref)

    def forget_if(self, gone: Callable[[TaskRow], bool]) -> None:
        """Drop the tasks of partitions that another replica owns now."""
        rows = [entry.row for entry in self.outstanding.values()] + [held.row for held in self.held.values()]
        for row in rows:
            if gone(row):
                self.forget(row.ref)

    def returned(self, ref: TaskRef, replica: str) -> TaskRow | None:
        """A target gave a task back: return its row, to be dispatched again; None when another has it by now."""
        entry = self.outstanding.get(ref)
        if entry is None or entry.replica != replica:
            return None
        self.forget(ref)
        return entry.row

    def stranded(self) -> list[TaskRow]:
        """Return the tasks whose replica is gone, and drop them; they are dispatched again."""
        alive = self._view().replicas
        lost = [entry.row for entry in self.outstanding.values() if entry.replica not in alive]
        for row in lost:
            self.forget(row.ref)
        return lost

    def retry_held(self) -> None:
        """Look at everything that waits again: replicas came or went, or time has passed."""
        for ref, held in list(self.held.items()):
            if self.held.get(ref) is held:
                self._release(ref)
                self._place(held.row)

    # choosing

    def _place(self, row: TaskRow) -> None:
        self._by_instance.setdefault(row.instance_id, set()).add(row.ref)
        replicas = self._view().of_app(row.target_app)
        able = [r for r in replicas if r.offers_activity(row.name)]
        free = [r for r in able if self._per_replica.get(r.replica, 0) < self._limits.tasks_per_caller_max]
        if free:
            best = min(free, key=lambda r: self._per_replica.get(r.replica, 0))
            self._dispatch(row, best.replica)
            return
        failure, reason = (None, _BACKLOG) if able else self._without_target(row, replicas)
        if failure is None:
            failure = self._too_late(row)
        if failure is not None:
            self.forget(row.ref)
            self._fail(row, failure)
        else:
            self._hold(row, reason)

    def _hold(self, row: TaskRow, reason: str) -> None:
        self.held[row.ref] = Held(row, reason)
        if reason == _BACKLOG:
            self._backlog.setdefault(row.target_app, OrderedDict())[row.ref] = None

    def _release(self, ref: TaskRef) -> Held | None:
        held = self.held.pop(ref, None)
        if held is not None and held.reason == _BACKLOG:
            waiting = self._backlog[held.row.target_app]
            del waiting[ref]
            if not waiting:
                del self._backlog[held.row.target_app]
        return held

    def _track(self, row: TaskRow, replica: str) -> None:
        self.outstanding[row.ref] = Outstanding(row, replica)
        self._per_replica[replica] = self._per_replica.get(replica, 0) + 1
        self._by_instance.setdefault(row.instance_id, set()).add(row.ref)

    def _dispatch(self, row: TaskRow, replica: str) -> None:
        self._track(row, replica)
        self._send(replica, self._dispatch_of(row))

    def _dispatch_of(self, row: TaskRow) -> Dispatch:
        return Dispatch(
            ref=row.ref,
            incarnation=row.incarnation,
            slot=row.slot,
            name=row.name,
            request=row.request,
            attempt=row.attempt,
            dispatched_at=self._store_clock.now(),
        )

    def _without_target(self, row: TaskRow, replicas: list[Registration]) -> tuple[Failure | None, str]:
        """Say why nobody can take the task now, and whether that is final."""
        if not replicas and row.target_app not in self._known_apps():
            waited = self._store_clock.now() - row.created_at
            if not self._unknown.fails or waited < self._unknown.grace_s * _NS:
                return None, codes.TARGET_APP_NOT_FOUND.name
            return app_not_found(row.target_app, self._call(row), self._view()), ""
        connected = [r for r in replicas if r.workers > 0]
        if not connected or any(not r.declares for r in connected):
            return None, codes.TARGET_APP_UNAVAILABLE.name
        settled = self._clock.monotonic() - self._view().changed_at.get(row.target_app, 0.0)
        if settled < self._limits.names_settle_s:
            return None, codes.ACTIVITY_NOT_REGISTERED.name
        offered = {name for r in connected for name in r.activities}
        workers = sum(r.workers for r in connected)
        return (
            Failure(
                error_type=codes.ACTIVITY_NOT_REGISTERED.name,
                message=(
                    f"{codes.ACTIVITY_NOT_REGISTERED}: {self._call(row)}; {row.target_app} offers: "
                    f"{codes.listing(offered)} ({workers} worker{'s' if workers != 1 else ''})."
                    f"{codes.nearest(row.name, offered)} The call fails, and is tried again only by a retry policy. "
                    f"Fix the name in {self._app}, or register it in {row.target_app}."
                ),
                code=codes.ACTIVITY_NOT_REGISTERED.number,
            ),
            "",
        )

    def _call(self, row: TaskRow) -> str:
        return f'instance "{row.instance_id}" ({self._app}) calls activity "{row.name}" in app "{row.target_app}"'

    def _too_late(self, row: TaskRow) -> Failure | None:
        if row.start_by is None or self._store_clock.now() < row.start_by:
            return None
        return Failure(
            error_type=codes.TARGET_APP_UNAVAILABLE.name,
            message=(
                f"{codes.TARGET_APP_UNAVAILABLE}: {self._call(row)}, which had no worker free for it within its "
                f"schedule-to-start timeout. Start {row.target_app}, or allow more time."
            ),
            code=codes.TARGET_APP_UNAVAILABLE.number,
        )


def app_not_found(target: str, call: str, view: View) -> Failure:
    """Return the failure of a call to an app that was never seen."""
    apps = {r.app for r in view.replicas.values()}
    return Failure(
        error_type=codes.TARGET_APP_NOT_FOUND.name,
        message=(
            f"{codes.TARGET_APP_NOT_FOUND}: {call}, but no app of that ID was ever seen here; known apps: "
            f"{codes.listing(apps)}.{codes.nearest(target, apps)} The call fails, and is tried again only by a retry "
            "policy. Fix the app ID, or start that app with the same namespace and state store."
        ),
        code=codes.TARGET_APP_NOT_FOUND.number,
    )


__all__ = ["Dispatcher", "Held", "Outstanding", "UnknownApps", "Verdict", "app_not_found"]
