"""Reruns: a new run that keeps a finished one's history up to an event, and does again what was asked for there.

`plan` makes the START message of the new run from the old history; `resume` is what its first commit does. Kept is
the whole turn that recorded the event, because code asks for a turn's calls together. What has no outcome in the kept
part is asked for again, under the same ids; so replay sees a history that this code can have.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from antiphon_sidecar.engine.events import (
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    ExecutionCompleted,
    ExecutionStalled,
    ExecutionStarted,
    Parent,
    RerunFrom,
    Route,
    TaskCompleted,
    TaskFailed,
    TaskScheduled,
    TimerCreated,
    TimerFired,
    WorkflowStarted,
)
from antiphon_sidecar.engine.ids import child_incarnation, derive_id, uuid_text
from antiphon_sidecar.engine.messages import Kind, Outgoing
from antiphon_sidecar.engine.outcome import NewTask, Result

Asked = TaskScheduled | ChildCreated | TimerCreated
A = TypeVar("A", TaskScheduled, ChildCreated, TimerCreated)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The run that is asked for; `event_id` None keeps nothing.

    `input` replaces, with `overwrite`, that of the event (of the workflow when nothing is kept). `child_id` is the
    instance ID of the child that the event is. `marks`: serialized fields that say where an event was rerun from,
    for activities, children and timers.
    """

    event_id: int | None
    instance_id: str
    execution_id: str
    incarnation: bytes
    input: str | None = None
    overwrite: bool = False
    child_id: str | None = None
    marks: tuple[bytes, bytes, bytes] = (b"", b"", b"")


class CannotRerun(Exception):
    """The history has no such event to go on from, or what was asked does not fit it; the text says which it has."""


def plan(history: Sequence[Event], wanted: Wanted, *, app: str, now: int, namespace: str) -> tuple[Event, ...]:
    """Return the events of the START message, from the events of the old run's latest generation.

    Raises:
        CannotRerun: see there.
    """
    started = next((event for event in history if isinstance(event, ExecutionStarted)), None)
    if started is None:
        raise CannotRerun("it ended before it began, so that there is nothing to run again")
    source = started.instance_id
    begun = dataclasses.replace(
        started,
        instance_id=wanted.instance_id,
        execution_id=wanted.execution_id,
        parent=None,
        scheduled_at=None,
        route=Route(source=app, target=app),
    )
    if wanted.event_id is None:
        value = wanted.input if wanted.overwrite else started.input
        return (dataclasses.replace(begun, timestamp=now, input=value),)
    kept = _kept(history, wanted.event_id)
    open_ids = _open_ids(kept)
    events: list[Event] = []
    for event in kept:
        if isinstance(event, ExecutionStarted):
            events.append(begun)
        elif isinstance(event, Asked) and (_kind(event), event.event_id) in open_ids:
            _check_namespace(event, namespace)
            events.append(_again(event, wanted, source=source))
        elif not isinstance(event, ExecutionCompleted | ExecutionStalled):
            events.append(event)
    return (begun, RerunFrom(now, source, wanted.event_id), *events)


def _kept(history: Sequence[Event], event_id: int) -> Sequence[Event]:
    """Return the history up to the end of the turn that recorded the event."""
    place = next((n for n, e in enumerate(history) if isinstance(e, Asked) and e.event_id == event_id), None)
    if place is None:
        raise CannotRerun(f"it has no event {event_id} to go on from; it has: {_listed(history)}. Name one of these")
    turns = (n for n in range(place, len(history)) if isinstance(history[n], WorkflowStarted))
    return history[: next(turns, len(history))]


def _listed(history: Iterable[Event], *, most: int = 20) -> str:
    """Name the events that a rerun can go on from."""
    found = [f"{event.event_id} ({described(event)})" for event in history if isinstance(event, Asked)]
    rest = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + rest if found else "none: it asked for nothing. Run it again from the start"


def described(event: Asked) -> str:
    """Return what an event asked for, as people read it."""
    match event:
        case TaskScheduled():
            return f'activity "{event.name}"'
        case ChildCreated():
            return f'child "{event.name}"'
        case TimerCreated():
            return "timer"


