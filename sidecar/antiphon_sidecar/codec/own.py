"""What only Antiphon knows: messages that stand in no history, and marks in the events of a rerun.

Used by `events`, and by the runtime where it makes a rerun.
"""

from antiphon_proto.v1 import history_pb2 as pb
from antiphon_sidecar.engine import events as ev


def seal_own(wire: pb.HistoryEvent, event: ev.PurgeRequested | ev.RerunFrom) -> None:
    """Fill in the wire's event."""
    match event:
        case ev.PurgeRequested():
            wire.purge_requested.CopyFrom(pb.PurgeRequested(incarnation=event.incarnation, recurse=event.recurse))
        case ev.RerunFrom():
            wire.rerun_from.CopyFrom(pb.RerunFrom(instance_id=event.instance_id, event_id=event.event_id))


def unseal_own(wire: pb.HistoryEvent, stamp: int) -> ev.PurgeRequested | ev.RerunFrom:
    """Read what `seal_own` has written."""
    if wire.HasField("purge_requested"):
        return ev.PurgeRequested(stamp, wire.purge_requested.incarnation, wire.purge_requested.recurse)
    return ev.RerunFrom(stamp, wire.rerun_from.instance_id, wire.rerun_from.event_id)


def rerun_marks(instance_id: str) -> tuple[bytes, bytes, bytes]:
    """Return what says, in an activity's, child's and timer's event, which instance it was rerun from."""
    source = pb.RerunParentInstanceInfo(instance_id=instance_id)
    return (
        pb.TaskScheduled(rerun_parent_instance_info=source).SerializeToString(),
        pb.ChildWorkflowInstanceCreated(rerun_parent_instance_info=source).SerializeToString(),
        pb.TimerCreated(rerun_parent_instance_info=source).SerializeToString(),
    )
