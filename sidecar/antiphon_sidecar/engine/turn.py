"""The beginning of a turn: which messages take effect and what the worker is told.

`begin_turn` decides without changing anything, so a turn that is lost (its worker died, its commit was refused)
is begun again from the same state. What a turn leads to is in `result`.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from antiphon_sidecar.engine.events import (
    Event,
    ExecutionResumed,
    ExecutionStarted,
    ExecutionSuspended,
    ExecutionTerminated,
    TaskCompleted,
    TaskFailed,
    TimerFired,
    WorkflowStarted,
)
from antiphon_sidecar.engine.messages import Kind, Message
from antiphon_sidecar.engine.state import State

#: Messages that one turn applies at most; the rest goes to the next.
TURN_MESSAGES_MAX = 500


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that has begun.

    `base` is the committed state, or a new one when `fresh`; `replaces` is then the finished run of the same ID
    that gives way, None when there is none. `events` are the turn's new events, in the order that workers see.
    `discarded` messages have no effect and only lose their rows; `rejected` are starts of children whose ID is
    taken by an active run. `needs_worker` is False for what the engine does alone.
    """

    base: State
    events: tuple[Event, ...]
    consumed: tuple[Message, ...]
    discarded: tuple[Message, ...]
    rejected: tuple[Message, ...]
    needs_worker: bool
    fresh: bool
    replaces: State | None

    @property
    def idle(self) -> bool:
        """Tell whether there is nothing to commit."""
        return not (self.consumed or self.discarded or self.rejected)


def begin_turn(state: State | None, messages: Sequence[Message], *, now: int) -> Turn | None:
    """Decide what the next turn of an instance is.

    `messages` in arrival order, starts first. Returns None when nothing is to be done now: nothing came, what
    came is held (suspension), or a scheduled start is not due.
    """
    base, fresh, start = _base(state, messages)
    if base is None:
        return None
    sorted_out = _sort(base, start, messages)
    replaces = state if fresh and state is not None else None

    def turn(events: list[Event], consumed: list[Message], *, needs_worker: bool) -> Turn:
        return Turn(
            base=base,
            events=tuple(events),
            consumed=tuple(consumed),
            discarded=tuple(sorted_out.discarded),
            rejected=tuple(sorted_out.rejected),
            needs_worker=needs_worker,
            fresh=fresh,
            replaces=replaces,
        )

    clock = _turn_clock(base, sorted_out.accepted, now)
    began = WorkflowStarted(clock)
    control = sorted_out.control
    if control is not None:
        return _control_turn(control, began, base, start, turn)
    waits = base.suspended or (start is not None and _scheduled_later(start, now))
    if waits or not (sorted_out.accepted or start):
        if sorted_out.discarded or sorted_out.rejected:
            return turn([], [], needs_worker=False)
        return None
    consumed = sorted_out.accepted[:TURN_MESSAGES_MAX]
    if start is not None:
        consumed.insert(0, start)
    events: list[Event] = [began]
    for message in consumed:
        events.extend(_with_execution_id(base, event) for event in message.events)
    return turn(events, consumed, needs_worker=True)


def _with_execution_id(base: State, event: Event) -> Event:
    """Give a task's outcome the ID of its retry chain; a target that was restarted does not know it."""
    if isinstance(event, TaskCompleted | TaskFailed) and event.task_id in base.tasks:
        return dataclasses.replace(event, task_execution_id=base.tasks[event.task_id].task_execution_id)
    return event


def _base(state: State | None, messages: Sequence[Message]) -> tuple[State | None, bool, Message | None]:
    """Return the state to work on, whether it is a new run's, and the START that is to be applied."""
    for message in messages:
        if message.kind is not Kind.START:
            continue
        if state is None or (state.ended and message.incarnation != state.incarnation):
            started = message.events[0]
            assert isinstance(started, ExecutionStarted)
            new = State(
                app=_app_of(started),
                instance_id=started.instance_id,
                incarnation=message.incarnation,
                execution_id=started.execution_id,
                name=started.name,
                parent=started.parent,
                scheduled_at=started.scheduled_at,
            )
            return new, True, message
        if _is_own_start(state, message):
            return state, False, message
    return state, False, None


