"""One instance of an app, as any sidecar on the app's store starts, tells of and steers it."""

from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import StringValue

from antiphon_names.errors import CODES
from antiphon_operator.control.client import ANSWER_S, ControlClient, Refused
from antiphon_operator.reconcile.observed import Absent, Failure, Instance
from antiphon_operator.reconcile.outcome import StartInstance, SteerInstance
from antiphon_proto.methods import TASK_HUB
from antiphon_proto.v1 import client_pb2 as cl
from antiphon_proto.v1 import history_pb2 as pb

#: A sidecar waits up to 5 s for the first turn before it answers a start, and for a steering to be recorded.
DONE_S = 8.0
#: A start is durable long before: where no worker of the app is there to take a turn, nobody waits for one.
WRITTEN_S = 2.0
_PREFIX = "INSTANCE_STATUS_"
_NAMES = {code.number: code.name for code in CODES}
_KNOWN = frozenset(_NAMES.values())
_STEERING: dict[str, tuple[str, Any]] = {
    "suspend": ("SuspendInstance", cl.SuspendRequest),
    "resume": ("ResumeInstance", cl.ResumeRequest),
    "terminate": ("TerminateInstance", cl.TerminateRequest),
}


class Instances:
    """Calls of TaskHubSidecarService at peer ports, the router naming the app."""

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    async def start(self, address: str, wish: StartInstance, *, timeout_s: float) -> None:
        """Start an instance, or find that its ID is there; returns when it is durable, or has had its first turn.

        Raises:
            Refused: the replica says no.
            TimedOut: it has not answered yet; the instance may have been started.
            NotAnswered: it does not answer.
        """
        request = cl.CreateInstanceRequest(
            instance_id=wish.instance_id,
            name=wish.workflow,
            input=_text(wish.input),
            version=_text(wish.version),
            enforce_unique_instance_id=True,
            router=pb.TaskRouter(target_app_id=wish.app_id),
        )
        try:
            await self._client.call(address, TASK_HUB["StartInstance"], request, timeout_s=timeout_s)
        except Refused as refused:
            if refused.status != "ALREADY_EXISTS":
                raise

    async def get(self, address: str, app_id: str, instance_id: str) -> Instance | Absent:
        """Return an instance; what came of it once it has ended.

        Raises:
            Refused: the replica says no.
            NotAnswered: it does not answer in time.
        """
        router = pb.TaskRouter(target_app_id=app_id)
        request = cl.GetInstanceRequest(instance_id=instance_id, router=router)
        found = _instance(await self._client.call(address, TASK_HUB["GetInstance"], request))
        if isinstance(found, Absent) or not found.ended:
            return found
        request.get_inputs_and_outputs = True
        try:
            return _instance(await self._client.call(address, TASK_HUB["GetInstance"], request))
        except Refused as refused:
            if refused.status != "RESOURCE_EXHAUSTED":
                raise
            return Instance(found.state, found.created, found.completed, too_large=True)

    async def steer(self, address: str, wish: SteerInstance) -> None:
        """Suspend, resume or terminate an instance; one that has ended stays as it is.

        Raises:
            Refused: the replica says no.
            NotAnswered: it does not answer in time.
        """
        name, kind = _STEERING[wish.to]
        request = kind(instance_id=wish.instance_id, router=pb.TaskRouter(target_app_id=wish.app_id))
        if wish.to == "terminate":
            request.recursive = True
        else:
            request.reason.value = wish.why
        try:
            await self._client.call(address, TASK_HUB[name], request, timeout_s=DONE_S)
        except Refused as refused:
            if refused.status != "NOT_FOUND":
                raise


def code_of(details: str) -> str:
    """Return the name of the code that a sidecar's refusal begins with, empty when it begins with none."""
    return _NAMES.get(details.split(" ", 1)[0], "")


def without_code(details: str) -> str:
    """Return a sidecar's refusal without the code that it begins with."""
    return details.partition(": ")[2] if code_of(details) else details


def _text(value: str | None) -> StringValue | None:
    return None if value is None else StringValue(value=value)


def _instance(answer: cl.GetInstanceResponse) -> Instance | Absent:
    if not answer.exists:
        return Absent()
    state = answer.workflow_state
    created = _time(state.created_timestamp)
    return Instance(
        state=pb.InstanceStatus.Name(state.workflow_status).removeprefix(_PREFIX),
        created=created,
        completed=_time(state.completed_timestamp) if state.HasField("completed_timestamp") else None,
        output=state.output.value if state.HasField("output") else None,
        failure=_failure(state.failure_details) if state.HasField("failure_details") else None,
        waiting_on=state.waiting_on,
    )


def _failure(found: pb.FailureDetails) -> Failure:
    # The sidecar's own failures carry a code: the number and the name, or the name alone.
    code = _NAMES.get(found.code.split(" ", 1)[0], found.code)
    return Failure(found.error_type, found.error_message, code if code in _KNOWN else "")


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)


__all__ = ["ANSWER_S", "DONE_S", "WRITTEN_S", "Instances", "code_of", "without_code"]
