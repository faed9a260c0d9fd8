"""Peer messages as they travel between processes, and back."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from antiphon_proto.v1 import peer_pb2 as pb
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.engine.ids import TaskRef
from antiphon_sidecar.peers import grpc_ends as ends
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

_VERDICTS = {
    Verdict.COMMITTED: pb.TaskAnswer.VERDICT_COMMITTED,
    Verdict.REFUSED: pb.TaskAnswer.VERDICT_REFUSED,
    Verdict.GONE: pb.TaskAnswer.VERDICT_GONE,
    Verdict.RETURNED: pb.TaskAnswer.VERDICT_RETURNED,
}
_STATUSES = {int(status): status for status in Status}
_BY_NUMBER = {number: verdict for verdict, number in _VERDICTS.items()}


def batch(messages: Iterable[Message]) -> pb.PeerBatch:
    """Put messages into one; among those of one kind the order stays."""
    made = pb.PeerBatch()
    for message in messages:
        _add(made, message)
    return made


def _add(made: pb.PeerBatch, message: Message) -> None:
    match message:
        case Dispatch():
            wire = made.dispatches.add(
                attempt=message.attempt,
                dispatched_at_ns=message.dispatched_at,
                request=message.request,
                incarnation=message.incarnation,
                slot=message.slot,
                name=message.name,
                watched=message.watched,
                heartbeat_details=message.details,
                lapses_ns=message.lapses_ns,
            )
            _set_key(wire.key, message.ref)
        case Progress() | Cancel() | Freed():
            _add_running(made, message)
        case Result():
            result = made.results.add()
            _set_key(result.key, message.ref)
            result.event = message.event
            result.incarnation = message.incarnation
        case Answer():
            answer = made.answers.add()
            _set_key(answer.key, message.ref)
            answer.verdict = _VERDICTS[message.verdict]
        case Hint():
            made.hints.append(
                pb.InboxHint(
                    app_id=message.app,
                    instance_id=message.instance_id,
                    slot=message.slot,
                    row_id=message.row_id,
                    kind=message.kind,
                    incarnation=message.incarnation,
                    payload=message.payload,
                    execution_id=message.execution_id,
                    ref_id=message.ref_id,
                    created_at=message.created_at,
                )
            )
        case InHandAsked():
            made.questions.append(pb.InHandQuestion(app_id=message.app, partitions=sorted(message.partitions)))
        case InHand():
            tasks = [pb.InHandAnswer.Task(key=_key(ref), attempt=attempt) for ref, attempt in message.refs]
            partitions = sorted(message.partitions)
            made.in_hand.append(pb.InHandAnswer(app_id=message.app, partitions=partitions, tasks=tasks))
        case Await() | Notice() | Missed():
            _add_waiting(made, message)


def _add_running(made: pb.PeerBatch, message: Progress | Cancel | Freed) -> None:
    match message:
        case Progress():
            made.progress.append(
                pb.TaskProgress(
                    key=_key(message.ref),
                    attempt=message.attempt,
                    started_at_ns=message.started_at,
                    beat_at_ns=message.beat_at,
                    heartbeat_details=message.details,
                    waits_for=message.waits_for,
                )
            )
        case Cancel():
            made.cancels.append(pb.TaskCancel(key=_key(message.ref)))
        case Freed():
            made.freed.append(pb.GrantFreed(app_id=message.app, kind=message.kind, name=message.name))


def _add_waiting(made: pb.PeerBatch, message: Await | Notice | Missed) -> None:
    match message:
        case Await():
            made.awaits.append(
                pb.StatusAwaited(
                    app_id=message.app,
                    instance_id=message.instance_id,
                    leaves=sorted(message.leaves),
                    over=message.over,
                )
            )
        case Notice():
            made.notices.append(
                pb.StatusNotice(
                    app_id=message.app,
                    instance_id=message.instance_id,
                    status=message.status,
                    look=message.look,
                    end=None if message.end is None else ends.to_wire(message.end),
                )
            )
        case Missed():
            made.missed = True


def messages(received: pb.PeerBatch) -> Iterator[Message]:
    """Take a batch apart; what a newer release says besides is left out."""
    # Of a dozen kinds a batch has one or two: to ask for the others would cost more than to read those.
    there = {field.name: said for field, said in received.ListFields()}
    for name, read in _READERS:
        for said in there.get(name, ()):
            message = read(said)
            if message is not None:
                yield message
    if received.missed:
        yield Missed()
    for name, read_waiting in _WAITING_READERS:
        for said in there.get(name, ()):
            yield read_waiting(said)


def _in_hand(said: pb.InHandAnswer) -> InHand:
    return InHand(said.app_id, frozenset(said.partitions), tuple((_ref(task.key), task.attempt) for task in said.tasks))


def _answer(answer: pb.TaskAnswer) -> Answer | None:
    verdict = _BY_NUMBER.get(answer.verdict)
    return None if verdict is None else Answer(_ref(answer.key), verdict)


def _await(asked: pb.StatusAwaited) -> Await:
    leaves = frozenset(_STATUSES[number] for number in asked.leaves if number in _STATUSES)
    return Await(asked.app_id, asked.instance_id, leaves, asked.over)


def _notice(notice: pb.StatusNotice) -> Notice:
    status = _STATUSES.get(notice.status) if notice.HasField("status") else None
    end = ends.from_wire(notice.end) if notice.HasField("end") else None
    return Notice(notice.app_id, notice.instance_id, status, notice.look, end)


def _dispatch(dispatch: pb.TaskDispatch) -> Dispatch:
    return Dispatch(
        ref=_ref(dispatch.key),
        incarnation=dispatch.incarnation,
        slot=dispatch.slot,
        name=dispatch.name,
        request=dispatch.request,
        attempt=dispatch.attempt,
        dispatched_at=dispatch.dispatched_at_ns,
        watched=dispatch.watched,
        details=dispatch.heartbeat_details if dispatch.HasField("heartbeat_details") else None,
        lapses_ns=dispatch.lapses_ns,
    )


def _progress(said: pb.TaskProgress) -> Progress:
    return Progress(
        ref=_ref(said.key),
        attempt=said.attempt,
        started_at=said.started_at_ns,
        beat_at=said.beat_at_ns,
        details=said.heartbeat_details if said.HasField("heartbeat_details") else None,
        waits_for=said.waits_for,
    )


def _hint(hint: pb.InboxHint) -> Hint:
    return Hint(
        app=hint.app_id,
        instance_id=hint.instance_id,
        slot=hint.slot,
        row_id=hint.row_id,
        kind=hint.kind,
        incarnation=hint.incarnation,
        payload=hint.payload,
        execution_id=hint.execution_id,
        ref_id=hint.ref_id,
        created_at=hint.created_at,
    )


def _key(ref: TaskRef) -> pb.TaskKey:
    return pb.TaskKey(app_id=ref.app, instance_id=ref.instance_id, execution_id=ref.execution_id, task_id=ref.task_id)


def _set_key(key: pb.TaskKey, ref: TaskRef) -> None:
    # In place, where each task passes: a message made for itself is copied into its batch.
    key.app_id = ref.app
    key.instance_id = ref.instance_id
    key.execution_id = ref.execution_id
    key.task_id = ref.task_id


def _ref(key: pb.TaskKey) -> TaskRef:
    return TaskRef(key.app_id, key.instance_id, key.execution_id, key.task_id)


#: In the order in which what a batch says is taken up.
_READERS: tuple[tuple[str, Callable[[Any], Message | None]], ...] = (
    ("questions", lambda question: InHandAsked(question.app_id, frozenset(question.partitions))),
    ("in_hand", _in_hand),
    ("hints", _hint),
    ("dispatches", _dispatch),
    ("progress", _progress),
    ("cancels", lambda cancel: Cancel(_ref(cancel.key))),
    ("freed", lambda freed: Freed(freed.app_id, freed.kind, freed.name)),
    ("results", lambda result: Result(_ref(result.key), result.incarnation, result.event)),
    ("answers", _answer),
)
_WAITING_READERS: tuple[tuple[str, Callable[[Any], Message]], ...] = (("awaits", _await), ("notices", _notice))
