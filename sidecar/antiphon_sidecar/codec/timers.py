"""What a timer is for, read off the part of its event that the engine carries along unread."""

from dataclasses import dataclass

from antiphon_proto.v1 import history_pb2 as pb


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why a workflow made a timer; each at most one of: `event` it bounds, `task` or `child` it tries again.

    `task` is a task execution ID, `child` an instance ID. All are None for a plain timer, and where the SDK does
    not say.
    """

    event: str | None = None
    task: str | None = None
    child: str | None = None


def purpose(extra: bytes) -> Purpose:
    """Read the origin of a TimerCreated's `extra`."""
    timer = pb.TimerCreated.FromString(extra)
    match timer.WhichOneof("origin"):
        case "external_event":
            return Purpose(event=timer.external_event.name)
        case "activity_retry":
            return Purpose(task=timer.activity_retry.task_execution_id)
        case "child_workflow_retry":
            return Purpose(child=timer.child_workflow_retry.instance_id)
        case _:
            return Purpose()
