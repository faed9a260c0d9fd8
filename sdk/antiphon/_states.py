"""What a client is told of instances: states and recorded events as values. Used by client."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

from antiphon import _hints, _wire
from antiphon._payloads import Payloads
from antiphon.errors import Failure
from antiphon_proto.v1 import client_pb2, history_pb2

R = TypeVar("R")


class Status(enum.StrEnum):
    """Where an instance stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    STALLED = "STALLED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TERMINATED = "TERMINATED"
    CANCELED = "CANCELED"
    CONTINUED_AS_NEW = "CONTINUED_AS_NEW"

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self in _FINISHED


_FINISHED = frozenset({Status.COMPLETED, Status.FAILED, Status.TERMINATED, Status.CANCELED})


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceState(Generic[R]):
    """An instance as it was when asked for.

    Attributes:
        input: JSON value; None also when payloads were not asked for.
        output: of the type asked for; None until COMPLETED.
        failure: set when FAILED.
        custom_status: JSON value, as the workflow set it.
        waiting_on: why a STALLED instance cannot go on, by the name of an error code; empty when it can.
    """

    instance_id: str
    name: str
    status: Status
    execution_id: str
    created_at: datetime | None
    updated_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    input: Any
    output: R | None
    custom_status: Any
    failure: Failure | None
    tags: Mapping[str, str]
    parent_instance_id: str
    parent_app_id: str
    waiting_on: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One recorded event; `kind` and `details` are as the protocol names them.

    `app`: the app that a call or child was sent to, None for the workflow's own and for other events. `raw`: the
    event as it is recorded, for `testing.replay`.
    """

    event_id: int
    timestamp: datetime
    kind: str
    details: Mapping[str, Any]
    app: str | None = None
    raw: bytes = field(default=b"", repr=False)


def status_number(status: Status) -> history_pb2.InstanceStatus:
    """Return a status as the wire has it."""
    number: history_pb2.InstanceStatus = getattr(history_pb2, _PREFIX + status)
    return number


def read_state(state: client_pb2.WorkflowState, hint: object, payloads: Payloads) -> InstanceState[Any]:
    """Return an instance's state as a value.

    Raises:
        ValueInvalid: its output does not fit `hint`, or cannot be decoded.
    """
    status = Status(history_pb2.InstanceStatus.Name(state.workflow_status).removeprefix(_PREFIX))
    about = f'instance "{state.instance_id}"'
    output_hint = hint if status is Status.COMPLETED else Any

    def value(text: str, hint: object, what: str) -> Any:  # noqa: ANN401  (the hint's type)
        what = f"{what} of {about}"
        return _hints.decode(payloads.decode(text, what=what), hint, what=what)

    failure = None
    if state.HasField("failure_details"):
        failure = _wire.failure_of(payloads.decode_failure(state.failure_details))
    return InstanceState(
        instance_id=state.instance_id,
        name=state.name,
        status=status,
        execution_id=state.execution_id.value,
        created_at=_time(state, "created_timestamp"),
        updated_at=_time(state, "last_updated_timestamp"),
        started_at=_time(state, "started_at"),
        completed_at=_time(state, "completed_timestamp"),
        input=value(state.input.value, Any, "input"),
        output=value(state.output.value, output_hint, "output"),
        custom_status=_hints.decode(state.custom_status.value, Any, what=f"custom status of {about}"),
        failure=failure,
        tags=dict(state.tags),
        parent_instance_id=state.parent_instance_id.value,
        parent_app_id=state.parent_app_id.value,
        waiting_on=state.waiting_on,
    )


_PREFIX = "INSTANCE_STATUS_"


def _time(state: client_pb2.WorkflowState, field: str) -> datetime | None:
    if not state.HasField(field):
        return None
    stamp: Timestamp = getattr(state, field)
    return _wire.moment(stamp.seconds * 1_000_000_000 + stamp.nanos)


def read_entry(raw: bytes) -> HistoryEntry:
    """Return a recorded event as a value."""
    event = _wire.parse(raw)
    kind = _wire.kind_of(event) or "unknown"
    details: Mapping[str, Any] = {}
    if kind != "unknown":
        details = json_format.MessageToDict(getattr(event, kind), preserving_proto_field_name=True)
    return HistoryEntry(
        event_id=event.event_id,
        timestamp=_wire.moment(_wire.timestamp_ns(event)),
        kind=kind,
        details=details,
        app=event.router.target_app_id or None,
        raw=raw,
    )
