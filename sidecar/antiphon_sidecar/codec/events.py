"""History events as bytes: `seal` once before the commit, `unseal` for the fold, batches for rows."""

from collections.abc import Iterable, Sequence

from antiphon_names import errors as codes
from antiphon_proto.v1 import history_pb2 as pb
from antiphon_sidecar.codec import timeouts
from antiphon_sidecar.codec.own import seal_own, unseal_own
from antiphon_sidecar.codec.values import (
    from_failure,
    from_propagation,
    from_text,
    from_trace,
    optional_trace,
    remainder,
    set_route,
    set_timestamp,
    to_failure,
    to_ns,
    to_propagation,
    to_route,
    to_text,
    to_timestamp,
    to_trace,
)
from antiphon_sidecar.engine import events as ev


def pack(sealed: Iterable[bytes]) -> bytes:
    """Join sealed events into one batch, as a history or inbox row holds it."""
    return pb.EventBatch(events=sealed).SerializeToString()


def unpack(batch: bytes) -> Sequence[bytes]:
    """Split a batch into sealed events, oldest first."""
    return list(pb.EventBatch.FromString(batch).events)


def seal(event: ev.Event) -> bytes:
    """Return the event's bytes; what they hold is what `unseal` gives back."""
    if isinstance(event, ev.Unrecognized):
        return event.raw
    wire = pb.HistoryEvent(event_id=-1)
    set_timestamp(wire.timestamp, event.timestamp)
    match event:
        case ev.TaskScheduled() | ev.ChildCreated() | ev.DetachedCreated() | ev.TimerCreated():
            _seal_scheduled(wire, event)
        case ev.TaskCompleted() | ev.TaskFailed() | ev.ChildCompleted() | ev.ChildFailed():
            _seal_outcome(wire, event)
        case ev.TimerFired() | ev.EventRaised() | ev.WorkflowStarted():
            _seal_input(wire, event)
        case ev.PurgeRequested() | ev.RerunFrom():
            seal_own(wire, event)
        case _:
            _seal_execution(wire, event)
    # Tags are a map: only so do the same events always have the same bytes.
    return wire.SerializeToString(deterministic=True)


def _seal_scheduled(
    wire: pb.HistoryEvent, event: ev.TaskScheduled | ev.ChildCreated | ev.DetachedCreated | ev.TimerCreated
) -> None:
    wire.event_id = event.event_id
    match event:
        case ev.TaskScheduled():
            # Filled in place, as the outcome below: there is one of each in every step, and a copy costs twice.
            task = wire.task_scheduled
            task.SetInParent()
            task.name = event.name
            task.task_execution_id = event.task_execution_id
            if event.version is not None:
                task.version.value = event.version
                task.version.SetInParent()
            if event.input is not None:
                task.input.value = event.input
                task.input.SetInParent()
            if event.trace is not None:
                task.parent_trace_context.CopyFrom(from_trace(event.trace))
            if event.propagation is not None:
                task.history_propagation_scope = event.propagation.value  # type: ignore[assignment]
            timeouts.write(task, event.timeouts)
            if event.extra:
                task.MergeFromString(event.extra)
            set_route(wire, event.route)
        case ev.ChildCreated():
            wire.child_workflow_instance_created.CopyFrom(
                pb.ChildWorkflowInstanceCreated(
                    instance_id=event.instance_id,
                    name=event.name,
                    version=from_text(event.version),
                    input=from_text(event.input),
                    parent_trace_context=optional_trace(event.trace),
                    history_propagation_scope=from_propagation(event.propagation),
                    unique_instance_id=event.unique,
                )
            )
            wire.child_workflow_instance_created.MergeFromString(event.extra)
            set_route(wire, event.route)
        case ev.DetachedCreated():
            wire.detached_workflow_instance_created.instance_id = event.instance_id
            wire.detached_workflow_instance_created.SetInParent()
            wire.detached_workflow_instance_created.MergeFromString(event.extra)
            set_route(wire, event.route)
        case ev.TimerCreated():
            wire.timer_created.CopyFrom(pb.TimerCreated(fire_at=to_timestamp(event.fire_at), name=event.name))
            wire.timer_created.MergeFromString(event.extra)


