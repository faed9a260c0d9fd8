"""Ends of runs between the replica that committed one and those where somebody waits for it."""

from antiphon_names.hashing import slot_of
from antiphon_sidecar.peers.base import Ended, Notice
from antiphon_sidecar.runtime import rows
from antiphon_sidecar.runtime.watch import End
from antiphon_sidecar.stores.base import InstanceRow

#: What is larger is read from the store by who waits: it would hold up everything else on the way.
_BYTES_MAX = 64 << 10


def told(end: End) -> Ended | None:
    """Return what others are told of an end; None: they read it."""
    row, started = end.row, rows.sealed_start(end.events)
    if started is None:
        return None
    ended = Ended(
        incarnation=row.incarnation,
        execution_id=row.execution_id,
        generation=row.generation,
        version=row.version,
        name=row.name,
        created_at=row.created_at,
        updated_at=row.updated_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
        scheduled_at=row.scheduled_at,
        parent_app=row.parent_app,
        parent_instance=row.parent_instance,
        custom_status=row.custom_status,
        output=row.output,
        failure=row.failure,
        tags=row.tags,
        started=started,
    )
    return ended if ended.size <= _BYTES_MAX else None


def heard(notice: Notice, ended: Ended) -> End:
    """Return the end of which a notice tells."""
    assert notice.status is not None, "an end comes with its status"
    row = InstanceRow(
        app=notice.app,
        instance_id=notice.instance_id,
        slot=slot_of(notice.instance_id),
        incarnation=ended.incarnation,
        execution_id=ended.execution_id,
        generation=ended.generation,
        version=ended.version,
        status=int(notice.status),
        name=ended.name,
        created_at=ended.created_at,
        updated_at=ended.updated_at,
        started_at=ended.started_at,
        completed_at=ended.completed_at,
        scheduled_at=ended.scheduled_at,
        parent_app=ended.parent_app,
        parent_instance=ended.parent_instance,
        custom_status=ended.custom_status,
        output=ended.output,
        failure=ended.failure,
        tags=ended.tags,
    )
    return End(row, (ended.started,))
