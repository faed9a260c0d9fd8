"""What instances wait for, as messages of the control API, and back."""

from antiphon_proto.v1 import control_pb2 as ct
from antiphon_sidecar.codec.values import to_ns, to_timestamp
from antiphon_sidecar.runtime.why import Stage, TaskAt, Wait

_STAGES = {
    Stage.ABSENT: ct.TaskAtResponse.STAGE_ABSENT,
    Stage.QUEUED: ct.TaskAtResponse.STAGE_QUEUED,
    Stage.RUNNING: ct.TaskAtResponse.STAGE_RUNNING,
    Stage.ENDED: ct.TaskAtResponse.STAGE_ENDED,
}
_NUMBERS = {number: stage for stage, number in _STAGES.items()}


def waiting_on(wait: Wait) -> ct.WaitingOn:
    """Return a wait as a message."""
    return ct.WaitingOn(
        reason=wait.reason,
        message=wait.message,
        since=to_timestamp(wait.since),
        kind=wait.kind,
        app_id=wait.app,
        name=wait.name,
        instance_id=wait.instance_id,
        event_id=wait.event_id,
        until=None if wait.until is None else to_timestamp(wait.until),
        replica=wait.replica,
        attempt=wait.attempt,
        waiting_on=[waiting_on(below) for below in wait.waits],
    )


def wait_of(message: ct.WaitingOn) -> Wait:
    """Return the wait that another replica told."""
    return Wait(
        message.reason,
        message.message,
        to_ns(message.since),
        kind=message.kind,
        app=message.app_id,
        name=message.name,
        instance_id=message.instance_id,
        event_id=message.event_id,
        until=to_ns(message.until) if message.HasField("until") else None,
        replica=message.replica,
        attempt=message.attempt,
        waits=tuple(wait_of(below) for below in message.waiting_on),
    )


def task_answer(found: TaskAt) -> ct.TaskAtResponse:
    """Return how far a replica is with an activity as a message."""
    since = to_timestamp(found.since) if found.since else None
    return ct.TaskAtResponse(
        stage=_STAGES[found.stage], since=since, workers=found.workers, activities=found.activities
    )


def task_at_of(message: ct.TaskAtResponse) -> TaskAt:
    """Return how far another replica says it is with an activity."""
    stage = _NUMBERS.get(message.stage, Stage.ABSENT)
    since = to_ns(message.since) if message.HasField("since") else 0
    return TaskAt(stage, since, message.workers, message.activities)