def _seal_outcome(
    wire: pb.HistoryEvent, event: ev.TaskCompleted | ev.TaskFailed | ev.ChildCompleted | ev.ChildFailed
) -> None:
    match event:
        case ev.TaskCompleted():
            done = wire.task_completed
            done.SetInParent()
            done.task_scheduled_id = event.task_id
            done.task_execution_id = event.task_execution_id
            if event.result is not None:
                done.result.value = event.result
                done.result.SetInParent()
            if event.extra:
                done.MergeFromString(event.extra)
        case ev.TaskFailed():
            wire.task_failed.CopyFrom(
                pb.TaskFailed(
                    task_scheduled_id=event.task_id,
                    failure_details=from_failure(event.failure),
                    task_execution_id=event.task_execution_id,
                    heartbeat_details=event.details,
                )
            )
            wire.task_failed.MergeFromString(event.extra)
        case ev.ChildCompleted():
            wire.child_workflow_instance_completed.CopyFrom(
                pb.ChildWorkflowInstanceCompleted(task_scheduled_id=event.task_id, result=from_text(event.result))
            )
            wire.child_workflow_instance_completed.MergeFromString(event.extra)
        case ev.ChildFailed():
            wire.child_workflow_instance_failed.CopyFrom(
                pb.ChildWorkflowInstanceFailed(
                    task_scheduled_id=event.task_id, failure_details=from_failure(event.failure)
                )
            )
            wire.child_workflow_instance_failed.MergeFromString(event.extra)


def _seal_input(wire: pb.HistoryEvent, event: ev.TimerFired | ev.EventRaised | ev.WorkflowStarted) -> None:
    match event:
        case ev.TimerFired():
            wire.timer_fired.CopyFrom(pb.TimerFired(fire_at=to_timestamp(event.fire_at), timer_id=event.timer_id))
        case ev.EventRaised():
            wire.event_raised.CopyFrom(pb.EventRaised(name=event.name, input=from_text(event.input)))
            wire.event_raised.MergeFromString(event.extra)
        case ev.WorkflowStarted():
            wire.workflow_started.SetInParent()
            if event.version is not None or event.patches:
                wire.workflow_started.version.CopyFrom(pb.WorkflowVersion(name=event.version, patches=event.patches))
            wire.workflow_started.tags.update(event.tags)


def _seal_execution(
    wire: pb.HistoryEvent,
    event: ev.ExecutionStarted | ev.ExecutionCompleted | ev.ExecutionStalled | ev.Control,
) -> None:
    match event:
        case ev.ExecutionStarted():
            _seal_started(wire, event)
        case ev.ExecutionCompleted():
            wire.event_id = event.event_id
            wire.execution_completed.CopyFrom(
                pb.ExecutionCompleted(
                    workflow_status=pb.InstanceStatus.Name(int(event.status)),
                    result=from_text(event.result),
                    failure_details=None if event.failure is None else from_failure(event.failure),
                )
            )
        case ev.ExecutionTerminated():
            terminated = pb.ExecutionTerminated(input=from_text(event.output), recurse=event.recurse)
            wire.execution_terminated.CopyFrom(terminated)
        case ev.ExecutionSuspended():
            suspended = pb.ExecutionSuspended(input=from_text(event.reason), recurse=event.recurse)
            wire.execution_suspended.CopyFrom(suspended)
        case ev.ExecutionResumed():
            wire.execution_resumed.CopyFrom(pb.ExecutionResumed(input=from_text(event.reason), recurse=event.recurse))
        case ev.ExecutionStalled():
            wire.execution_stalled.CopyFrom(
                pb.ExecutionStalled(
                    reason=_STALLED.get(event.reason, pb.STALLED_REASON_VERSION_NOT_AVAILABLE),
                    description=event.description,
                    code_name=event.reason,
                    afresh=event.afresh,
                )
            )


def _seal_started(wire: pb.HistoryEvent, event: ev.ExecutionStarted) -> None:
    parent = event.parent
    wire.execution_started.CopyFrom(
        pb.ExecutionStarted(
            name=event.name,
            version=from_text(event.version),
            input=from_text(event.input),
            workflow_instance=pb.WorkflowInstance(
                instance_id=event.instance_id, execution_id=from_text(event.execution_id)
            ),
            parent_instance=None
            if parent is None
            else pb.ParentInstanceInfo(
                task_scheduled_id=parent.task_id,
                name=from_text(parent.name),
                workflow_instance=pb.WorkflowInstance(
                    instance_id=parent.instance_id, execution_id=from_text(parent.execution_id)
                ),
                app_id=parent.app,
                incarnation=parent.incarnation,
                unique_instance_id=parent.unique,
            ),
            scheduled_start_timestamp=None if event.scheduled_at is None else to_timestamp(event.scheduled_at),
            tags=event.tags,
            parent_trace_context=optional_trace(event.trace),
            propagated_history=pb.PropagatedHistory.FromString(event.propagated) if event.propagated else None,
        )
    )
    wire.execution_started.MergeFromString(event.extra)
    set_route(wire, event.route)


