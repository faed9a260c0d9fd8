"""What a turn leads to: the events to append, the rows to write and the messages to send.

`end_turn` takes a worker's answer, `end_without_worker` does what the engine does alone, `fail_workflow` ends an
instance that no worker can run. Each evolves the turn's state in place and returns a `Result` for one commit.
"""

from antiphon_names import errors as codes
from antiphon_sidecar.engine import detached, rerun, sizes
from antiphon_sidecar.engine.actions import Action, Complete, CreateTimer, Response, Unsupported
from antiphon_sidecar.engine.endings import complete_as, continue_as_new, tell_children, terminate
from antiphon_sidecar.engine.events import (
    TERMINAL,
    ChildFailed,
    Event,
    ExecutionResumed,
    ExecutionStarted,
    ExecutionSuspended,
    ExecutionTerminated,
    Failure,
    Status,
    WorkflowStarted,
)
from antiphon_sidecar.engine.ids import derive_id
from antiphon_sidecar.engine.messages import Kind, Message, Outgoing
from antiphon_sidecar.engine.outcome import Result, Scope, Stalled
from antiphon_sidecar.engine.scheduling import schedule
from antiphon_sidecar.engine.stalls import hold_start, judge, stall, without_messages
from antiphon_sidecar.engine.state import State, evolve, go_on, hold, remember
from antiphon_sidecar.engine.turn import Turn


def end_without_worker(turn: Turn, *, now: int) -> Result:
    """Apply a turn that the engine does alone: controls, reruns, rejected starts, late messages."""
    result = _result(turn)
    for event in turn.events:
        evolve(result.state, event)
    control = turn.consumed[-1].events[0] if turn.consumed else None
    match control:
        case ExecutionStarted():
            rerun.resume(result, now=now)
        case ExecutionTerminated():
            terminate(result, control, now=now)
        case ExecutionSuspended() | ExecutionResumed():
            if not turn.events:
                (hold if isinstance(control, ExecutionSuspended) else go_on)(result.state)
                hold_start(result)
            if control.recurse:
                tell_children(result, control)
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


def _refuse_start(start: Message) -> Outgoing | None:
    """Answer the parent of a start whose ID is taken; a client's start is refused earlier."""
    started = start.events[0]
    assert isinstance(started, ExecutionStarted)
    parent = started.parent
    if parent is None:
        return None
    whose, wait = ("a", "") if parent.unique else ("an active", ", or wait for the other run to end")
    failure = Failure(
        error_type="WorkflowInstanceAlreadyExists",
        message=(
            f'{codes.INSTANCE_ID_IN_USE}: {whose} workflow with ID "{started.instance_id}" already exists; '
            f'"{parent.instance_id}" ({parent.app}) cannot start a child under it. '
            f"Give the child another instance ID{wait}."
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
    complete_as(result, action_id=-1, status=Status.FAILED, stamp=now, failure=failure)
    return result


def end_turn(turn: Turn, response: Response, *, now: int, scope: Scope) -> Result | Stalled:
    """Apply a worker's answer.

    Actions that the history already holds are dropped by (kind, id). Next to a completion that fails or restarts
    the workflow other actions are dropped; next to COMPLETED, tasks and children still start (Go's SDK relies
    on it for what was never awaited).
    """
    stalled = judge(turn.base, response)
    if stalled is not None:
        return stalled
    result = _result(turn)
    state = result.state
    result.events = [_with_version(event, response, state) for event in turn.events]
    for event in result.events:
        evolve(state, event)
    state.custom_status = response.custom_status or None
    stamp = max(now, state.last_turn)
    too_large = sizes.of_response(response, limit=scope.payload_bytes_max)
    if too_large is not None:
        state.custom_status = None
        complete_as(result, action_id=-1, status=Status.FAILED, stamp=stamp, failure=too_large)
        return result
    _apply(result, response.actions, stamp, scope)
    return result


def _with_version(event: Event, response: Response, state: State) -> Event:
    """Write the version, the patches first met and the tags that changed into this turn's WorkflowStarted."""
    if not isinstance(event, WorkflowStarted) or not (response.version or response.patches or response.tags):
        return event
    known = set(state.patches)
    new = tuple(dict.fromkeys(patch for patch in response.patches if patch not in known))
    tags = {key: value for key, value in response.tags.items() if state.tags.get(key) != value}
    return WorkflowStarted(event.timestamp, response.version, new, tags)


def _apply(result: Result, actions: tuple[Action, ...], stamp: int, scope: Scope) -> None:
    refused = _refusal(result.state, actions, scope)
    if refused is not None:
        complete_as(result, action_id=-1, status=Status.FAILED, stamp=stamp, failure=refused)
        return
    completion = next((action for action in actions if isinstance(action, Complete)), None)
    if completion is None:
        for action in actions:
            schedule(result, action, stamp=stamp, scope=scope)
    elif completion.status is Status.CONTINUED_AS_NEW:
        continue_as_new(result, completion, stamp=stamp, scope=scope)
    elif completion.status not in TERMINAL:
        complete_as(result, action_id=-1, status=Status.FAILED, stamp=stamp, failure=_not_an_end(completion))
    else:
        if completion.status is Status.COMPLETED:
            for action in actions:
                if not isinstance(action, CreateTimer):
                    schedule(result, action, stamp=stamp, scope=scope)
        complete_as(
            result,
            action_id=completion.id,
            status=completion.status,
            stamp=stamp,
            output=completion.result,
            failure=completion.failure,
        )


def _refusal(state: State, actions: tuple[Action, ...], scope: Scope) -> Failure | None:
    """Return why the workflow fails for what it asked for."""
    unsupported = next((action for action in actions if isinstance(action, Unsupported)), None)
    if unsupported is not None:
        return _unsupported(unsupported)
    return detached.refusal(state, actions, scope)


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


def _not_an_end(completion: Complete) -> Failure:
    return Failure(
        error_type=codes.REQUEST_INVALID.name,
        message=(
            f"{codes.REQUEST_INVALID}: the worker completed the workflow (action {completion.id}) as "
            f"{completion.status.name}, which is no end; known are COMPLETED, FAILED, CANCELED, TERMINATED, "
            "CONTINUED_AS_NEW and STALLED. The instance has failed. Correct or update the worker's SDK."
        ),
        non_retriable=True,
        code=codes.REQUEST_INVALID.number,
    )


__all__ = [
    "Result",
    "Scope",
    "Stalled",
    "end_turn",
    "end_without_worker",
    "fail_workflow",
    "stall",
    "without_messages",
]
