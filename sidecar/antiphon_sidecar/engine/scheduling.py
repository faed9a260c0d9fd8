"""What actions become: events, task and timer rows, starts of children, and refusals of calls that cannot be.

Used by `result`. An action that the history already holds is dropped by (kind, id).
"""

from typing import assert_never

from antiphon_sidecar.engine import detached, traces
from antiphon_sidecar.engine.actions import (
    Action,
    Complete,
    CreateChild,
    CreateDetached,
    CreateTimer,
    ScheduleTask,
    Unsupported,
    VersionNotAvailable,
)
from antiphon_sidecar.engine.calls import refusal_of, route_of
from antiphon_sidecar.engine.events import (
    ChildCreated,
    ChildFailed,
    ExecutionStarted,
    Parent,
    Route,
    TaskFailed,
    TaskScheduled,
    TimerCreated,
)
from antiphon_sidecar.engine.ids import child_incarnation, derive_id, result_row_id
from antiphon_sidecar.engine.messages import Kind, Outgoing
from antiphon_sidecar.engine.outcome import NewTask, Result, Scope
from antiphon_sidecar.engine.state import ActionKind, evolve


def schedule(result: Result, action: Action, *, stamp: int, scope: Scope) -> None:
    """Carry out an action that asks for something; the others are not for here."""
    match action:
        case ScheduleTask():
            _schedule_task(result, action, stamp, scope)
        case CreateChild():
            _create_child(result, action, stamp, scope)
        case CreateDetached():
            detached.create(result, action, stamp=stamp, scope=scope)
        case CreateTimer():
            _create_timer(result, action, stamp)
        case Complete() | VersionNotAvailable() | Unsupported():
            pass
        case _:
            assert_never(action)


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
        route=route_of(state, action.target),
        trace=traces.of_call(state, action.id),
        propagation=action.propagation,
        timeouts=action.timeouts,
        extra=action.extra,
    )
    _record(result, event)
    refused = refusal_of(state, action, scope)
    if refused is None:
        result.tasks.append(NewTask(event, state.details.get(action.task_execution_id)))
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
    route = route_of(state, action.target)
    event = ChildCreated(
        timestamp=stamp,
        event_id=action.id,
        instance_id=instance_id,
        name=action.name,
        input=action.input,
        version=action.version,
        route=route,
        trace=traces.of_call(state, action.id),
        propagation=action.propagation,
        extra=action.extra,
        unique=action.unique,
    )
    _record(result, event)
    incarnation = child_incarnation(state.incarnation, state.execution_id, action.id)
    refused = refusal_of(state, action, scope)
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
        unique=action.unique,
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
        trace=event.trace,
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