def unseal(raw: bytes) -> ev.Event:
    """Read a stored event; one of a newer release comes back as `Unrecognized`, never as an error."""
    wire = pb.HistoryEvent.FromString(raw)
    stamp = to_ns(wire.timestamp)
    match wire.WhichOneof("event_type"):
        case (
            "task_scheduled"
            | "child_workflow_instance_created"
            | "detached_workflow_instance_created"
            | "timer_created"
        ):
            return _unseal_scheduled(wire, stamp)
        case "task_completed" | "task_failed" | "child_workflow_instance_completed" | "child_workflow_instance_failed":
            return _unseal_outcome(wire, stamp)
        case "timer_fired":
            return ev.TimerFired(stamp, wire.timer_fired.timer_id, to_ns(wire.timer_fired.fire_at))
        case "event_raised":
            raised = wire.event_raised
            return ev.EventRaised(
                stamp,
                raised.name,
                to_text(raised.input, present=raised.HasField("input")),
                remainder(raised, ("name", "input")),
            )
        case "workflow_started":
            version = wire.workflow_started.version
            name = version.name if version.HasField("name") else None
            return ev.WorkflowStarted(stamp, name, tuple(version.patches), dict(wire.workflow_started.tags))
        case _:
            return _unseal_execution(wire, stamp, raw)


_CALL_FIELDS = ("name", "input", "version", "parent_trace_context", "history_propagation_scope")
_TASK_FIELDS = (*_CALL_FIELDS, "task_execution_id", "timeouts")
_CHILD_FIELDS = (*_CALL_FIELDS, "instance_id", "unique_instance_id")


def _unseal_scheduled(wire: pb.HistoryEvent, stamp: int) -> ev.Event:
    if wire.HasField("task_scheduled"):
        task = wire.task_scheduled
        return ev.TaskScheduled(
            timestamp=stamp,
            event_id=wire.event_id,
            name=task.name,
            input=to_text(task.input, present=task.HasField("input")),
            version=to_text(task.version, present=task.HasField("version")),
            task_execution_id=task.task_execution_id,
            route=to_route(wire),
            trace=to_trace(task.parent_trace_context, present=task.HasField("parent_trace_context")),
            propagation=to_propagation(task),
            timeouts=timeouts.read(task),
            extra=remainder(task, _TASK_FIELDS),
        )
    if wire.HasField("timer_created"):
        timer = wire.timer_created
        return ev.TimerCreated(
            timestamp=stamp,
            event_id=wire.event_id,
            fire_at=to_ns(timer.fire_at),
            name=timer.name if timer.HasField("name") else None,
            extra=remainder(timer, ("fire_at", "name")),
        )
    if wire.HasField("detached_workflow_instance_created"):
        detached = wire.detached_workflow_instance_created
        return ev.DetachedCreated(
            timestamp=stamp,
            event_id=wire.event_id,
            instance_id=detached.instance_id,
            route=to_route(wire),
            extra=remainder(detached, ("instance_id",)),
        )
    child = wire.child_workflow_instance_created
    return ev.ChildCreated(
        timestamp=stamp,
        event_id=wire.event_id,
        instance_id=child.instance_id,
        name=child.name,
        input=to_text(child.input, present=child.HasField("input")),
        version=to_text(child.version, present=child.HasField("version")),
        route=to_route(wire),
        trace=to_trace(child.parent_trace_context, present=child.HasField("parent_trace_context")),
        propagation=to_propagation(child),
        extra=remainder(child, _CHILD_FIELDS),
        unique=child.unique_instance_id,
    )


def _unseal_outcome(wire: pb.HistoryEvent, stamp: int) -> ev.Event:
    match wire.WhichOneof("event_type"):
        case "task_completed":
            done = wire.task_completed
            return ev.TaskCompleted(
                stamp,
                done.task_scheduled_id,
                to_text(done.result, present=done.HasField("result")),
                done.task_execution_id,
                remainder(done, ("task_scheduled_id", "result", "task_execution_id")),
            )
        case "task_failed":
            failed = wire.task_failed
            return ev.TaskFailed(
                stamp,
                failed.task_scheduled_id,
                to_failure(failed.failure_details),
                failed.task_execution_id,
                remainder(failed, ("task_scheduled_id", "failure_details", "task_execution_id", "heartbeat_details")),
                failed.heartbeat_details if failed.HasField("heartbeat_details") else None,
            )
        case "child_workflow_instance_completed":
            child = wire.child_workflow_instance_completed
            return ev.ChildCompleted(
                stamp,
                child.task_scheduled_id,
                to_text(child.result, present=child.HasField("result")),
                remainder(child, ("task_scheduled_id", "result")),
            )
    broken = wire.child_workflow_instance_failed
    return ev.ChildFailed(
        stamp,
        broken.task_scheduled_id,
        to_failure(broken.failure_details),
        remainder(broken, ("task_scheduled_id", "failure_details")),
    )


