"""Events and actions as protobuf: the only module of the replay side that knows the messages.

_replay reads events through `parse` and builds actions through the functions here; the worker sends
what they return. Nothing here decides anything.
"""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from antiphon import _values
from antiphon.errors import (
    CallFailure,
    CodedError,
    Failure,
    NonRetriableError,
    RemoteError,
    ValueInvalid,
    failure_name,
)
from antiphon.tracing import TraceContext
from antiphon_proto.v1 import history_pb2, worker_pb2

Event = history_pb2.HistoryEvent
Action = worker_pb2.WorkflowAction

COMPLETED = history_pb2.INSTANCE_STATUS_COMPLETED
FAILED = history_pb2.INSTANCE_STATUS_FAILED
TERMINATED = history_pb2.INSTANCE_STATUS_TERMINATED
CONTINUED_AS_NEW = history_pb2.INSTANCE_STATUS_CONTINUED_AS_NEW

_SECOND_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MOMENT_NS = 253_402_300_799 * _SECOND_NS + 999_999_999
_STACK_TRACE_CHARS = 16_000
_MESSAGE_CHARS = 16_000
_FAILURE_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of one activity execution, in milliseconds; zero means none."""

    schedule_to_start_ms: int = 0
    start_to_close_ms: int = 0
    schedule_to_close_ms: int = 0
    heartbeat_ms: int = 0


parse = Event.FromString


def kind_of(event: Event) -> str | None:
    """Return the name of the event's type as the proto has it, or None for one not known here."""
    kind: str | None = event.WhichOneof("event_type")
    return kind


def timestamp_ns(event: Event) -> int:
    """Return the event's time in nanoseconds since 1970."""
    stamp = event.timestamp
    return stamp.seconds * _SECOND_NS + stamp.nanos