def _kind(event: Asked) -> int:
    match event:
        case TaskScheduled():
            return 0
        case ChildCreated():
            return 1
        case TimerCreated():
            return 2


def _open_ids(kept: Iterable[Event]) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for event in kept:
        match event:
            case TaskScheduled() | ChildCreated() | TimerCreated():
                found.add((_kind(event), event.event_id))
            case TaskCompleted() | TaskFailed():
                found.discard((0, event.task_id))
            case ChildCompleted() | ChildFailed():
                found.discard((1, event.task_id))
            case TimerFired():
                found.discard((2, event.timer_id))
    return found


def _check_namespace(event: Asked, namespace: str) -> None:
    named = None if isinstance(event, TimerCreated) or event.route is None else event.route.namespace
    if named and named != namespace:
        raise CannotRerun(
            f'event {event.event_id} ({described(event)}) names namespace "{named}", and was refused; choose an '
            "earlier event, so that corrected code asks for it anew"
        )


def _again(event: Asked, wanted: Wanted, *, source: str) -> Event:
    """Return what is asked for again: with new identities, so that nothing takes it for what was done before."""
    target = event.event_id == wanted.event_id
    value = wanted.input if target and wanted.overwrite else None if isinstance(event, TimerCreated) else event.input
    match event:
        case TaskScheduled():
            chain = uuid_text(derive_id("rerun", wanted.incarnation, event.event_id))
            return dataclasses.replace(
                event,
                input=value,
                task_execution_id=chain if event.task_execution_id else "",
                extra=event.extra + wanted.marks[0],
            )
        case ChildCreated():
            child_id = _child_id(event, wanted, source=source)
            # Under its old ID it takes the place of the finished run.
            unique = event.unique and child_id != event.instance_id
            extra = event.extra + wanted.marks[1]
            return dataclasses.replace(event, input=value, instance_id=child_id, extra=extra, unique=unique)
        case TimerCreated():
            if target and wanted.overwrite:
                raise CannotRerun(f"event {event.event_id} is a timer, which has no input to be replaced")
            return dataclasses.replace(event, extra=event.extra + wanted.marks[2])


def _child_id(event: ChildCreated, wanted: Wanted, *, source: str) -> str:
    """Return the ID under which a child runs again: another one, unless its parent keeps its own."""
    if wanted.child_id and event.event_id == wanted.event_id:
        return wanted.child_id
    if wanted.instance_id == source:
        return event.instance_id
    if event.instance_id.startswith(source):
        return wanted.instance_id + event.instance_id[len(source) :]
    return f"{wanted.instance_id}:{event.event_id:04x}"


def resume(result: Result, *, now: int) -> None:
    """Ask again for all that is open after the kept history was folded."""
    state = result.state
    state.started_at = now
    for event in result.events:
        match event:
            case TaskScheduled() if event.event_id in state.tasks:
                result.tasks.append(NewTask(event))
            case TimerCreated() if event.event_id in state.timers:
                result.timers.append(event)
            case ChildCreated() if event.event_id in state.children:
                result.outgoing.append(_child_start(result, event, now=now))


def _child_start(result: Result, event: ChildCreated, *, now: int) -> Outgoing:
    state = result.state
    incarnation = child_incarnation(state.incarnation, state.execution_id, event.event_id)
    target = event.route.target if event.route is not None and event.route.target else state.app
    execution_id = derive_id("rerun-execution", incarnation).hex()
    started = ExecutionStarted(
        timestamp=max(now, state.last_turn),
        name=event.name,
        instance_id=event.instance_id,
        execution_id=execution_id,
        input=event.input,
        version=event.version,
        parent=Parent(
            app=state.app,
            instance_id=state.instance_id,
            execution_id=state.execution_id,
            incarnation=state.incarnation,
            task_id=event.event_id,
            name=state.name,
            unique=event.unique,
        ),
        route=Route(source=state.app, target=target),
        trace=event.trace,
    )
    return Outgoing(
        app=target,
        instance_id=event.instance_id,
        kind=Kind.START,
        message_id=incarnation,
        incarnation=incarnation,
        execution_id=execution_id,
        events=(started,),
    )
