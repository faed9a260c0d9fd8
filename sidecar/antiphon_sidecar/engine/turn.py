"""The beginning of a turn: which messages take effect and what the worker is told.

`begin_turn` decides without changing anything, so a turn that is lost (its worker died, its commit was refused)
is begun again from the same state. What a turn leads to is in `result`.
"""

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from antiphon_sidecar.engine.events import (
    ChildCompleted,
    Event,
    EventRaised,
    ExecutionResumed,
    ExecutionStarted,
    ExecutionSuspended,
    ExecutionTerminated,
    PurgeRequested,
    TaskCompleted,
    TaskFailed,
    TimerFired,
    WorkflowStarted,
)
from antiphon_sidecar.engine.messages import Kind, Message
from antiphon_sidecar.engine.state import State

#: Messages that one turn applies at most; the rest goes to the next.
TURN_MESSAGES_MAX = 500
#: Letters that their payloads have at most, for a turn travels in one message; a single message may have more.
TURN_LETTERS_MAX = 8 << 20


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
            discarded=sorted_out.discarded_with(consumed),
            rejected=tuple(sorted_out.rejected),
            needs_worker=needs_worker,
            fresh=fresh,
            replaces=replaces,
        )

    arrived = sorted_out.accepted if start is None else [start, *sorted_out.accepted]
    began = WorkflowStarted(_turn_clock(base, arrived, now))
    control = sorted_out.control
    if control is not None:
        return _control_turn(control, began, base, start, turn, fresh=fresh)
    later = start is not None and _scheduled_later(start, now)
    if base.suspended or later or not (sorted_out.accepted or start):
        # A start for later that nobody has written a row for is made visible: PENDING, until its time has come.
        if sorted_out.discarded or sorted_out.rejected or (later and fresh):
            return turn([], [], needs_worker=False)
        return None
    if start is not None and start.kept_history:
        return turn(list(start.kept_history), [start], needs_worker=False)
    consumed = _portion(sorted_out.accepted)
    if start is not None:
        consumed.insert(0, start)
    events: list[Event] = [began]
    for message in consumed:
        events.extend(_with_execution_id(base, event) for event in message.events)
    return turn(events, consumed, needs_worker=True)


