"""Who hears of a commit that has landed: those whose message it made durable, or found to be without effect."""

from antiphon_sidecar.engine.messages import Row
from antiphon_sidecar.engine.turn import Turn
from antiphon_sidecar.peers.base import Verdict
from antiphon_sidecar.runtime.effects import Effects
from antiphon_sidecar.runtime.lane import Lane
from antiphon_sidecar.stores.base import TaskRef


def settle(effects: Effects, lane: Lane, turn: Turn, *, app: str) -> None:
    """Answer the targets of results and the callers of client calls that a turn took up."""
    if refs := [TaskRef(app, lane.instance_id, m.execution_id, m.ref_id) for m in turn.consumed if m.row is Row.TASK]:
        effects.results_settled(refs, Verdict.COMMITTED)
    for message in (*turn.consumed, *turn.discarded):
        if message.row is Row.NONE:
            effects.call_settled(message.message_id, applied=True)
    if unwanted := [m for m in turn.discarded if m.row is Row.TASK]:
        effects.results_unwanted(unwanted, lane)
