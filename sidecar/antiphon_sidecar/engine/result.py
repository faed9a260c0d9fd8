"""What a turn leads to: the events to append, the rows to write and the messages to send.

`end_turn` takes a worker's answer, `end_without_worker` does what the engine does alone, `fail_workflow` ends an
instance that no worker can run. Each evolves the turn's state in place and returns a `Result` for one commit.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

from antiphon_names import errors as codes
from antiphon_sidecar.engine.actions import (
    Action,
    Complete,
    CreateChild,
    CreateTimer,
    Response,
    ScheduleTask,
    Target,
    Unsupported,
    VersionNotAvailable,
)
from antiphon_sidecar.engine.events import (
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    ChildOutcome,
    Event,
    ExecutionCompleted,
    ExecutionResumed,
    ExecutionStarted,
    ExecutionSuspended,
    ExecutionTerminated,
    Failure,
    Parent,
    Route,
    Status,
    TaskFailed,
    TaskScheduled,
    TimerCreated,
    WorkflowStarted,
)
from antiphon_sidecar.engine.ids import child_incarnation, derive_id, result_row_id
from antiphon_sidecar.engine.messages import Kind, Message, Outgoing
from antiphon_sidecar.engine.state import ActionKind, State, evolve, next_generation, remember
from antiphon_sidecar.engine.turn import Turn


@dataclass(frozen=True, slots=True)
class Scope:
    """What an answer is judged against: the namespace, the largest value and a source of execution IDs."""

    namespace: str
    payload_bytes_max: int
    new_execution_id: Callable[[], str]


@dataclass(slots=True)
class Result:
    """What a turn leads to, for one commit; `state` is the instance after it.

    `tasks` are the scheduled activities that get a row, `start_by` beside each; `timers` those to arm.
    `ended_execution` names the generation whose remaining task and timer rows go. `continues` is set when a next
    generation begins: its START is among `outgoing` and `state` is already the new generation's.
    """

    state: State
    turn: Turn
    events: list[Event]
    generation: int
    turn_number: int
    tasks: list[tuple[TaskScheduled, int | None]] = field(default_factory=list)
    timers: list[TimerCreated] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)
    ended_execution: str | None = None
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Stalled:
    """The worker could not take the turn; nothing is committed and the turn waits for another worker."""

    reason: str


def end_without_worker(turn: Turn, *, now: int) -> Result:
    """Apply a turn that the engine does alone: control messages, rejected starts, late messages."""
    result = _result(turn)
    for event in turn.events:
        evolve(result.state, event)
    control = turn.consumed[-1].events[0] if turn.consumed else None
    match control:
        case ExecutionTerminated():
            _terminate(result, control, now)
        case ExecutionSuspended() | ExecutionResumed():
            if not turn.events:
                suspends = isinstance(control, ExecutionSuspended)
                result.state.status = Status.SUSPENDED if suspends else Status.PENDING
            if control.recurse:
                _tell_children(result, control)
    return result


def _result(turn: Turn) -> Result:
    state = turn.base
    for message in turn.consumed:
        if message.kind in (Kind.EVENT, Kind.CONTROL):
            remember(state, message.message_id)
    result = Result(
        state=state,
        turn=turn,
        events=list(turn.events),
        generation=state.generation,
        turn_number=state.turns,
    )
    for start in turn.rejected:
        refusal = _refuse_start(start)
        if refusal is not None:
            result.outgoing.append(refusal)
    return result


def _terminate(result: Result, control: ExecutionTerminated, now: int) -> None:
    state = result.state
    if control.recurse:
        _tell_children(result, control)
    ended = ExecutionCompleted(
        timestamp=max(now, state.last_turn),
        event_id=-1,
        status=Status.TERMINATED,
        result=control.output,
    )
    end_generation(result, ended)


def _tell_children(result: Result, control: ExecutionTerminated | ExecutionSuspended | ExecutionResumed) -> None:
    state = result.state
    for task_id, child in state.children.items():
        incarnation = child_incarnation(state.incarnation, state.execution_id, task_id)
        result.outgoing.append(
            Outgoing(
                app=child.target,
                instance_id=child.instance_id,
                kind=Kind.CONTROL,
                message_id=derive_id(b"control", result.turn.consumed[-1].message_id, state.incarnation, task_id),
                incarnation=incarnation,
                events=(control,),
            )
        )


def end_generation(result: Result, ended: ExecutionCompleted) -> None:
    """End the run: record it, release its rows and tell its parent."""
    state = result.state
    result.events.append(ended)
    result.ended_execution = state.execution_id
    parent = state.parent
    if parent is not None:
        outcome = _child_outcome(ended, parent.task_id)
        result.outgoing.append(
            Outgoing(
                app=parent.app,
                instance_id=parent.instance_id,
                kind=Kind.CHILD_RESULT,
                message_id=derive_id(b"child-result", state.incarnation, b"", 0),
                incarnation=parent.incarnation,
                execution_id=parent.execution_id,
                ref_id=parent.task_id,
                events=(outcome,),
            )
        )
    evolve(state, ended)


def _child_outcome(ended: ExecutionCompleted, task_id: int) -> ChildOutcome:
    if ended.status is Status.COMPLETED:
        return ChildCompleted(ended.timestamp, task_id, ended.result)
    failure = ended.failure
    if failure is None:
        terminated = ended.status is Status.TERMINATED
        failure = Failure(
            error_type="WorkflowTerminated" if terminated else "WorkflowFailed",
            message="the child workflow was terminated" if terminated else "the child workflow failed",
        )
    return ChildFailed(ended.timestamp, task_id, failure)


def _refuse_start(start: Message) -> Outgoing | None:
    """Answer the parent of a start whose ID is taken by an active run; a client's start is refused earlier."""
    started = start.events[0]
    assert isinstance(started, ExecutionStarted)
    parent = started.parent
    if parent is None:
        return None
    failure = Failure(
        error_type="WorkflowInstanceAlreadyExists",
        message=(
            f'{codes.INSTANCE_ID_IN_USE}: an active workflow with ID "{started.instance_id}" already exists; '
            f'"{parent.instance_id}" ({parent.app}) cannot start a child under it. '
            "Give the child another instance ID, or wait for the other run to end."
        ),
        code=codes.INSTANCE_ID_IN_USE.number,
    )
    return Outgoing(
        app=parent.app,
        instance_id=parent.instance_id,
        kind=Kind.CHILD_RESULT,
        message_id=derive_id("refused-start", start.incarnation),
        incarnation=parent.incarnation,
        execution_id=parent.execution_id,
        ref_id=parent.task_id,
        events=(ChildFailed(started.timestamp, parent.task_id, failure),),
    )