def moment(ns: int) -> datetime:
    """Return an aware UTC time; what lies below a microsecond is cut off."""
    return _EPOCH + timedelta(microseconds=ns // 1000)


def moment_ns(when: datetime) -> int:
    """Return nanoseconds since 1970 of an aware time."""
    return (when - _EPOCH) // timedelta(microseconds=1) * 1000


def duration_ns(length: timedelta) -> int:
    """Return whole nanoseconds."""
    return length // timedelta(microseconds=1) * 1000


def optional_text(holder: Any, field: str) -> str | None:  # noqa: ANN401  (any message)
    """Return the text of a StringValue field, or None when it is absent."""
    if not holder.HasField(field):
        return None
    text: str = getattr(holder, field).value
    return text


def started_app_id(event: Event) -> str:
    """Return the app that runs this workflow, as ExecutionStarted's router says; "" when unknown."""
    return event.router.target_app_id or event.router.source_app_id


def started_version(event: Event) -> tuple[str, tuple[str, ...]]:
    """Return the version and the patches that a turn was recorded with; "" and none when there are none."""
    started = event.workflow_started
    if not started.HasField("version"):
        return "", ()
    version = started.version
    return version.name, tuple(version.patches)


def version_not_available() -> Action:
    """Build the action that says that this worker cannot run the instance."""
    action = Action(id=1)
    action.workflow_version_not_available.SetInParent()
    return action


def trace_context(holder: Any) -> TraceContext | None:  # noqa: ANN401  (any message)
    """Return the trace context of an ExecutionStarted or an activity request, or None when it has none."""
    if not holder.HasField("parent_trace_context"):
        return None
    found = holder.parent_trace_context
    return TraceContext(found.trace_parent, found.trace_state.value)


def failure_of(details: history_pb2.FailureDetails, *, depth: int = 0) -> Failure:
    """Return recorded details as a value; a chain beyond all measure is cut."""
    inner = None
    if details.HasField("inner_failure") and depth < _FAILURE_DEPTH:
        inner = failure_of(details.inner_failure, depth=depth + 1)
    return Failure(
        error_type=details.error_type or "Unknown",
        message=details.error_message,
        stack_trace=details.stack_trace.value,
        code=details.code,
        non_retriable=details.is_non_retriable,
        inner=inner,
        app=details.app_id,
        data=_data(details),
    )


def _data(details: history_pb2.FailureDetails) -> Any:  # noqa: ANN401  (any JSON value)
    try:
        return _values.decode(optional_text(details, "data"))
    except ValueError:
        return details.data.value


def failure_details(failure: Failure) -> history_pb2.FailureDetails:
    """Return a failure as the message that is recorded."""
    details = history_pb2.FailureDetails(
        error_type=failure.error_type,
        error_message=_writable(failure.message, limit=_MESSAGE_CHARS),
        is_non_retriable=failure.non_retriable,
        code=failure.code,
        app_id=failure.app,
    )
    if failure.data is not None:
        details.data.value = _values.encode(failure.data, what="data of a failure")
    if failure.stack_trace:
        details.stack_trace.value = _writable(failure.stack_trace, limit=_STACK_TRACE_CHARS)
    if failure.inner is not None:
        details.inner_failure.CopyFrom(failure_details(failure.inner))
    return details


def failure_from(error: BaseException, *, depth: int = 0) -> Failure:
    """Return what is recorded of an exception: type, text, trace, data, and what caused it."""
    if isinstance(error, RemoteError):
        return error.failure
    inner: Failure | None = None
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if isinstance(error, CallFailure):
        inner = error.failure
    elif cause is not None and depth < _FAILURE_DEPTH:
        inner = failure_from(cause, depth=depth + 1)
    trace = traceback.format_exception(type(error), error, error.__traceback__, chain=False)
    return Failure(
        error_type=error.code.name if isinstance(error, CodedError) else failure_name(type(error)),
        message=str(error) or type(error).__name__,
        stack_trace="".join(trace),
        code=error.code.number if isinstance(error, CodedError) else "",
        non_retriable=_is_final(error),
        inner=inner,
        data=_sendable_data(error),
    )


def _sendable_data(error: BaseException) -> Any:  # noqa: ANN401  (any JSON value)
    """Return what the exception says beside its text; in place of what is no JSON, why: failures must get through."""
    data = getattr(error, "failure_data", None)
    try:
        return _values.decode(_values.encode_optional(data, what="failure_data"))
    except ValueInvalid as invalid:
        return str(invalid)


def _is_final(error: BaseException) -> bool:
    if isinstance(error, CodedError):
        return not error.code.retriable
    return isinstance(error, NonRetriableError)


def _writable(text: str, *, limit: int) -> str:
    """Cut what is too long, and replace what has no UTF-8 form: a failure must always get through."""
    if len(text) > limit:
        half = limit // 2
        text = f"{text[:half]}\n... {len(text) - limit} characters left out ...\n{text[-half:]}"
    return text.encode("utf-8", "backslashreplace").decode()


def schedule_task(
    *,
    id: int,
    name: str,
    input: str | None,
    task_execution_id: str,
    app: str | None,
    timeouts: Timeouts | None,
) -> Action:
    """Build the action that asks for one activity execution."""
    action = Action(id=id)
    task = action.schedule_task
    task.name = name
    task.task_execution_id = task_execution_id
    if input is not None:
        task.input.value = input
    if timeouts is not None:
        task.timeouts.schedule_to_start_ms = timeouts.schedule_to_start_ms
        task.timeouts.start_to_close_ms = timeouts.start_to_close_ms
        task.timeouts.schedule_to_close_ms = timeouts.schedule_to_close_ms
        task.timeouts.heartbeat_ms = timeouts.heartbeat_ms
    if app is not None:
        action.router.target_app_id = app
    return action


def create_child(
    *,
    id: int,
    name: str,
    input: str | None,
    instance_id: str,
    app: str | None,
    unique: bool = False,
) -> Action:
    """Build the action that starts a child workflow."""
    action = Action(id=id)
    child = action.create_child_workflow
    child.name = name
    child.instance_id = instance_id
    child.unique_instance_id = unique
    if input is not None:
        child.input.value = input
    if app is not None:
        action.router.target_app_id = app
    return action


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a detached workflow is started with."""

    name: str
    input: str | None
    instance_id: str
    app: str | None
    scheduled_at_ns: int | None
    tags: Mapping[str, str]


def create_detached(*, id: int, start: Start) -> Action:
    """Build the action that starts a workflow which is no child."""
    action = Action(id=id)
    detached = action.create_detached_workflow
    detached.name = start.name
    detached.instance_id = start.instance_id
    detached.tags.update(start.tags)
    if start.input is not None:
        detached.input.value = start.input
    if start.scheduled_at_ns is not None:
        seconds, nanos = divmod(min(max(start.scheduled_at_ns, 0), _LAST_MOMENT_NS), _SECOND_NS)
        detached.scheduled_start_timestamp.seconds, detached.scheduled_start_timestamp.nanos = seconds, nanos
    if start.app is not None:
        action.router.target_app_id = start.app
    return action


@dataclass(frozen=True, slots=True)
class Sleep:
    """A timer that workflow code asked for."""


@dataclass(frozen=True, slots=True)
class EventTimeout:
    """The limit of a wait for an event."""

    name: str


@dataclass(frozen=True, slots=True)
class ActivityRetry:
    """The pause before an activity's next attempt."""

    task_execution_id: str


@dataclass(frozen=True, slots=True)
class ChildRetry:
    """The pause before a child workflow's next attempt."""

    instance_id: str


Origin = Sleep | EventTimeout | ActivityRetry | ChildRetry


def create_timer(*, id: int, fire_at_ns: int, origin: Origin) -> Action:
    """Build the action that arms a timer; a time beyond the year 9999 becomes its last moment."""
    action = Action(id=id)
    timer = action.create_timer
    bounded = min(max(fire_at_ns, 0), _LAST_MOMENT_NS)
    timer.fire_at.seconds, timer.fire_at.nanos = divmod(bounded, _SECOND_NS)
    match origin:
        case Sleep():
            timer.create_timer.SetInParent()
        case EventTimeout(name):
            timer.external_event.name = name
        case ActivityRetry(task_execution_id):
            timer.activity_retry.task_execution_id = task_execution_id
        case ChildRetry(instance_id):
            timer.child_workflow_retry.instance_id = instance_id
    return action


def complete(
    *,
    id: int,
    status: history_pb2.InstanceStatus,
    result: str | None = None,
    failure: Failure | None = None,
    carryover: Sequence[bytes] = (),
) -> Action:
    """Build the action that ends this generation."""
    action = Action(id=id)
    end = action.complete_workflow
    end.workflow_status = status
    if result is not None:
        end.result.value = result
    if failure is not None:
        end.failure_details.CopyFrom(failure_details(failure))
    end.carryover_events.extend(carryover)
    return action


_ASKS = {
    "activity": "schedule_task",
    "child workflow": "create_child_workflow",
    "detached workflow": "create_detached_workflow",
    "timer": "create_timer",
}


def asks_for(action: Action, *, kind: str, name: str) -> bool:
    """Tell whether the action asks for this kind of thing by this name, where its event has one."""
    field = _ASKS[kind]
    if action.WhichOneof("workflow_action_type") != field:
        return False
    return kind in ("timer", "detached workflow") or getattr(action, field).name == name


def described(action: Action) -> str:
    """Return an action as people read it: `activity "charge" (#3)`."""
    match action.WhichOneof("workflow_action_type"):
        case "schedule_task":
            return f'activity "{action.schedule_task.name}" (#{action.id})'
        case "create_child_workflow":
            return f'child workflow "{action.create_child_workflow.name}" (#{action.id})'
        case "create_detached_workflow":
            return f'the start of workflow "{action.create_detached_workflow.name}" (#{action.id})'
        case "create_timer":
            return f"a timer (#{action.id})"
        case other:
            return f"{other} (#{action.id})"


def described_event(event: Event) -> str:
    """Return a scheduling event as people read it, in the words of `described`."""
    match event.WhichOneof("event_type"):
        case "task_scheduled":
            return f'activity "{event.task_scheduled.name}" (#{event.event_id})'
        case "child_workflow_instance_created":
            name = event.child_workflow_instance_created.name
            return f'child workflow "{name}" (#{event.event_id})'
        case "detached_workflow_instance_created":
            instance_id = event.detached_workflow_instance_created.instance_id
            return f'the start of instance "{instance_id}" (#{event.event_id})'
        case "timer_created":
            return f"a timer (#{event.event_id})"
        case other:
            return f"{other} (#{event.event_id})"
