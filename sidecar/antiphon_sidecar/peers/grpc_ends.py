"""Ends of runs as they travel with notices; used by `grpc_messages`."""

from antiphon_proto.v1 import peer_pb2 as pb
from antiphon_sidecar.peers.base import Ended


def to_wire(end: Ended) -> pb.RunEnded:
    """Write an end."""
    return pb.RunEnded(
        incarnation=end.incarnation,
        execution_id=end.execution_id,
        generation=end.generation,
        version=end.version,
        name=end.name,
        created_at_ns=end.created_at,
        updated_at_ns=end.updated_at,
        started_at_ns=end.started_at,
        completed_at_ns=end.completed_at,
        scheduled_at_ns=end.scheduled_at,
        parent_app_id=end.parent_app,
        parent_instance_id=end.parent_instance,
        custom_status=end.custom_status,
        output=end.output,
        failure=end.failure,
        tags=dict(end.tags),
        started=end.started,
    )


def from_wire(end: pb.RunEnded) -> Ended:
    """Read an end."""
    return Ended(
        incarnation=end.incarnation,
        execution_id=end.execution_id,
        generation=end.generation,
        version=end.version,
        name=end.name,
        created_at=end.created_at_ns,
        updated_at=end.updated_at_ns,
        started_at=end.started_at_ns if end.HasField("started_at_ns") else None,
        completed_at=end.completed_at_ns if end.HasField("completed_at_ns") else None,
        scheduled_at=end.scheduled_at_ns if end.HasField("scheduled_at_ns") else None,
        parent_app=end.parent_app_id if end.HasField("parent_app_id") else None,
        parent_instance=end.parent_instance_id if end.HasField("parent_instance_id") else None,
        custom_status=end.custom_status if end.HasField("custom_status") else None,
        output=end.output if end.HasField("output") else None,
        failure=end.failure if end.HasField("failure") else None,
        tags=tuple(sorted(end.tags.items())),
        started=end.started,
    )