def fail_workflow(turn: Turn, failure: Failure, *, now: int) -> Result:
    """End the turn's instance as FAILED without asking a worker."""
    result = _result(turn)
    for event in turn.events:
        evolve(result.state, event)
    _complete_as(result, -1, Status.FAILED, now, failure=failure)
    return result


def end_turn(turn: Turn, response: Response, *, now: int, scope: Scope) -> Result | Stalled:
    """Apply a worker's answer.

    Actions that the history already holds are dropped by (kind, id). Next to a completion that fails or restarts
    the workflow other actions are dropped; next to COMPLETED, tasks and children still start (Go's SDK relies
    on it for what was never awaited).
    """
    for action in response.actions:
        if isinstance(action, VersionNotAvailable):
            return Stalled(codes.VERSION_NOT_AVAILABLE.name)
        if isinstance(action, Complete) and action.status is Status.STALLED:
            return Stalled(codes.VERSION_NOT_AVAILABLE.name)
    result = _result(turn)
    state = result.state
    result.events = [_with_version(event, response, state) for event in turn.events]
    for event in result.events:
        evolve(state, event)
    state.custom_status = response.custom_status or None
    stamp = max(now, state.last_turn)
    too_large = _too_large(response, scope.payload_bytes_max)
    if too_large is not None:
        _complete_as(result, -1, Status.FAILED, stamp, failure=too_large)
        return result
    _apply(result, response.actions, stamp, scope)
    return result


def _with_version(event: Event, response: Response, state: State) -> Event:
    """Write the version and the patches first met into this turn's WorkflowStarted (wire.md 3.5)."""
    if not isinstance(event, WorkflowStarted) or not (response.version or response.patches):
        return event
    known = set(state.patches)
    new = tuple(dict.fromkeys(patch for patch in response.patches if patch not in known))
    return WorkflowStarted(event.timestamp, response.version, new)


