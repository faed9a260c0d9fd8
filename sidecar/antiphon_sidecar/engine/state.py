"""What an instance is: the fold of its events. `evolve` is the only place where it changes."""

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import IntEnum

from antiphon_sidecar.engine.events import (
    TERMINAL,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    DetachedCreated,
    Event,
    ExecutionCompleted,
    ExecutionResumed,
    ExecutionStalled,
    ExecutionStarted,
    ExecutionSuspended,
    Failure,
    Parent,
    Status,
    TaskCompleted,
    TaskFailed,
    TaskScheduled,
    TimerCreated,
    TimerFired,
    Trace,
    WorkflowStarted,
)

#: How many client message IDs an instance remembers (protocol.md 11).
RECENT_MESSAGES = 256


class ActionKind(IntEnum):
    """The kinds of action that a history records, for de-duplication by (kind, id)."""

    TASK = 0
    CHILD = 1
    TIMER = 2
    DETACHED = 3


@dataclass(frozen=True, slots=True)
class OpenTask:
    """An activity that has no result yet; `target` is the app that runs it."""

    name: str
    target: str
    task_execution_id: str
    since: int


@dataclass(frozen=True, slots=True)
class OpenChild:
    """A child workflow that has not ended yet."""

    name: str
    target: str
    instance_id: str
    since: int


@dataclass(frozen=True, slots=True)
class OpenTimer:
    """A timer that has not fired yet; `fire_at` may be the sentinel."""

    fire_at: int
    name: str | None


@dataclass(slots=True)
class State:
    """An instance between two turns.

    Owned by whoever holds it: `evolve` changes it in place. After a refused commit it is thrown away and read
    again. `version` counts commits of this run; `turns` and `event_count` those of this generation. `stall`: why the
    instance cannot go on, while it is STALLED. `stalls`: places of such events in the generation's history;
    `stalled_for`: the reasons recorded since it last went on. `tags`: by what the run is found, kept over
    continue-as-new; `retagged`: they changed after the run had begun, and the store has yet to be told.
    """

    app: str
    instance_id: str
    incarnation: bytes
    execution_id: str
    generation: int = 0
    version: int = 0
    turns: int = 0
    status: Status = Status.PENDING
    name: str = ""
    started: bool = False
    parent: Parent | None = None
    scheduled_at: int | None = None
    created_at: int = 0
    started_at: int | None = None
    completed_at: int | None = None
    last_turn: int = 0
    event_count: int = 0
    pinned_version: str | None = None
    patches: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    retagged: bool = False
    trace: Trace | None = None
    propagated: bytes = b""
    custom_status: str | None = None
    output: str | None = None
    failure: Failure | None = None
    stall: ExecutionStalled | None = None
    stalls: list[int] = field(default_factory=list)
    stalled_for: set[str] = field(default_factory=set)
    tasks: dict[int, OpenTask] = field(default_factory=dict)
    children: dict[int, OpenChild] = field(default_factory=dict)
    timers: dict[int, OpenTimer] = field(default_factory=dict)
    #: By task execution ID: what the last failed attempt said of its progress; the next one gets it.
    details: dict[str, bytes] = field(default_factory=dict)
    seen: set[tuple[ActionKind, int]] = field(default_factory=set)
    recent_messages: OrderedDict[bytes, None] = field(default_factory=OrderedDict)

    @property
    def ended(self) -> bool:
        """Tell whether the run is over."""
        return self.status in TERMINAL

    @property
    def suspended(self) -> bool:
        """Tell whether messages are held."""
        return self.status is Status.SUSPENDED

    @property
    def stalled(self) -> bool:
        """Tell whether the last turn could not be done."""
        return self.status is Status.STALLED


def remember(state: State, message_id: bytes) -> None:
    """Note a client message as applied, forgetting the oldest beyond `RECENT_MESSAGES`."""
    state.recent_messages[message_id] = None
    while len(state.recent_messages) > RECENT_MESSAGES:
        state.recent_messages.popitem(last=False)


def evolve(state: State, event: Event) -> State:
    """Fold one event into the state and return it; total: any event in any order is accepted."""
    state.event_count += 1
    match event:
        case WorkflowStarted():
            state.last_turn = max(state.last_turn, event.timestamp)
            if state.stalled:
                go_on(state)
            if event.version is not None:
                state.pinned_version = event.version
            state.patches.extend(event.patches)
            if event.tags:
                state.tags.update(event.tags)
                state.retagged = True
        case TaskScheduled() | ChildCreated() | DetachedCreated() | TimerCreated():
            _open(state, event)
        case TaskCompleted() | TaskFailed() | ChildCompleted() | ChildFailed() | TimerFired():
            _resolve(state, event)
        case _:
            _change_status(state, event)
    return state


