"""Workflows that a workflow starts and forgets: no parent, no result, no control that reaches them.

The start goes out in the commit of the turn that asked for it, as a child's does. An ID that an active run has is not
an error for the workflow, which has gone on: the start is dropped at its target, and logged there.
"""

from collections.abc import Iterable

from antiphon_sidecar.engine.actions import Action, CreateDetached
from antiphon_sidecar.engine.calls import foreign_namespace, not_allowed, route_of
from antiphon_sidecar.engine.events import DetachedCreated, ExecutionStarted, Failure, Route
from antiphon_sidecar.engine.ids import derive_id
from antiphon_sidecar.engine.messages import Kind, Outgoing
from antiphon_sidecar.engine.outcome import Result, Scope
from antiphon_sidecar.engine.state import ActionKind, State, evolve


def refusal(state: State, actions: Iterable[Action], scope: Scope) -> Failure | None:
    """Return why the workflow cannot have this: nobody waits for a detached start, so that it cannot fail later."""
    for action in actions:
        if not isinstance(action, CreateDetached) or (ActionKind.DETACHED, action.id) in state.seen:
            continue
        failure = foreign_namespace(action.target, scope) or not_allowed(state.app, state.instance_id, action, scope)
        if failure is not None:
            return failure
    return None


def create(result: Result, action: CreateDetached, *, stamp: int, scope: Scope) -> None:
    """Record the start and send it, once for each action."""
    state = result.state
    if (ActionKind.DETACHED, action.id) in state.seen:
        return
    incarnation = derive_id("detached", state.incarnation, state.execution_id, action.id)
    instance_id = action.instance_id or incarnation.hex()
    route = route_of(state, action.target)
    event = DetachedCreated(timestamp=stamp, event_id=action.id, instance_id=instance_id, route=route)
    result.events.append(event)
    evolve(state, event)
    target = route.target or state.app
    execution_id = action.execution_id or scope.new_execution_id()
    later = action.scheduled_at is not None and action.scheduled_at > stamp
    started = ExecutionStarted(
        timestamp=stamp,
        name=action.name,
        instance_id=instance_id,
        execution_id=execution_id,
        input=action.input,
        version=action.version,
        scheduled_at=action.scheduled_at if later else None,
        tags=action.tags,
        route=Route(source=state.app, target=target),
        trace=action.trace,
    )
    result.outgoing.append(
        Outgoing(
            app=target,
            instance_id=instance_id,
            kind=Kind.START,
            message_id=incarnation,
            incarnation=incarnation,
            execution_id=execution_id,
            events=(started,),
        )
    )
