"""What workers receive: activity requests, built once when a task is scheduled and stored as bytes."""

from collections.abc import Iterable

from antiphon_proto.v1 import history_pb2 as pb
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.codec.values import from_text, optional_trace, to_trace
from antiphon_sidecar.engine.events import Trace
from antiphon_sidecar.engine.outcome import NewTask
from antiphon_sidecar.engine.state import State

_NS_PER_MS = 1_000_000


def propagated_history(state: State, events: Iterable[bytes]) -> bytes:
    """Return an instance's own history as it is handed on to an activity or a child."""
    chunk = pb.PropagatedHistoryChunk(
        raw_events=events, app_id=state.app, instance_id=state.instance_id, workflow_name=state.name
    )
    scope = pb.HISTORY_PROPAGATION_SCOPE_OWN_HISTORY
    return pb.PropagatedHistory(scope=scope, chunks=[chunk]).SerializeToString()


def activity_request(state: State, new: NewTask, *, propagated: bytes = b"") -> bytes:
    """Return the serialized request of a task; the attempt is filled in when it is handed out."""
    task, timeouts = new.event, new.event.timeouts
    return wk.ActivityRequest(
        name=task.name,
        version=from_text(task.version),
        input=from_text(task.input),
        workflow_instance=pb.WorkflowInstance(
            instance_id=state.instance_id, execution_id=from_text(state.execution_id)
        ),
        task_id=task.event_id,
        parent_trace_context=optional_trace(task.trace),
        task_execution_id=task.task_execution_id,
        caller_app_id=state.app,
        heartbeat_details=new.details,
        heartbeat_ms=(timeouts.heartbeat_ns or 0) // _NS_PER_MS,
        start_to_close_ms=(timeouts.start_to_close_ns or 0) // _NS_PER_MS,
        propagated_history=pb.PropagatedHistory.FromString(propagated) if propagated else None,
    ).SerializeToString()


def trace_of(request: bytes) -> Trace | None:
    """Return the trace context of a serialized request."""
    read = wk.ActivityRequest.FromString(request)
    return to_trace(read.parent_trace_context, present=read.HasField("parent_trace_context"))