def hold(state: State) -> None:
    """Suspend; what stalled is looked at again once it is resumed."""
    state.status = Status.SUSPENDED
    forget_stall(state)


def go_on(state: State) -> None:
    """End a suspension or a stall."""
    state.status = Status.RUNNING if state.started else Status.PENDING
    forget_stall(state)


def forget_stall(state: State) -> None:
    """Note that nothing keeps the instance from going on."""
    state.stall = None
    state.stalled_for.clear()


def _resolve(state: State, event: TaskCompleted | TaskFailed | ChildCompleted | ChildFailed | TimerFired) -> None:
    match event:
        case TaskCompleted():
            state.tasks.pop(event.task_id, None)
            state.details.pop(event.task_execution_id, None)
        case TaskFailed():
            state.tasks.pop(event.task_id, None)
            if event.details is not None and event.task_execution_id:
                state.details[event.task_execution_id] = event.details
        case ChildCompleted() | ChildFailed():
            state.children.pop(event.task_id, None)
        case TimerFired():
            state.timers.pop(event.timer_id, None)


def _change_status(state: State, event: Event) -> None:
    match event:
        case ExecutionStarted():
            _start(state, event)
        case ExecutionSuspended():
            hold(state)
        case ExecutionResumed():
            go_on(state)
        case ExecutionStalled():
            state.status, state.stall = Status.STALLED, event
            if event.afresh:
                state.stalled_for.clear()
            state.stalled_for.add(event.reason)
            state.stalls.append(state.event_count - 1)
        case ExecutionCompleted():
            _end(state, event)
        case _:
            pass


def _start(state: State, event: ExecutionStarted) -> None:
    state.name = event.name
    state.execution_id = event.execution_id
    state.parent = event.parent
    state.scheduled_at = event.scheduled_at
    # What the first turn's code has set is folded before: it counts.
    state.tags = {**event.tags, **state.tags}
    state.trace = event.trace
    state.propagated = event.propagated
    state.started = True
    state.status = Status.RUNNING
    if state.started_at is None:
        state.started_at = max(event.timestamp, state.last_turn)


def _open(state: State, event: TaskScheduled | ChildCreated | DetachedCreated | TimerCreated) -> None:
    target = state.app
    match event:
        case TaskScheduled():
            if event.route is not None and event.route.target:
                target = event.route.target
            state.seen.add((ActionKind.TASK, event.event_id))
            state.tasks[event.event_id] = OpenTask(event.name, target, event.task_execution_id, event.timestamp)
        case ChildCreated():
            if event.route is not None and event.route.target:
                target = event.route.target
            state.seen.add((ActionKind.CHILD, event.event_id))
            state.children[event.event_id] = OpenChild(event.name, target, event.instance_id, event.timestamp)
        case DetachedCreated():
            state.seen.add((ActionKind.DETACHED, event.event_id))
        case TimerCreated():
            state.seen.add((ActionKind.TIMER, event.event_id))
            state.timers[event.event_id] = OpenTimer(event.fire_at, event.name)


def _end(state: State, event: ExecutionCompleted) -> None:
    state.status = event.status
    forget_stall(state)
    if event.status is Status.CONTINUED_AS_NEW:
        return
    state.output = event.result
    state.failure = event.failure
    state.completed_at = event.timestamp
    state.tasks.clear()
    state.details.clear()
    state.timers.clear()


def next_generation(state: State, *, execution_id: str) -> State:
    """Return the state with which the generation after a continue-as-new begins: nothing has happened yet."""
    return State(
        app=state.app,
        instance_id=state.instance_id,
        incarnation=state.incarnation,
        execution_id=execution_id,
        generation=state.generation + 1,
        version=state.version,
        status=Status.RUNNING,
        name=state.name,
        parent=state.parent,
        created_at=state.created_at,
        started_at=state.started_at,
        last_turn=state.last_turn,
        tags=dict(state.tags),
        retagged=state.retagged,
        trace=state.trace,
        propagated=state.propagated,
        custom_status=state.custom_status,
        recent_messages=state.recent_messages,
    )


def committed(state: State, *, wrote_history: bool) -> None:
    """Count a commit that is on its way to the store; after a refusal the state is thrown away."""
    state.version += 1
    state.retagged = False
    if wrote_history:
        state.turns += 1
