"""Turns that cannot be done: when a worker's answer is none, and how the instance is set aside.

Used by `result` and the runtime. A stalled instance keeps its messages; the turn is begun again when there is a
worker that may be able to do it.
"""

import dataclasses

from antiphon_names import errors as codes
from antiphon_sidecar.engine.actions import Complete, Response, VersionNotAvailable
from antiphon_sidecar.engine.events import Event, ExecutionStalled, Status, WorkflowStarted
from antiphon_sidecar.engine.ids import derive_id
from antiphon_sidecar.engine.messages import Kind, Outgoing
from antiphon_sidecar.engine.outcome import Result, Stalled
from antiphon_sidecar.engine.state import State, evolve
from antiphon_sidecar.engine.turn import Turn


def judge(state: State, response: Response) -> Stalled | None:
    """Return why an answer cannot be taken, None when it can; changes nothing.

    The version that a history names is compared before anything else is taken from the answer, and the patches
    that it went through must be those that the worker's code went through first (wire.md 3.5): what else the
    answer says, a failure included, comes from code that is not this instance's.
    """
    if any(isinstance(action, VersionNotAvailable) for action in response.actions):
        return _no_version(state, "the worker that was asked does not have it")
    ended = next((action for action in response.actions if isinstance(action, Complete)), None)
    if ended is not None and ended.status is Status.STALLED:
        said = f": {ended.failure.message}" if ended.failure is not None else ""
        return _no_version(state, f"the worker that was asked cannot go on with it{said}")
    pinned = state.pinned_version
    if response.version and pinned and response.version != pinned:
        return _no_version(state, f'the worker that was asked ran version "{response.version}" instead')
    met = list(dict.fromkeys(response.patches))
    if ended is not None and _broke_off(ended, response):
        return None
    if met[: len(state.patches)] != state.patches:
        return _mismatch(state, met)
    return None


def _broke_off(ended: Complete, response: Response) -> bool:
    """Tell whether an SDK ends the instance for a reason that is none of its code's, such as an answer's size."""
    disagrees = ended.failure is not None and ended.failure.code == codes.NON_DETERMINISM.number
    return ended.id == -1 and not (response.version or response.patches or disagrees)


def _no_version(state: State, what: str) -> Stalled:
    wanted = f'version "{state.pinned_version}"' if state.pinned_version else "the version it needs"
    return Stalled(
        codes.VERSION_NOT_AVAILABLE.name,
        f'{codes.VERSION_NOT_AVAILABLE}: workflow "{state.name}" runs in {wanted}; {what}. The instance waits for a '
        f"worker that has it. Deploy one, or terminate the instance.",
    )


def _mismatch(state: State, met: list[str]) -> Stalled:
    return Stalled(
        codes.PATCH_MISMATCH.name,
        f"{codes.PATCH_MISMATCH}: the history of this instance went through the patches "
        f'{codes.in_order(state.patches)}; the worker\'s code of workflow "{state.name}" went through '
        f"{codes.in_order(met)}. The instance waits for a worker whose code has them, in this order. Deploy one, "
        "or terminate the instance.",
    )


def stall(turn: Turn, stalled: Stalled, *, now: int) -> Result | None:
    """Set the turn's instance aside, its messages untouched; None when it is already, and this reason is known.

    Workers of several kinds may come and go for days: a history holds each reason once until the instance goes on.
    """
    state = turn.base
    if stalled.reason in state.stalled_for:
        return None
    stamp = max(now, state.last_turn)
    # A history begins with a turn's time (wire.md 3.1), also that of an instance that stalls in its first turn.
    events: list[Event] = [] if state.event_count else [WorkflowStarted(stamp)]
    afresh = not state.stalled_for
    events.append(ExecutionStalled(stamp, stalled.reason, stalled.description, afresh))
    result = without_messages(turn)
    for event in events:
        result.events.append(event)
        evolve(state, event)
    return result


def without_messages(turn: Turn) -> Result:
    """Return a result in which nothing has happened and no message has gone."""
    starts = tuple(message for message in turn.consumed if message.kind is Kind.START) if turn.fresh else ()
    held = dataclasses.replace(turn, events=(), consumed=starts, discarded=(), rejected=(), needs_worker=False)
    state = turn.base
    result = Result(state=state, turn=held, events=[], generation=state.generation, turn_number=state.turns)
    hold_start(result)
    return result


def hold_start(result: Result) -> None:
    """Keep a child's start, which its first commit has read, for later under another ID.

    Its first row is gone by then, so that the caller cannot withdraw a child that is an instance (protocol.md 14).
    """
    for message in result.turn.consumed:
        if message.kind is Kind.START:
            result.outgoing.append(
                Outgoing(
                    app=result.state.app,
                    instance_id=result.state.instance_id,
                    kind=Kind.START,
                    message_id=derive_id("held-start", message.incarnation),
                    incarnation=message.incarnation,
                    execution_id=message.execution_id,
                    events=message.events,
                )
            )