def _apply(result: Result, actions: tuple[Action, ...], stamp: int, scope: Scope) -> None:
    unsupported = next((action for action in actions if isinstance(action, Unsupported)), None)
    if unsupported is not None:
        _complete_as(result, -1, Status.FAILED, stamp, failure=_unsupported(unsupported))
        return
    completion = next((action for action in actions if isinstance(action, Complete)), None)
    if completion is None:
        for action in actions:
            _schedule(result, action, stamp, scope)
    elif completion.status is Status.CONTINUED_AS_NEW:
        _continue(result, completion, stamp, scope)
    else:
        if completion.status is Status.COMPLETED:
            for action in actions:
                if not isinstance(action, CreateTimer):
                    _schedule(result, action, stamp, scope)
        _complete_as(
            result,
            completion.id,
            completion.status,
            stamp,
            output=completion.result,
            failure=completion.failure,
        )


def _schedule(result: Result, action: Action, stamp: int, scope: Scope) -> None:
    match action:
        case ScheduleTask():
            _schedule_task(result, action, stamp, scope)
        case CreateChild():
            _create_child(result, action, stamp, scope)
        case CreateTimer():
            _create_timer(result, action, stamp)
        case Complete() | VersionNotAvailable() | Unsupported():
            pass
        case _:
            assert_never(action)


def _unsupported(action: Unsupported) -> Failure:
    return Failure(
        error_type=codes.ACTION_NOT_SUPPORTED.name,
        message=(
            f"{codes.ACTION_NOT_SUPPORTED}: the workflow asked for {action.kind} (id {action.id}), which this "
            "release does not carry out. Raise events through a client from an activity instead."
        ),
        non_retriable=True,
        code=codes.ACTION_NOT_SUPPORTED.number,
    )


def _too_large(response: Response, limit: int) -> Failure | None:
    for action in response.actions:
        match action:
            case ScheduleTask() | CreateChild():
                value, what = action.input, f'the input of "{action.name}"'
            case Complete():
                value, what = action.result, "the workflow's result"
            case _:
                continue
        if value is not None and len(value) > limit // 4 and len(value.encode()) > limit:
            return Failure(
                error_type=codes.PAYLOAD_TOO_LARGE.name,
                message=(
                    f"{codes.PAYLOAD_TOO_LARGE}: {what} has {len(value.encode())} bytes, the limit is {limit}. "
                    "Store large data elsewhere and pass a reference, or raise the limit in the settings."
                ),
                non_retriable=True,
                code=codes.PAYLOAD_TOO_LARGE.number,
            )
    return None


def _complete_as(
    result: Result,
    action_id: int,
    status: Status,
    stamp: int,
    *,
    output: str | None = None,
    failure: Failure | None = None,
) -> None:
    end_generation(
        result,
        ExecutionCompleted(timestamp=stamp, event_id=action_id, status=status, result=output, failure=failure),
    )


def _route(state: State, target: Target | None) -> Route:
    if target is None or not target.app:
        return Route(source=state.app)
    return Route(source=state.app, target=target.app, namespace=target.namespace)


def _foreign_namespace(target: Target | None, scope: Scope) -> Failure | None:
    if target is None or not target.namespace or target.namespace == scope.namespace:
        return None
    return Failure(
        error_type=codes.NAMESPACE_MISMATCH.name,
        message=(
            f'{codes.NAMESPACE_MISMATCH}: the call names app "{target.app}" in namespace "{target.namespace}", '
            f'but calls stay inside their own, "{scope.namespace}". Deploy the app there, or drop the namespace.'
        ),
        non_retriable=True,
        code=codes.NAMESPACE_MISMATCH.number,
    )


def _record(result: Result, event: TaskScheduled | ChildCreated | TimerCreated) -> None:
    result.events.append(event)
    evolve(result.state, event)


