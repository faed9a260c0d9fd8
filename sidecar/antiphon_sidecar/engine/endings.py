"""How runs end: completed, failed, terminated, or continued as a new generation; and who is told.

Used by `result`; evolves the turn's state in place, like everything that fills a `Result` in.
"""

from antiphon_sidecar.engine.actions import Complete
from antiphon_sidecar.engine.events import (
    ChildCompleted,
    ChildFailed,
    ChildOutcome,
    ExecutionCompleted,
    ExecutionResumed,
    ExecutionStarted,
    ExecutionSuspended,
    ExecutionTerminated,
    Failure,
    Route,
    Status,
)
from antiphon_sidecar.engine.ids import child_incarnation, derive_id
from antiphon_sidecar.engine.messages import Kind, Outgoing
from antiphon_sidecar.engine.outcome import Result, Scope
from antiphon_sidecar.engine.state import evolve, next_generation


def terminate(result: Result, control: ExecutionTerminated, *, now: int) -> None:
    """End the run as TERMINATED, its output as the caller gave it, whatever the worker thinks of it."""
    state = result.state
    if control.recurse:
        tell_children(result, control)
    ended = ExecutionCompleted(
        timestamp=max(now, state.last_turn),
        event_id=-1,
        status=Status.TERMINATED,
        result=control.output,
    )
    end_generation(result, ended)


def tell_children(result: Result, control: ExecutionTerminated | ExecutionSuspended | ExecutionResumed) -> None:
    """Send a control on to the children that have not ended, each named by the start that made it."""
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


def complete_as(
    result: Result,
    *,
    action_id: int,
    status: Status,
    stamp: int,
    output: str | None = None,
    failure: Failure | None = None,
) -> None:
    """End the run with the id of the action that asked for it, -1 when the engine did."""
    end_generation(
        result,
        ExecutionCompleted(timestamp=stamp, event_id=action_id, status=status, result=output, failure=failure),
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


def continue_as_new(result: Result, completion: Complete, *, stamp: int, scope: Scope) -> None:
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
        tags=dict(state.tags),
        trace=state.trace,
        propagated=state.propagated,
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