_STALLED = {
    codes.PATCH_MISMATCH.name: pb.STALLED_REASON_PATCH_MISMATCH,
    codes.VERSION_NOT_AVAILABLE.name: pb.STALLED_REASON_VERSION_NOT_AVAILABLE,
    codes.HISTORY_TOO_LARGE_FOR_WORKER.name: pb.STALLED_REASON_PAYLOAD_SIZE_EXCEEDED,
    codes.INSTANCE_POISONED.name: pb.STALLED_REASON_INSTANCE_POISONED,
}


_STATUSES = frozenset(int(status) for status in ev.Status)


def _unseal_execution(wire: pb.HistoryEvent, stamp: int, raw: bytes) -> ev.Event:
    match wire.WhichOneof("event_type"):
        case "execution_started":
            return _unseal_started(wire, stamp)
        case "execution_completed" if wire.execution_completed.workflow_status in _STATUSES:
            done = wire.execution_completed
            return ev.ExecutionCompleted(
                timestamp=stamp,
                event_id=wire.event_id,
                status=ev.Status(done.workflow_status),
                result=to_text(done.result, present=done.HasField("result")),
                failure=to_failure(done.failure_details) if done.HasField("failure_details") else None,
            )
        case "execution_terminated":
            ended = wire.execution_terminated
            output = to_text(ended.input, present=ended.HasField("input"))
            return ev.ExecutionTerminated(stamp, output, ended.recurse)
        case "execution_suspended":
            paused = wire.execution_suspended
            reason = to_text(paused.input, present=paused.HasField("input"))
            return ev.ExecutionSuspended(stamp, reason, paused.recurse)
        case "execution_resumed":
            resumed = wire.execution_resumed
            reason = to_text(resumed.input, present=resumed.HasField("input"))
            return ev.ExecutionResumed(stamp, reason, resumed.recurse)
        case "execution_stalled" if wire.execution_stalled.code_name:
            said = wire.execution_stalled
            return ev.ExecutionStalled(stamp, said.code_name, said.description, said.afresh)
        case "purge_requested" | "rerun_from":
            return unseal_own(wire, stamp)
        case _:
            return ev.Unrecognized(stamp, raw)


_STARTED_FIELDS = (
    "name",
    "version",
    "input",
    "workflow_instance",
    "parent_instance",
    "scheduled_start_timestamp",
    "tags",
    "parent_trace_context",
    "propagated_history",
)


def _unseal_started(wire: pb.HistoryEvent, stamp: int) -> ev.ExecutionStarted:
    started = wire.execution_started
    parent = None
    if started.HasField("parent_instance"):
        info = started.parent_instance
        parent = ev.Parent(
            app=info.app_id,
            instance_id=info.workflow_instance.instance_id,
            execution_id=info.workflow_instance.execution_id.value,
            incarnation=info.incarnation,
            task_id=info.task_scheduled_id,
            name=info.name.value,
            unique=info.unique_instance_id,
        )
    scheduled = started.HasField("scheduled_start_timestamp")
    return ev.ExecutionStarted(
        timestamp=stamp,
        name=started.name,
        instance_id=started.workflow_instance.instance_id,
        execution_id=started.workflow_instance.execution_id.value,
        input=to_text(started.input, present=started.HasField("input")),
        version=to_text(started.version, present=started.HasField("version")),
        parent=parent,
        scheduled_at=to_ns(started.scheduled_start_timestamp) if scheduled else None,
        tags=dict(started.tags),
        route=to_route(wire),
        trace=to_trace(started.parent_trace_context, present=started.HasField("parent_trace_context")),
        propagated=started.propagated_history.SerializeToString() if started.HasField("propagated_history") else b"",
        extra=remainder(started, _STARTED_FIELDS),
    )


def seal_failure(failure: ev.Failure | None) -> bytes | None:
    """Return a failure's bytes for an instance row."""
    return None if failure is None else from_failure(failure).SerializeToString()


def unseal_failure(raw: bytes | None) -> ev.Failure | None:
    """Read a failure from an instance row."""
    return None if raw is None else to_failure(pb.FailureDetails.FromString(raw))