def _schedule_task(result: Result, action: ScheduleTask, stamp: int, scope: Scope) -> None:
    state = result.state
    if (ActionKind.TASK, action.id) in state.seen:
        return
    event = TaskScheduled(
        timestamp=stamp,
        event_id=action.id,
        name=action.name,
        input=action.input,
        version=action.version,
        task_execution_id=action.task_execution_id,
        route=_route(state, action.target),
        extra=action.extra,
    )
    _record(result, event)
    refused = _foreign_namespace(action.target, scope)
    if refused is None:
        wait = action.schedule_to_start_ns
        result.tasks.append((event, None if wait is None else stamp + wait))
        return
    result.outgoing.append(
        Outgoing(
            app=state.app,
            instance_id=state.instance_id,
            kind=Kind.TASK_RESULT,
            message_id=result_row_id(state.incarnation, state.execution_id, action.id),
            incarnation=state.incarnation,
            execution_id=state.execution_id,
            ref_id=action.id,
            events=(TaskFailed(stamp, action.id, refused, action.task_execution_id),),
        )
    )


def _create_child(result: Result, action: CreateChild, stamp: int, scope: Scope) -> None:
    state = result.state
    if (ActionKind.CHILD, action.id) in state.seen:
        return
    instance_id = action.instance_id or f"{state.instance_id}:{action.id:04x}"
    route = _route(state, action.target)
    event = ChildCreated(
        timestamp=stamp,
        event_id=action.id,
        instance_id=instance_id,
        name=action.name,
        input=action.input,
        version=action.version,
        route=route,
        extra=action.extra,
    )
    _record(result, event)
    incarnation = child_incarnation(state.incarnation, state.execution_id, action.id)
    refused = _foreign_namespace(action.target, scope)
    if refused is not None:
        result.outgoing.append(
            Outgoing(
                app=state.app,
                instance_id=state.instance_id,
                kind=Kind.CHILD_RESULT,
                message_id=derive_id("refused-start", incarnation),
                incarnation=state.incarnation,
                execution_id=state.execution_id,
                ref_id=action.id,
                events=(ChildFailed(stamp, action.id, refused),),
            )
        )
        return
    parent = Parent(
        app=state.app,
        instance_id=state.instance_id,
        execution_id=state.execution_id,
        incarnation=state.incarnation,
        task_id=action.id,
        name=state.name,
    )
    execution_id = scope.new_execution_id()
    started = ExecutionStarted(
        timestamp=stamp,
        name=action.name,
        instance_id=instance_id,
        execution_id=execution_id,
        input=action.input,
        version=action.version,
        parent=parent,
        route=Route(source=state.app, target=route.target or state.app),
    )
    result.outgoing.append(
        Outgoing(
            app=route.target or state.app,
            instance_id=instance_id,
            kind=Kind.START,
            message_id=incarnation,
            incarnation=incarnation,
            execution_id=execution_id,
            events=(started,),
        )
    )


def _create_timer(result: Result, action: CreateTimer, stamp: int) -> None:
    state = result.state
    if (ActionKind.TIMER, action.id) in state.seen:
        return
    event = TimerCreated(
        timestamp=stamp,
        event_id=action.id,
        fire_at=action.fire_at,
        name=action.name,
        extra=action.extra,
    )
    _record(result, event)
    result.timers.append(event)


def _continue(result: Result, completion: Complete, stamp: int, scope: Scope) -> None:
    """Begin the next generation: its START row carries the new input and what the workflow kept."""
    state = result.state
    result.ended_execution = state.execution_id
    result.continues = True
    execution_id = scope.new_execution_id()
    started = ExecutionStarted(
        timestamp=stamp,
        name=state.name,
        instance_id=state.instance_id,
        execution_id=execution_id,
        input=completion.result,
        version=completion.new_version,
        parent=state.parent,
        route=Route(source=state.app, target=state.app),
    )
    result.outgoing.append(
        Outgoing(
            app=state.app,
            instance_id=state.instance_id,
            kind=Kind.START,
            message_id=derive_id("continue", state.incarnation, state.execution_id),
            incarnation=state.incarnation,
            execution_id=execution_id,
            events=(started, *completion.carryover),
        )
    )
    result.state = next_generation(state, execution_id=execution_id)
    # The old generation's history goes with this commit; an empty turn 0 takes its place and keeps the IDs of
    # the client messages that were applied.
    result.events = []
    result.generation, result.turn_number = result.state.generation, 0
