"""Golden histories as files: rows as a released version stored them, and what they must be understood as."""

import dataclasses
import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.stores.base import HistoryRow, InstanceRow

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the SDK answered to a turn: its first `new` events were news, `actions` are serialized."""

    new: int
    actions: tuple[bytes, ...]
    custom_status: str | None

    @classmethod
    def of(cls, answer: wk.WorkflowResponse, *, new: int) -> "Replayed":
        """Read an answer."""
        return cls(
            new,
            tuple(action.SerializeToString(deterministic=True) for action in answer.actions),
            answer.custom_status.value if answer.HasField("custom_status") else None,
        )


@dataclass(frozen=True, slots=True)
class Golden:
    """One instance; `replayed` has an entry for each turn, None for those of the engine alone."""

    version: str
    row: InstanceRow
    history: tuple[HistoryRow, ...]
    state: Mapping[str, Any]
    replayed: tuple[Replayed | None, ...]


def drop_stack_traces(action: wk.WorkflowAction) -> None:
    """Remove the stack traces of a failure and its causes."""
    if action.complete_workflow.HasField("failure_details"):
        failure = action.complete_workflow.failure_details
        failure.ClearField("stack_trace")
        while failure.HasField("inner_failure"):
            failure = failure.inner_failure
            failure.ClearField("stack_trace")


def says(action: wk.WorkflowAction, recorded: bytes) -> bool:
    """Tell whether an action says all that was recorded; later versions may say more."""
    known = wk.WorkflowAction.FromString(recorded)
    found = wk.WorkflowAction.FromString(action.SerializeToString())
    drop_stack_traces(found)
    kind = known.WhichOneof("workflow_action_type")
    if (found.id, found.WhichOneof("workflow_action_type")) != (known.id, kind):
        return False
    if list(found.complete_workflow.carryover_events) != list(known.complete_workflow.carryover_events):
        return False
    if kind == "complete_workflow":
        del known.complete_workflow.carryover_events[:]
    both = wk.WorkflowAction.FromString(found.SerializeToString())
    both.MergeFrom(known)
    return both == found


def described(state: State) -> dict[str, Any]:
    """Return a state as JSON would hold it, without what later versions may add."""
    return {field.name: _plain(getattr(state, field.name)) for field in dataclasses.fields(state)}


def _plain(value: Any) -> Any:
    """Return values as JSON has them: bytes as hex, sets sorted, keys as text."""
    match value:
        case bytes():
            return value.hex()
        case enum.Enum():
            return value.name
        case set():
            return sorted(_plain(item) for item in value)
        case tuple() | list():
            return [_plain(item) for item in value]
        case dict():
            return {_key(key): _plain(item) for key, item in value.items()}
        case _ if dataclasses.is_dataclass(value):
            found = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
            # What is carried over unread; younger than the first histories.
            return {name: part for name, part in found.items() if (name, part) != ("rest", "")}
    return value


def _key(key: Any) -> str:
    return key.hex() if isinstance(key, bytes) else str(key)


def write(golden: Golden) -> dict[str, Any]:
    """Return what the file holds."""
    return {
        "version": golden.version,
        "row": _plain(golden.row),
        "history": _plain(golden.history),
        "state": golden.state,
        "replayed": _plain(golden.replayed),
    }


_ROW_BYTES = ("incarnation", "custom_status", "output", "failure")


def read(path: Path) -> Golden:
    """Read a file."""
    found = json.loads(path.read_text(encoding="utf-8"))
    row = {
        key: bytes.fromhex(value) if key in _ROW_BYTES and value is not None else value
        for key, value in found["row"].items()
    }
    return Golden(
        version=found["version"],
        row=InstanceRow(**row),
        history=tuple(
            HistoryRow(
                generation=turn["generation"],
                turn=turn["turn"],
                events=bytes.fromhex(turn["events"]),
                event_count=turn["event_count"],
                commit_id=bytes.fromhex(turn["commit_id"]),
                message_ids=bytes.fromhex(turn["message_ids"]),
            )
            for turn in found["history"]
        ),
        state=found["state"],
        replayed=tuple(
            None
            if turn is None
            else Replayed(turn["new"], tuple(bytes.fromhex(raw) for raw in turn["actions"]), turn["custom_status"])
            for turn in found["replayed"]
        ),
    )
