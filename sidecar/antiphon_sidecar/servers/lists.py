"""Lists of instances, as they are asked for on the wire: what a request means for the store."""

from antiphon_proto.v1 import control_pb2 as ct
from antiphon_sidecar.codec.values import to_ns
from antiphon_sidecar.stores.base import InstanceFilter


def wanted(request: ct.ListInstancesRequest) -> InstanceFilter:
    """Return what a list is to hold; text without characters counts as not given."""

    def time(name: str) -> int | None:
        return to_ns(getattr(request, name)) if request.HasField(name) else None

    parent = (request.parent_app_id, request.parent_instance_id) if request.parent_instance_id else None
    return InstanceFilter(
        app=request.app_id or None,
        statuses=list(request.statuses),
        name=request.name or None,
        created_from=time("created_from"),
        created_until=time("created_until"),
        completed_from=time("completed_from"),
        completed_until=time("completed_until"),
        tags=sorted(request.tags.items()),
        parent=parent,
        roots=request.roots,
        id_prefix=request.id_prefix,
        waiting_on=request.waiting_on or None,
        waiting_for_app=request.waiting_for_app_id or None,
    )
