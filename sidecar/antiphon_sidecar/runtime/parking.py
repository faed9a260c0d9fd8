"""Parking: a message that came the fast way and cannot be applied soon becomes an inbox row (protocol.md 18).

Pure bookkeeping on a lane; the replica does the store's part in between and calls `Instances.parking_over`.
"""

import dataclasses

from antiphon_sidecar.engine.ids import result_row_id
from antiphon_sidecar.engine.messages import Kind, Message, Row
from antiphon_sidecar.runtime.lane import Lane, Phase

#: A run's first turn may take so long before its start is written down. Nobody has been told of the run by then, and
#: when many begin at once, each of them waits for its turn at the worker.
START_PATIENCE_S = 0.25


def to_park(lane: Lane, *, now: float, patience_s: float) -> list[Message]:
    """Return the fast messages that must not wait any longer, and mark the tasks among them.

    A turn in flight for less than `patience_s` is left alone: its commit will do. `now` in monotonic seconds.
    """
    if lane.phase in (Phase.COMMITTING, Phase.LOADING) or lane.answer is not None:
        return []
    in_turn: tuple[Message, ...] = ()
    if lane.phase is Phase.WORKING and lane.turn is not None:
        if now - lane.since < patience_s:
            return []
        in_turn = lane.turn.consumed
    found = [
        m
        for m in (*in_turn, *lane.queue)
        if m.row is Row.TASK and m.ref_id not in lane.replacing and m.ref_id not in lane.replaced
    ]
    known = lane.posting | lane.posted
    found.extend(m for m in (*in_turn, *lane.queue) if m.row is Row.NONE and m.message_id not in known)
    if (in_turn and now - lane.since < START_PATIENCE_S) or lane.replacing:
        found = [m for m in found if m.kind is not Kind.START]
    lane.replacing.update(m.ref_id for m in found if m.row is Row.TASK)
    lane.posting.update(m.message_id for m in found if m.row is Row.NONE)
    return found


def parked(lane: Lane, message: Message, *, there: bool) -> None:
    """Note that a fast message has become an inbox row, or (`there` False) that it has nowhere to go."""
    lane.replacing.discard(message.ref_id)
    lane.posting.discard(message.message_id)
    if lane.gone:
        return
    in_turn = lane.turn is not None and any(m is message for m in lane.turn.consumed)
    if message.row is Row.NONE and in_turn:
        # The turn may still apply it; its row is then found to be of a known message and has no effect.
        lane.posted.add(message.message_id)
        return
    if message.row is Row.NONE:
        # Its row is read with the others, in their order: one that came before it may not have been read yet.
        lane.queue = [m for m in lane.queue if m is not message]
        return
    if in_turn:
        if there:
            lane.replaced.add(message.ref_id)
    else:
        place = next((i for i, m in enumerate(lane.queue) if m is message), None)
        if place is None:
            # Nobody here waits for it any more: its row, if there is one, is read like any other.
            return
        if there:
            lane.queue[place] = replaced_message(message)
        else:
            del lane.queue[place]
    if there:
        lane.known_rows[replaced_message(message).message_id] = None


def as_replaced(lane: Lane, message: Message) -> Message:
    """Return a message as it is now: a result whose row was replaced meanwhile has an inbox row."""
    return replaced_message(message) if message.row is Row.TASK and message.ref_id in lane.replaced else message


def replaced_message(message: Message) -> Message:
    """Return a result as it is once an inbox row carries it."""
    row_id = result_row_id(message.incarnation, message.execution_id, message.ref_id)
    return dataclasses.replace(message, row=Row.INBOX, message_id=row_id)
