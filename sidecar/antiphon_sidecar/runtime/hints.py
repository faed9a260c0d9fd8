"""What the owner of an instance is told of a row that was written for it."""

from antiphon_sidecar.peers.base import Hint
from antiphon_sidecar.stores.base import InboxKind, InboxRow


def hint_of(row: InboxRow, *, created_at: int = 0) -> Hint:
    """Return what the owner of the row's instance is told; `created_at`: of the instance's row, where that is new."""
    return Hint(
        app=row.app,
        instance_id=row.instance_id,
        slot=row.slot,
        row_id=row.row_id,
        kind=int(row.kind),
        incarnation=row.incarnation,
        payload=row.payload,
        execution_id=row.execution_id,
        ref_id=row.ref_id,
        created_at=created_at,
    )


def hinted_row(hint: Hint) -> InboxRow:
    """Return the row that a hint tells of."""
    return InboxRow(
        app=hint.app,
        instance_id=hint.instance_id,
        slot=hint.slot,
        row_id=hint.row_id,
        kind=InboxKind(hint.kind),
        incarnation=hint.incarnation,
        payload=hint.payload,
        execution_id=hint.execution_id,
        ref_id=hint.ref_id,
    )