def _app_of(started: ExecutionStarted) -> str:
    assert started.route is not None, "a start always carries the route that the sidecar stamped"
    return started.route.target or started.route.source


def _is_own_start(state: State, message: Message) -> bool:
    return message.incarnation == state.incarnation and message.execution_id == state.execution_id and not state.started


@dataclass(slots=True)
class _Sorted:
    accepted: list[Message] = field(default_factory=list)
    discarded: list[Message] = field(default_factory=list)
    rejected: list[Message] = field(default_factory=list)
    control: Message | None = None


def _sort(base: State, start: Message | None, messages: Sequence[Message]) -> _Sorted:
    out = _Sorted()
    known: set[bytes] = set()
    resolved: set[tuple[Kind, int]] = set()
    for message in messages:
        if message is start:
            continue
        if message.kind is Kind.START:
            stale = message.incarnation == base.incarnation
            (out.discarded if stale else out.rejected).append(message)
        elif not _wanted(base, message, known, resolved):
            out.discarded.append(message)
        elif message.kind is Kind.CONTROL:
            out.control = _stronger(out.control, message)
        else:
            out.accepted.append(message)
    if base.ended:
        out.discarded.extend(out.accepted)
        out.accepted.clear()
    return out


def _wanted(base: State, message: Message, known: set[bytes], resolved: set[tuple[Kind, int]]) -> bool:
    """Tell whether a message still has an effect: right run and generation, not applied, not resolved."""
    if base.ended or (message.incarnation and message.incarnation != base.incarnation):
        return False
    if message.execution_id and message.execution_id != base.execution_id:
        return False
    match message.kind:
        case Kind.EVENT | Kind.CONTROL:
            if message.message_id in base.recent_messages or message.message_id in known:
                return False
            known.add(message.message_id)
            return message.kind is Kind.EVENT or _control_applies(base, message)
        case Kind.TASK_RESULT:
            still_open = message.ref_id in base.tasks
        case Kind.CHILD_RESULT:
            still_open = message.ref_id in base.children
        case Kind.TIMER:
            still_open = message.ref_id in base.timers
        case Kind.START:
            return True
    if not still_open or (message.kind, message.ref_id) in resolved:
        return False
    resolved.add((message.kind, message.ref_id))
    return True


def _control_applies(base: State, message: Message) -> bool:
    """Tell whether a control has an effect; suspending twice or resuming what runs is a no-op."""
    match message.events[0]:
        case ExecutionSuspended():
            return not base.suspended
        case ExecutionResumed():
            return base.suspended
    return True


def _stronger(held: Message | None, message: Message) -> Message:
    """Return the control to apply first: terminate beats all, else the one that came first."""
    if held is None or isinstance(message.events[0], ExecutionTerminated):
        return message
    return held


def _turn_clock(base: State, accepted: Sequence[Message], now: int) -> int:
    """Return the turn's time: never below the last turn, nor below a timer that fires in it."""
    clock = max(now, base.last_turn)
    for message in accepted:
        if message.kind is Kind.TIMER:
            fired = message.events[0]
            assert isinstance(fired, TimerFired)
            clock = max(clock, fired.fire_at)
    return clock


def _scheduled_later(start: Message, now: int) -> bool:
    started = start.events[0]
    assert isinstance(started, ExecutionStarted)
    return started.scheduled_at is not None and started.scheduled_at > now


def _control_turn(
    control: Message,
    began: WorkflowStarted,
    base: State,
    start: Message | None,
    turn: Callable[..., Turn],
) -> Turn:
    """Build the engine's own turn for a terminate, suspend or resume.

    Before an instance has started, suspending is a status and leaves no event: histories begin with the start.
    """
    match control.events[0]:
        case ExecutionTerminated() as terminated:
            events: list[Event] = [began]
            consumed = [control]
            if start is not None:
                events.extend(start.events)
                consumed.insert(0, start)
            events.append(terminated)
            return turn(events, consumed, needs_worker=False)
        case event:
            events = [began, event] if base.started else []
            return turn(events, [control], needs_worker=False)
