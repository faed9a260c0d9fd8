"""Timers and events that an instance waits for."""

from collections.abc import Iterator

from antiphon_names import errors as codes
from antiphon_names import reasons
from antiphon_sidecar.codec.timers import Purpose
from antiphon_sidecar.engine.events import SENTINEL_NS
from antiphon_sidecar.engine.state import OpenTimer
from antiphon_sidecar.runtime.lane import Phase
from antiphon_sidecar.runtime.why.base import Scene, Subject, Wait, clock, counted, lasted


def pauses(subject: Subject, scene: Scene) -> Iterator[Wait]:
    """Yield a wait for each open timer, and for each event: timers that bound an event stand for that event."""
    bounded: set[str] = set()
    for timer_id, timer in subject.state.timers.items():
        created, purpose = subject.facts.timers.get(timer_id, (None, Purpose()))
        since = subject.state.last_turn if created is None else created.timestamp
        if purpose.event is not None:
            if timer_id not in subject.facts.answered:
                bounded.add(purpose.event.casefold())
                yield _event(subject, purpose.event, fire_at=timer.fire_at, since=since, timer_id=timer_id)
        elif timer.fire_at >= SENTINEL_NS:
            yield _unnamed_event(subject, since)
        elif purpose.task is not None:
            yield _retry(subject, scene, purpose.task, timer, since=since, timer_id=timer_id)
        elif purpose.child is not None:
            text = f'child workflow "{purpose.child}" failed and is started again at {clock(timer.fire_at)}.'
            yield _timer_wait(reasons.RETRY_TIMER.name, text, timer, since=since, timer_id=timer_id)
        else:
            name = f' "{timer.name}"' if timer.name else ""
            left = timer.fire_at - scene.now
            when = (
                f"in {lasted(left)}, at {clock(timer.fire_at)}" if left > 0 else f"now; it was {clock(timer.fire_at)}"
            )
            text = f"timer{name} (#{timer_id}) fires {when}."
            yield _timer_wait(reasons.TIMER.name, text, timer, since=since, timer_id=timer_id)

    for name in _hinted(subject):
        if name.casefold() not in bounded:
            yield _event(subject, name, fire_at=SENTINEL_NS, since=subject.state.last_turn, timer_id=0)


def _hinted(subject: Subject) -> tuple[str, ...]:
    """Return the events that the worker said are waited for, unless its next turn may have changed that."""
    lane = subject.lane
    return lane.awaited if lane is not None and lane.phase is Phase.IDLE else ()


def some_event(subject: Subject) -> Wait:
    """Return the wait of a workflow that has nothing open: older SDKs wait for events without saying so."""
    return _unnamed_event(subject, subject.state.last_turn)


def _event(subject: Subject, name: str, *, fire_at: int, since: int, timer_id: int) -> Wait:
    row = subject.row
    endless = fire_at >= SENTINEL_NS
    until = "without a deadline" if endless else f"until {clock(fire_at)}"
    awaited = {purpose.event.casefold() for _, purpose in subject.facts.timers.values() if purpose.event}
    awaited |= {hinted.casefold() for hinted in _hinted(subject)}
    others = [raised for raised in subject.facts.raised if raised.casefold() not in awaited]
    came = f" Events came that it does not wait for: {codes.listing(others)}." if others else ""
    return Wait(
        reasons.EXTERNAL_EVENT.name,
        f'event "{name}" has not come; it is waited for {until}.{came} Raise it with: antiphon workflow raise '
        f"{row.instance_id} {name} --app {row.app}",
        since,
        kind="event",
        app=row.app,
        name=name,
        instance_id=row.instance_id,
        event_id=timer_id,
        until=None if endless else fire_at,
    )


def _unnamed_event(subject: Subject, since: int) -> Wait:
    row = subject.row
    return Wait(
        reasons.EXTERNAL_EVENT.name,
        "an external event has not come; which one is not known here. Look into the code of workflow "
        f'"{row.name}", and raise it with: antiphon workflow raise {row.instance_id} EVENT --app {row.app}',
        since,
        kind="event",
        app=row.app,
        instance_id=row.instance_id,
    )


def _retry(subject: Subject, scene: Scene, execution: str, timer: OpenTimer, *, since: int, timer_id: int) -> Wait:
    task = subject.facts.tasks.get(execution)
    failures = subject.facts.failures.get(execution, [])
    target = task.route.target if task is not None and task.route is not None and task.route.target else None
    app = target or subject.row.app
    name = task.name if task is not None else "?"
    last = f"; last: {failures[-1].error_type}: {failures[-1].message[:300]}" if failures else ""
    text = (
        f'activity "{name}" in app "{app}" has failed {counted(len(failures), "time")}{last}. '
        f"It is called again at {clock(timer.fire_at)}."
    )
    return _timer_wait(
        reasons.RETRY_TIMER.name, text, timer, since=since, timer_id=timer_id, app=app, name=name, tries=len(failures)
    )


def _timer_wait(
    reason: str,
    text: str,
    timer: OpenTimer,
    *,
    since: int,
    timer_id: int,
    app: str = "",
    name: str = "",
    tries: int = 0,
) -> Wait:
    return Wait(
        reason,
        text,
        since,
        kind="timer",
        app=app,
        name=name or timer.name or "",
        event_id=timer_id,
        until=timer.fire_at,
        attempt=tries,
    )
