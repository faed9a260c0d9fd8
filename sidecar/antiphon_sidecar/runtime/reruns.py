"""Running a finished instance again: reads its history and makes the rows of the new run.

Used by `calls`. The rows are written like a client's start: instance row and START row together, with the kept history
in the START. Whoever owns the instance then records it and sends out again what is open, in one commit.
"""

from dataclasses import dataclass

from antiphon_names.errors import EVENT_NOT_FOUND
from antiphon_names.hashing import slot_of
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.codec.own import rerun_marks
from antiphon_sidecar.engine import rerun
from antiphon_sidecar.engine.events import TERMINAL, ExecutionStarted, Status
from antiphon_sidecar.engine.messages import Kind, Outgoing
from antiphon_sidecar.runtime import rows
from antiphon_sidecar.runtime.errors import NotFound, Unfit, not_finished
from antiphon_sidecar.stores.base import InboxRow, InstanceRow, Store


@dataclass(frozen=True, slots=True)
class Rerun:
    """A client's wish. `event_id` None: from the start. `instance_id` None: under the source's own ID."""

    source: str
    event_id: int | None
    instance_id: str | None
    input: str | None = None
    overwrite: bool = False
    child_id: str | None = None


async def rows_of_rerun(
    store: Store, wish: Rerun, *, app: str, namespace: str, new_id: bytes, execution_id: str, now: int
) -> tuple[InstanceRow, InboxRow]:
    """Return the rows that begin the new run.

    Raises:
        NotFound: no such instance.
        Refused: it has not finished.
        Unfit: it has no such event, or what is asked does not fit it.
    """
    row = await store.get_instance(app=app, instance_id=wish.source)
    if row is None:
        raise NotFound(app, wish.source)
    if Status(row.status) not in TERMINAL:
        raise not_finished(app, wish.source, Status(row.status).name)
    batches = await store.history(app=app, instance_id=wish.source)
    instance_id = wish.instance_id or wish.source
    wanted = rerun.Wanted(
        event_id=wish.event_id,
        instance_id=instance_id,
        execution_id=execution_id,
        incarnation=new_id,
        input=wish.input,
        overwrite=wish.overwrite,
        child_id=wish.child_id,
        marks=rerun_marks(wish.source),
    )
    history = [codec.unseal(raw) for batch in batches for raw in codec.unpack(batch.events)]
    try:
        events = rerun.plan(history, wanted, app=app, now=now, namespace=namespace)
    except rerun.CannotRerun as refusal:
        raise Unfit(
            EVENT_NOT_FOUND, f'instance "{wish.source}" in app "{app}" cannot be run again like this: {refusal}.'
        ) from refusal
    started = events[0]
    assert isinstance(started, ExecutionStarted)
    made = InstanceRow(
        app=app,
        instance_id=instance_id,
        slot=slot_of(instance_id),
        incarnation=new_id,
        execution_id=execution_id,
        generation=0,
        version=0,
        status=int(Status.PENDING),
        name=started.name,
        created_at=now,
        updated_at=now,
        tags=rows.tags_of(started.tags),
    )
    start = Outgoing(
        app=app,
        instance_id=instance_id,
        kind=Kind.START,
        message_id=new_id,
        incarnation=new_id,
        execution_id=execution_id,
        events=events,
    )
    return made, rows.inbox_row(start)