def _portion(accepted: list[Message]) -> list[Message]:
    """Return the messages that one turn takes, the oldest ones."""
    letters = 0
    for count, message in enumerate(accepted[:TURN_MESSAGES_MAX]):
        match message.events[0]:
            case EventRaised(input=payload) | TaskCompleted(result=payload) | ChildCompleted(result=payload):
                letters += len(payload or "")
        if letters > TURN_LETTERS_MAX and count:
            return accepted[:count]
    return accepted[:TURN_MESSAGES_MAX]


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
        started = message.events[0]
        assert isinstance(started, ExecutionStarted)
        unique = started.parent is not None and started.parent.unique
        if state is None or (state.ended and message.incarnation != state.incarnation and not unique):
            new = State(
                app=_app_of(started),
                instance_id=started.instance_id,
                incarnation=message.incarnation,
                execution_id=started.execution_id,
                name=started.name,
                parent=started.parent,
                scheduled_at=started.scheduled_at,
                tags=dict(started.tags),
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
    """The messages by what becomes of them; what stands nowhere is looked at again in the next turn.

    `repeats`: (first, repeat) of the same message in one batch. A repeat may go only together with the first,
    because its row can be the one that holds the message.
    """

    accepted: list[Message] = field(default_factory=list)
    discarded: list[Message] = field(default_factory=list)
    rejected: list[Message] = field(default_factory=list)
    repeats: list[tuple[Message, Message]] = field(default_factory=list)
    control: Message | None = None

    def discarded_with(self, consumed: Sequence[Message]) -> tuple[Message, ...]:
        taken = {id(message) for message in consumed}
        return (*self.discarded, *(repeat for first, repeat in self.repeats if id(first) in taken))


def _sort(base: State, start: Message | None, messages: Sequence[Message]) -> _Sorted:
    out = _Sorted()
    first: dict[Hashable, Message] = {}
    for message in messages:
        if message is start:
            continue
        if message.kind is Kind.START:
            if start is not None and _is_repeat(start, message):
                out.repeats.append((start, message))
            else:
                stale = message.incarnation == base.incarnation
                (out.discarded if stale else out.rejected).append(message)
        elif not _wanted(base, message):
            out.discarded.append(message)
        elif (earlier := first.setdefault(_sameness(message), message)) is not message:
            out.repeats.append((earlier, message))
        elif message.kind is Kind.CONTROL:
            _sort_control(out, base, message)
        else:
            out.accepted.append(message)
    return out


def _is_repeat(start: Message, message: Message) -> bool:
    """Tell whether two starts are the same: one that waits has got another ID, the first may come once more."""
    return (message.incarnation, message.execution_id) == (start.incarnation, start.execution_id)


def _sameness(message: Message) -> Hashable:
    """Return what two deliveries of one message have in common."""
    if message.kind in (Kind.EVENT, Kind.CONTROL):
        return message.message_id
    return message.kind, message.ref_id


def _wanted(base: State, message: Message) -> bool:
    """Tell whether a message may still have an effect: right run and generation, not applied, not resolved."""
    if base.ended or (message.incarnation and message.incarnation != base.incarnation):
        return False
    if message.execution_id and message.execution_id != base.execution_id:
        return False
    match message.kind:
        case Kind.EVENT | Kind.CONTROL:
            # A purge is carried out by the runtime, once the run has ended: what comes here is of another run.
            purges = isinstance(message.events[0], PurgeRequested)
            return not purges and message.message_id not in base.recent_messages
        case Kind.TASK_RESULT:
            return message.ref_id in base.tasks
        case Kind.CHILD_RESULT:
            return message.ref_id in base.children
        case Kind.TIMER:
            return message.ref_id in base.timers
        case Kind.START:
            return True


def _sort_control(out: _Sorted, base: State, message: Message) -> None:
    """Choose the control to apply: a terminate beats all, else the one that came first.

    The others stay for the next turn, because what they do depends on what this one leaves.
    """
    terminates = isinstance(message.events[0], ExecutionTerminated)
    held = out.control
    if held is not None and (not terminates or isinstance(held.events[0], ExecutionTerminated)):
        return
    if _control_applies(base, message):
        out.control = message
    else:
        out.discarded.append(message)


def _control_applies(base: State, message: Message) -> bool:
    """Tell whether a control has an effect: here, or on children that it is to reach."""
    event = message.events[0]
    reaches = isinstance(event, ExecutionSuspended | ExecutionResumed) and event.recurse and bool(base.children)
    return reaches or _changes_status(base, event)


def _changes_status(base: State, event: Event) -> bool:
    """Tell whether a control changes this instance; suspending twice or resuming what runs does not."""
    match event:
        case ExecutionSuspended():
            return not base.suspended
        case ExecutionResumed():
            return base.suspended or base.stalled
    return True


def _turn_clock(base: State, messages: Iterable[Message], now: int) -> int:
    """Return the turn's time: never below the last turn, a timer that fires in it, or what started the run.

    A start carries the time of the turn that sent it: a child does not begin before its parent asked for it, nor a
    generation before the one that it follows.
    """
    clock = max(now, base.last_turn)
    for message in messages:
        match message.events[0]:
            case TimerFired() as fired:
                clock = max(clock, fired.fire_at)
            case ExecutionStarted() as started:
                clock = max(clock, started.timestamp)
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
    *,
    fresh: bool,
) -> Turn:
    """Build the engine's own turn for a terminate, suspend or resume.

    Before an instance has started, suspending is a status and leaves no event: histories begin with the start. Nor
    does resuming what stalled: an SDK that was never told of a suspension fails on its end (wire.md, trap 5).
    Nor does a control that is only passed on to children.
    """
    match control.events[0]:
        case ExecutionTerminated() as terminated:
            events: list[Event] = [began]
            consumed = [control]
            if start is not None:
                events.extend(start.events[:1] if start.kept_history else start.events)
                consumed.insert(0, start)
            events.append(terminated)
            return turn(events, consumed, needs_worker=False)
        case ExecutionResumed() if base.stalled:
            return turn([], [control], needs_worker=False)
        case event:
            events = [began, event] if base.started and _changes_status(base, event) else []
            # A child's start is read by what makes it an instance, even where it has to wait: see `result`.
            read = [control] if start is None or not fresh else [start, control]
            return turn(events, read, needs_worker=False)
