"""What a client's start is: a message, and in the store the instance row and the START row. Used by `calls`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from antiphon_names.hashing import slot_of
from antiphon_sidecar.engine.events import ExecutionStarted, Route, Status, Trace
from antiphon_sidecar.engine.messages import Kind, Message, Outgoing, Row
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.runtime import rows
from antiphon_sidecar.stores.base import NEVER, InboxKind, InboxRow, InstanceRow


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


def message_of_start(new: NewInstance, *, app: str, message_id: bytes, execution_id: str, now: int) -> Message:
    """Return the message that begins the run; the run's incarnation is the message's ID."""
    execution_id = new.execution_id or execution_id
    started = ExecutionStarted(
        timestamp=now,
        name=new.name,
        instance_id=new.instance_id,
        execution_id=execution_id,
        input=new.input,
        version=new.version,
        scheduled_at=new.scheduled_at if new.scheduled_at is not None and new.scheduled_at > now else None,
        tags=new.tags or {},
        route=Route(source=app, target=app),
        trace=new.trace,
    )
    return Message(
        kind=Kind.START,
        row=Row.INBOX,
        events=(started,),
        message_id=message_id,
        incarnation=message_id,
        execution_id=execution_id,
    )


def rows_of_start(start: Message, *, app: str) -> tuple[InstanceRow, InboxRow]:
    """Return the rows that begin the run."""
    started = start.events[0]
    assert isinstance(started, ExecutionStarted)
    row = InstanceRow(
        app=app,
        instance_id=started.instance_id,
        slot=slot_of(started.instance_id),
        incarnation=start.message_id,
        execution_id=start.execution_id,
        generation=0,
        version=0,
        status=int(Status.PENDING),
        name=started.name,
        created_at=started.timestamp,
        updated_at=started.timestamp,
        scheduled_at=None if started.scheduled_at is None else min(started.scheduled_at, NEVER),
        tags=rows.tags_of(started.tags),
    )
    outgoing = Outgoing(
        app=app,
        instance_id=started.instance_id,
        kind=Kind.START,
        message_id=start.message_id,
        incarnation=start.message_id,
        execution_id=start.execution_id,
        events=(started,),
    )
    return row, rows.inbox_row(outgoing)


def state_of_start(start: Message, *, app: str, created_at: int) -> State:
    """Return the state of a run of which only the start has been written, at `created_at`."""
    started = start.events[0]
    assert isinstance(started, ExecutionStarted)
    return State(
        app=app,
        instance_id=started.instance_id,
        incarnation=start.incarnation,
        execution_id=start.execution_id,
        name=started.name,
        scheduled_at=started.scheduled_at,
        created_at=created_at,
        tags=dict(started.tags),
    )


def only_named(start: InboxRow) -> InboxRow:
    """Return a hint that has the owner read what is there."""
    return replace(start, kind=InboxKind.CONTROL, payload=b"")
