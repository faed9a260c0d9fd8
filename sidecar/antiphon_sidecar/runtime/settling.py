"""Who hears of a commit that has landed: those whose message it made durable, or found to be without effect."""

from collections.abc import Iterable

from antiphon_sidecar.engine.messages import Kind, Message, Row
from antiphon_sidecar.engine.turn import Turn
from antiphon_sidecar.peers.base import Verdict
from antiphon_sidecar.runtime.effects import Effects
from antiphon_sidecar.runtime.lane import Lane
from antiphon_sidecar.stores.base import Commit, TaskRef


def settle(effects: Effects, lane: Lane, turn: Turn, *, app: str) -> None:
    """Answer the targets of results and the callers of client calls that a turn took up."""
    if refs := [TaskRef(app, lane.instance_id, m.execution_id, m.ref_id) for m in turn.consumed if m.row is Row.TASK]:
        effects.results_settled(refs, Verdict.COMMITTED)
    for message in (*turn.consumed, *turn.discarded):
        if message.row is Row.NONE:
            effects.call_settled(message.message_id, applied=True)
    if unwanted := [m for m in turn.discarded if m.row is Row.TASK]:
        effects.results_unwanted(unwanted, lane)
    for message in turn.rejected:
        if message.row is Row.NONE:
            effects.call_settled(message.message_id, applied=False)


def begins_run(commit: Commit) -> bool:
    """Tell whether a commit makes a run of a client's start that has no rows."""
    return commit.expect_version is None and commit.known_inbox is not None


def waits_for_rows(lane: Lane) -> bool:
    """Tell whether a start is being written down right now."""
    return bool(lane.replacing) and any(m.kind is Kind.START and m.row is Row.NONE for m in lane.queue)


def settle_starts(effects: Effects, lane: Lane, kept: Iterable[Message]) -> list[Message]:
    """Answer the callers of starts that had no rows when their instance was read; return the other messages.

    The run is there if the commit that began it has landed. If it is not, it never will be by that commit: whoever
    reads after a commit of unknown outcome has a newer epoch.
    """
    others: list[Message] = []
    for message in kept:
        if message.row is Row.NONE and message.kind is Kind.START:
            there = lane.state is not None and lane.state.incarnation == message.message_id
            effects.call_settled(message.message_id, applied=there)
            lane.replacing.discard(message.ref_id)
        else:
            others.append(message)
    return others
