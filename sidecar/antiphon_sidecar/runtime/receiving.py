"""What a replica does with what other replicas, or itself, send it. Used by `replica` alone."""

from typing import TYPE_CHECKING

from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine.messages import Kind
from antiphon_sidecar.peers.base import (
    Answer,
    Await,
    Cancel,
    Dispatch,
    Freed,
    Hint,
    InHand,
    InHandAsked,
    Message,
    Missed,
    Notice,
    Progress,
    Result,
    Verdict,
)
from antiphon_sidecar.runtime import doubts, hints, rows
from antiphon_sidecar.runtime.hand import in_hand
from antiphon_sidecar.runtime.starts import state_of_start
from antiphon_sidecar.stores.base import InboxRow

if TYPE_CHECKING:
    from antiphon_sidecar.runtime.replica import Replica


def received(replica: "Replica", sender: str, message: Message) -> None:
    """Take a message to the part that it is for."""
    match message:
        case Dispatch():
            replica.intake.dispatched(sender, message)
        case Result():
            result_received(replica, sender, message)
        case Answer():
            _answer(replica, sender, message)
        case Hint():
            _hint(replica, hints.hinted_row(message), created_at=message.created_at)
        case InHandAsked():
            replica.send(sender, in_hand(replica.intake.hands.values(), message.app, message.partitions))
        case InHand():
            replica.handover.answered(sender, message)
        case Progress() | Cancel() | Freed():
            _running(replica, sender, message)
        case Await() | Notice() | Missed():
            _waiting(replica, sender, message)


def _running(replica: "Replica", sender: str, message: Progress | Cancel | Freed) -> None:
    match message:
        case Progress():
            doubts.progressed(replica, sender, message)
        case Cancel():
            replica.intake.cancelled(message.ref)
        case Freed():
            replica.limiting.heard(message)


def _waiting(replica: "Replica", sender: str, message: Await | Notice | Missed) -> None:
    match message:
        case Await():
            if message.app == replica.identity.app and replica.instances.owns(message.instance_id):
                replica.askers.asked(sender, message)
        case Notice():
            replica.elsewhere.noticed(sender, message)
        case Missed():
            replica.elsewhere.missed(sender)


def relinked(replica: "Replica", other: str) -> None:
    """Say again what a replica may not have heard: the sweep lets it rest longer each time."""
    replica.dispatcher.remind_all(other)
    if partitions := replica.handover.unanswered(other):
        replica.send(other, InHandAsked(replica.identity.app, partitions))
    replica.elsewhere.missed(other)
    replica.askers.relinked(other)


def result_received(replica: "Replica", sender: str, result: Result) -> None:
    """Deliver a result to its instance, or say that this replica is not its owner."""
    ref = result.ref
    if ref.app != replica.identity.app or not replica.instances.owns(ref.instance_id):
        replica.send(sender, Answer(ref, Verdict.REFUSED))
        return
    replica.senders.setdefault(ref, {})[sender] = None
    replica.tick_soon()
    replica.instances.deliver(
        ref.instance_id,
        [rows.task_result(ref, incarnation=result.incarnation, event=codec.unseal(result.event))],
    )


def _answer(replica: "Replica", sender: str, answer: Answer) -> None:
    if answer.verdict is not Verdict.RETURNED:
        replica.intake.answered(answer)
        return
    if (row := replica.dispatcher.returned(answer.ref, sender)) is not None:
        replica.work.redispatches.add(row)


def _hint(replica: "Replica", row: InboxRow, *, created_at: int) -> None:
    if row.app != replica.identity.app or not replica.instances.owns(row.instance_id):
        return
    lane = replica.instances.get(row.instance_id)
    match Kind(int(row.kind)):
        case Kind.START if created_at and lane is None:
            start = rows.message_of(row)
            state = state_of_start(start, app=row.app, created_at=created_at)
            replica.instances.deliver(row.instance_id, [start], state=state)
        case Kind.START:
            replica.instances.deliver(row.instance_id, [rows.message_of(row)], new=True)
        case Kind.EVENT | Kind.CONTROL if lane is not None:
            replica.work.inbox_reads.add(lane)
        case _:
            replica.instances.deliver(row.instance_id, [] if lane is None else [rows.message_of(row)])
