"""What workers receive: activity requests, built once when a task is scheduled and stored as bytes."""

from antiphon_proto.v1 import history_pb2 as pb
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.codec.values import from_text
from antiphon_sidecar.engine.events import TaskScheduled
from antiphon_sidecar.engine.state import State


def activity_request(state: State, task: TaskScheduled) -> bytes:
    """Return the serialized request of a task; the attempt is filled in when it is handed out."""
    scheduled = pb.TaskScheduled.FromString(task.extra)
    return wk.ActivityRequest(
        name=task.name,
        version=from_text(task.version),
        input=from_text(task.input),
        workflow_instance=pb.WorkflowInstance(
            instance_id=state.instance_id, execution_id=from_text(state.execution_id)
        ),
        task_id=task.event_id,
        parent_trace_context=scheduled.parent_trace_context if scheduled.HasField("parent_trace_context") else None,
        task_execution_id=task.task_execution_id,
        caller_app_id=state.app,
    ).SerializeToString()
