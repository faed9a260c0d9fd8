"""A worker's answer: wire actions to engine actions, and an activity's answer to an engine event."""

from collections.abc import Iterable

from google.protobuf.message import DecodeError

from antiphon_proto.v1 import history_pb2 as pb
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.codec import timeouts
from antiphon_sidecar.codec.events import unseal
from antiphon_sidecar.codec.values import (
    carried_over,
    checked_name,
    to_failure,
    to_ns,
    to_propagation,
    to_text,
    to_trace,
)
from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev

#: Actions that are answered or recorded by their id; the runtime has a use of its own for negative ones.
_COUNTED = frozenset(("schedule_task", "create_child_workflow", "create_detached_workflow", "create_timer"))


def read_response(response: wk.WorkflowResponse) -> ac.Response:
    """Read the answer to a turn, actions in the order given.

    Raises:
        ValueError: a negative id, a status that is not known, a name that no store can keep, or a carried-over event
            that is none.
    """
    version = response.version
    return ac.Response(
        actions=tuple(_read_action(action) for action in response.actions),
        custom_status=response.custom_status.value if response.HasField("custom_status") else None,
        version=version.name if version.HasField("name") else None,
        patches=tuple(version.patches),
        awaited=tuple(response.awaited_events),
        tags=dict(response.tags),
    )


def _target(action: wk.WorkflowAction) -> ac.Target | None:
    router = action.router
    if not router.target_app_id:
        return None
    return ac.Target(checked_name("app ID", router.target_app_id), router.target_app_namespace or None)


def _read_action(action: wk.WorkflowAction) -> ac.Action:
    kind = action.WhichOneof("workflow_action_type")
    if kind in _COUNTED and action.id < 0:
        raise ValueError(f"an action has the id {action.id}; they count from 0")
    match kind:
        case "schedule_task":
            return _read_task(action)
        case "create_child_workflow":
            return _read_child(action)
        case "create_detached_workflow":
            return _read_detached(action)
        case "create_timer":
            timer = action.create_timer
            return ac.CreateTimer(
                id=action.id,
                fire_at=to_ns(timer.fire_at),
                name=timer.name if timer.HasField("name") else None,
                extra=_timer_origin(timer),
            )
        case "complete_workflow":
            return _read_completion(action)
        case "workflow_version_not_available":
            return ac.VersionNotAvailable(action.id)
        case None:
            return ac.Unsupported(action.id, "an action of an unknown kind")
        case _:
            return ac.Unsupported(action.id, kind)


def _read_task(action: wk.WorkflowAction) -> ac.ScheduleTask:
    task = action.schedule_task
    modelled = ("name", "version", "input", "task_execution_id", "history_propagation_scope", "timeouts")
    return ac.ScheduleTask(
        id=action.id,
        name=checked_name("activity name", task.name),
        input=to_text(task.input, present=task.HasField("input")),
        version=to_text(task.version, present=task.HasField("version")),
        task_execution_id=task.task_execution_id,
        target=_target(action),
        timeouts=timeouts.read(task),
        propagation=to_propagation(task),
        extra=carried_over(task, modelled, pb.TaskScheduled),
    )


def _read_child(action: wk.WorkflowAction) -> ac.CreateChild:
    child = action.create_child_workflow
    rest = pb.ChildWorkflowInstanceCreated()
    if child.HasField("retry_parent_instance_info"):
        rest.retry_parent_instance_info.CopyFrom(child.retry_parent_instance_info)
    modelled = (
        "instance_id",
        "name",
        "version",
        "input",
        "history_propagation_scope",
        "retry_parent_instance_info",
        "unique_instance_id",
    )
    return ac.CreateChild(
        id=action.id,
        instance_id=checked_name("child's instance ID", child.instance_id),
        name=checked_name("child's workflow name", child.name),
        input=to_text(child.input, present=child.HasField("input")),
        version=to_text(child.version, present=child.HasField("version")),
        target=_target(action),
        propagation=to_propagation(child),
        extra=rest.SerializeToString() + carried_over(child, modelled, pb.ChildWorkflowInstanceCreated),
        unique=child.unique_instance_id,
    )


def _read_detached(action: wk.WorkflowAction) -> ac.CreateDetached:
    started = action.create_detached_workflow
    scheduled = started.HasField("scheduled_start_timestamp")
    return ac.CreateDetached(
        id=action.id,
        instance_id=checked_name("detached workflow's instance ID", started.instance_id),
        name=checked_name("detached workflow's name", started.name),
        input=to_text(started.input, present=started.HasField("input")),
        version=to_text(started.version, present=started.HasField("version")),
        target=_target(action),
        scheduled_at=to_ns(started.scheduled_start_timestamp) if scheduled else None,
        execution_id=checked_name("detached workflow's execution ID", started.execution_id.value),
        tags=dict(started.tags),
        trace=to_trace(started.parent_trace_context, present=started.HasField("parent_trace_context")),
    )


def _timer_origin(timer: wk.CreateTimerAction) -> bytes:
    """Renumber the origin from the action's fields to the event's, and keep unknown fields."""
    created = pb.TimerCreated()
    match timer.WhichOneof("origin"):
        case "create_timer":
            created.create_timer.CopyFrom(timer.create_timer)
        case "external_event":
            created.external_event.CopyFrom(timer.external_event)
        case "activity_retry":
            created.activity_retry.CopyFrom(timer.activity_retry)
        case "child_workflow_retry":
            created.child_workflow_retry.CopyFrom(timer.child_workflow_retry)
    modelled = ("fire_at", "name", "create_timer", "external_event", "activity_retry", "child_workflow_retry")
    return created.SerializeToString() + carried_over(timer, modelled, pb.TimerCreated)


def _read_completion(action: wk.WorkflowAction) -> ac.Complete:
    done = action.complete_workflow
    return ac.Complete(
        id=action.id,
        status=ev.Status(done.workflow_status),
        result=to_text(done.result, present=done.HasField("result")),
        failure=to_failure(done.failure_details) if done.HasField("failure_details") else None,
        new_version=to_text(done.new_version, present=done.HasField("new_version")),
        carryover=_carryover(done.carryover_events),
    )


def _carryover(raw_events: Iterable[bytes]) -> tuple[ev.EventRaised, ...]:
    try:
        events = [unseal(raw) for raw in raw_events]
    except DecodeError as error:
        raise ValueError("an event to be carried over is none") from error
    return tuple(event for event in events if isinstance(event, ev.EventRaised))


def read_activity_response(
    response: wk.ActivityResponse, *, task_execution_id: str, now: int
) -> ev.TaskCompleted | ev.TaskFailed:
    """Read an activity's answer as the event that it becomes, stamped with `now`."""
    if response.HasField("failure_details"):
        return ev.TaskFailed(now, response.task_id, to_failure(response.failure_details), task_execution_id)
    result = to_text(response.result, present=response.HasField("result"))
    return ev.TaskCompleted(now, response.task_id, result, task_execution_id)
