"""Replay of recorded histories with the code of today. For users, by way of `antiphon.testing`.

Needs neither a sidecar nor its packages: replay is the SDK's own.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from antiphon import _definitions, _guard, _wire
from antiphon._payloads import Payloads
from antiphon._replay import Execution
from antiphon.client import HistoryEntry
from antiphon.codec import PayloadCodec
from antiphon.errors import HistoryInvalid, NonDeterminism
from antiphon_names import errors as names
from antiphon_proto.v1 import history_pb2

Workflow = Callable[..., Any]
History = str | PathLike[str] | Sequence[HistoryEntry | Mapping[str, Any] | bytes]


@dataclass(frozen=True, slots=True)
class Replayed:
    """A history that today's code repeats."""

    workflow: str
    instance_id: str
    events: int
    finished: bool


def replay(
    workflows: Workflow | Sequence[Workflow], history: History, *, codecs: Sequence[PayloadCodec] = ()
) -> Replayed:
    """Run workflow code over a recorded history, and compare what it asks for with what is recorded.

    Args:
        workflows: the function, or several of which the history names one.
        history: a file as `antiphon workflow history ID -o json` writes it, such a file's content, or what
            `Client.history` returns.
        codecs: those of the workers that recorded it.

    Raises:
        NonDeterminism: code and history disagree; the text names both sides.
        HistoryInvalid: it is no history, or one of another workflow.
    """
    table = _definitions.table([workflows] if callable(workflows) else workflows, kind="workflow")
    events = _read(history)
    started = next((event.execution_started for event in events if event.HasField("execution_started")), None)
    if started is None:
        raise HistoryInvalid("the history has no ExecutionStarted event, with which each begins")
    if started.name not in table:
        raise HistoryInvalid(
            f'the history is of workflow "{started.name}"; there is: {names.listing(table)}.'
            f"{names.nearest(started.name, table)}"
        )
    instance = started.workflow_instance
    execution = Execution(
        table,
        instance_id=instance.instance_id,
        execution_id=instance.execution_id.value,
        payloads=Payloads(codecs),
    )
    with _guard.watching():
        try:
            decision = execution.advance([event.SerializeToString() for event in events], ())
        finally:
            execution.close()
    ended = next((event.execution_completed for event in events if event.HasField("execution_completed")), None)
    _compare_ends(started.name, instance.instance_id, decision.actions, ended)
    return Replayed(started.name, instance.instance_id, len(events), finished=ended is not None)


def _compare_ends(
    workflow: str, instance_id: str, actions: Sequence[_wire.Action], ended: history_pb2.ExecutionCompleted | None
) -> None:
    """Compare what the code asks for at the end of the history with how the history ends.

    A history is what was committed, turn by turn, so nothing that was asked for is missing in it, but what a
    workflow asked for in the turn in which it ended.
    """
    end = next((action for action in actions if action.HasField("complete_workflow")), None)
    asked = [_wire.described(action) for action in actions if action is not end]
    recorded = None if ended is None else _status(ended.workflow_status)
    now = None if end is None else _status(end.complete_workflow.workflow_status)
    if recorded == now and (ended is not None or not asked):
        return
    if ended is not None and ended.failure_details.code:
        return  # the runtime ended it, not its code
    says = "waits" if recorded is None else f"ends as {recorded}"
    if now is not None:
        does = f"ends as {now}" + _failure(end)
    else:
        does = f"asks for {names.listing(asked)}" if asked else "waits"
    raise NonDeterminism(
        f'workflow "{workflow}", instance "{instance_id}": history {says} after its last event; the code now {does}. '
        "The workflow's code has changed since this history was recorded, or it depends on something that differs "
        "between runs (clock, randomness, environment)."
    )


def _status(status: history_pb2.InstanceStatus) -> str:
    return history_pb2.InstanceStatus.Name(status).removeprefix("INSTANCE_STATUS_")


def _failure(end: _wire.Action | None) -> str:
    if end is None or not end.complete_workflow.HasField("failure_details"):
        return ""
    return f" ({_wire.failure_of(end.complete_workflow.failure_details)})"


def _read(history: History) -> list[history_pb2.HistoryEvent]:
    if not isinstance(history, str | PathLike):
        return [_event(each, f"event {number}") for number, each in enumerate(history)]
    where = fspath(history)
    try:
        content = json.loads(Path(where).read_text(encoding="utf-8"))
    except OSError as error:
        raise HistoryInvalid(f"{where} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise HistoryInvalid(
            f"{where} is not JSON ({error}); write it with: antiphon workflow history ID -o json"
        ) from error
    if not isinstance(content, list):
        raise HistoryInvalid(f"{where} is no list of events; write it with: antiphon workflow history ID -o json")
    return [_event(each, f"event {number} of {where}") for number, each in enumerate(content)]


def _event(given: object, where: str) -> history_pb2.HistoryEvent:
    match given:
        case bytes():
            return _wire.parse(given)
        case HistoryEntry():
            return _wire.parse(given.raw)
        case Mapping():
            try:
                event: history_pb2.HistoryEvent = json_format.ParseDict(
                    dict(given), history_pb2.HistoryEvent(), ignore_unknown_fields=True
                )
            except json_format.ParseError as error:
                raise HistoryInvalid(f"{where} is no event of a history: {error}") from error
            return event
        case _:
            raise HistoryInvalid(f"{where} is no event of a history: {given!r}")
