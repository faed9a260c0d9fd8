"""What a client's start is in the store: the instance row and the START row beside it. Used by `calls`."""

from collections.abc import Mapping
from dataclasses import dataclass

from antiphon_names.hashing import slot_of
from antiphon_sidecar.engine.events import ExecutionStarted, Route, Status, Trace
from antiphon_sidecar.engine.messages import Kind, Outgoing
from antiphon_sidecar.runtime import rows
from antiphon_sidecar.stores.base import NEVER, InboxRow, InstanceRow


@dataclass(frozen=True, slots=True)
class NewInstance:
    """A client's start. `scheduled_at` in nanoseconds; past or None means now."""

    instance_id: str
    name: str
    input: str | None = None
    version: str | None = None
    execution_id: str | None = None
    scheduled_at: int | None = None
    tags: Mapping[str, str] | None = None
    unique: bool = False
    trace: Trace | None = None


def rows_of_start(
    new: NewInstance, *, app: str, message_id: bytes, execution_id: str, now: int
) -> tuple[InstanceRow, InboxRow]:
    """Return the rows that begin the run; its incarnation is the message's ID."""
    execution_id = new.execution_id or execution_id
    scheduled = new.scheduled_at if new.scheduled_at is not None and new.scheduled_at > now else None
    started = ExecutionStarted(
        timestamp=now,
        name=new.name,
        instance_id=new.instance_id,
        execution_id=execution_id,
        input=new.input,
        version=new.version,
        scheduled_at=scheduled,
        tags=new.tags or {},
        route=Route(source=app, target=app),
        trace=new.trace,
    )
    row = InstanceRow(
        app=app,
        instance_id=new.instance_id,
        slot=slot_of(new.instance_id),
        incarnation=message_id,
        execution_id=execution_id,
        generation=0,
        version=0,
        status=int(Status.PENDING),
        name=new.name,
        created_at=now,
        updated_at=now,
        scheduled_at=None if scheduled is None else min(scheduled, NEVER),
        tags=rows.tags_of(started.tags),
    )
    start = rows.inbox_row(
        Outgoing(
            app=app,
            instance_id=new.instance_id,
            kind=Kind.START,
            message_id=message_id,
            incarnation=message_id,
            execution_id=execution_id,
            events=(started,),
        )
    )
    return row, start
