"""The small conversions that both directions share: timestamps, optional strings, failures, unread fields."""

from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import StringValue

from antiphon_proto.v1 import history_pb2 as pb
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.engine.events import SENTINEL_NS, Failure, Propagation, Route, Trace

_NS = 1_000_000_000
#: 0001-01-01T00:00:00Z, where timestamps begin.
_FIRST_NS = -62_135_596_800 * _NS


def to_ns(stamp: Timestamp) -> int:
    """Return nanoseconds since 1970; lossless, the sentinel included. What no timestamp can be becomes the nearest."""
    return min(max(stamp.seconds * _NS + stamp.nanos, _FIRST_NS), SENTINEL_NS)


def to_timestamp(ns: int) -> Timestamp:
    """Return a timestamp; lossless."""
    return Timestamp(seconds=ns // _NS, nanos=ns % _NS)


def set_timestamp(stamp: Timestamp, ns: int) -> None:
    """Fill in a timestamp that is part of a message; lossless, and set even when it is zero."""
    stamp.SetInParent()
    stamp.seconds, stamp.nanos = divmod(ns, _NS)


def to_text(value: StringValue, *, present: bool) -> str | None:
    """Return the string, or None when the field is absent; an empty string stays one."""
    return value.value if present else None


def from_text(value: str | None) -> StringValue | None:
    """Return a wrapper, or None to leave the field absent."""
    return None if value is None else StringValue(value=value)


#: What the stores keep in columns and indexes is shorter.
NAME_BYTES_MAX = 512


def checked_name(what: str, value: str) -> str:
    """Return an ID or a name that every store can keep.

    Raises:
        ValueError: it is too long, or holds NUL.
    """
    if "\0" in value:
        raise ValueError(f"the {what} holds a NUL character. Remove it.")
    if len(value) * 4 > NAME_BYTES_MAX and len(value.encode()) > NAME_BYTES_MAX:
        raise ValueError(f"the {what} is longer than {NAME_BYTES_MAX} bytes. Choose a shorter one.")
    return value


_FAILURE_FIELDS = ("error_type", "error_message", "stack_trace", "inner_failure", "is_non_retriable", "code")


def to_failure(details: pb.FailureDetails) -> Failure:
    """Read failure details with their causes."""
    return Failure(
        error_type=details.error_type,
        message=details.error_message,
        stack_trace=to_text(details.stack_trace, present=details.HasField("stack_trace")),
        inner=to_failure(details.inner_failure) if details.HasField("inner_failure") else None,
        non_retriable=details.is_non_retriable,
        code=details.code,
        rest=remainder(details, _FAILURE_FIELDS),
    )


def from_failure(failure: Failure) -> pb.FailureDetails:
    """Write failure details with their causes."""
    details = pb.FailureDetails(
        error_type=failure.error_type,
        error_message=failure.message,
        stack_trace=from_text(failure.stack_trace),
        inner_failure=None if failure.inner is None else from_failure(failure.inner),
        is_non_retriable=failure.non_retriable,
        code=failure.code,
    )
    if failure.rest:
        details.MergeFromString(failure.rest)
    return details


def set_route(wire: pb.HistoryEvent, route: Route | None) -> None:
    """Write where a call goes."""
    if route is not None:
        router = wire.router
        router.SetInParent()
        router.source_app_id = route.source
        if route.target is not None:
            router.target_app_id = route.target
        if route.namespace is not None:
            router.target_app_namespace = route.namespace


def to_route(wire: pb.HistoryEvent) -> Route | None:
    """Read where a call goes; None when the event does not say."""
    if not wire.HasField("router"):
        return None
    router = wire.router
    return Route(
        source=router.source_app_id,
        target=router.target_app_id if router.HasField("target_app_id") else None,
        namespace=router.target_app_namespace if router.HasField("target_app_namespace") else None,
    )


def to_propagation(
    call: pb.TaskScheduled | pb.ChildWorkflowInstanceCreated | wk.ScheduleTaskAction | wk.CreateChildWorkflowAction,
) -> Propagation | None:
    """Read how much history a call hands on; a scope that is not known here counts as the widest."""
    if not call.HasField("history_propagation_scope"):
        return None
    scope = call.history_propagation_scope
    return Propagation(scope) if scope in _SCOPES else Propagation.LINEAGE


def from_propagation(scope: Propagation | None) -> pb.HistoryPropagationScope | None:
    """Write a scope, or None to leave the field absent."""
    return None if scope is None else _WIRE_SCOPES[scope]


_WIRE_SCOPES = {
    Propagation.NONE: pb.HISTORY_PROPAGATION_SCOPE_NONE,
    Propagation.OWN: pb.HISTORY_PROPAGATION_SCOPE_OWN_HISTORY,
    Propagation.LINEAGE: pb.HISTORY_PROPAGATION_SCOPE_LINEAGE,
}
_SCOPES = frozenset(int(scope) for scope in Propagation)


def to_trace(context: pb.TraceContext, *, present: bool) -> Trace | None:
    """Read a trace context; None when the field is absent."""
    if not present:
        return None
    state = to_text(context.trace_state, present=context.HasField("trace_state"))
    return Trace(context.trace_parent, context.span_id, state)


def optional_trace(trace: Trace | None) -> pb.TraceContext | None:
    """Write a trace context, or None to leave the field absent."""
    return None if trace is None else from_trace(trace)


def from_trace(trace: Trace) -> pb.TraceContext:
    """Write a trace context."""
    return pb.TraceContext(
        trace_parent=trace.trace_parent, span_id=trace.span_id, trace_state=from_text(trace.trace_state)
    )


def remainder(message: Message, modelled: tuple[str, ...]) -> bytes:
    """Return what a message holds beside the modelled fields, unknown fields included, serialized."""
    rest = type(message)()
    rest.CopyFrom(message)
    for name in modelled:
        rest.ClearField(name)
    return rest.SerializeToString()


def carried_over(message: Message, modelled: tuple[str, ...], event: type[Message]) -> bytes:
    """Return what an action holds beside the modelled fields, as far as its event gives those numbers no meaning.

    The dialect numbers actions and events apart: a router that older SDKs write into an action would be read as the
    event's trace context.
    """
    rest = remainder(message, modelled)
    if not rest:
        return rest
    try:
        as_event = event.FromString(rest)
    except DecodeError:
        # A number that the event reads as something of another form: nothing of it can be told apart.
        return b""
    return remainder(as_event, tuple(field.name for field in event.DESCRIPTOR.fields))
