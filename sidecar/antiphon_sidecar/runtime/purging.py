"""Purging a finished run with the children that its history names, in whatever app they ran.

Used by `calls`. The store of a namespace holds all its apps, and a finished run has no owner that would have to
agree. Children of earlier generations are not found: their history is gone. A child that still runs is left alone.
"""

from collections.abc import Iterable

from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine.events import TERMINAL, ChildCreated, Status
from antiphon_sidecar.engine.ids import child_incarnation
from antiphon_sidecar.stores.base import InstanceRow, Store


async def purge_run(store: Store, row: InstanceRow, *, recursive: bool) -> int:
    """Delete a finished run, descendants first when `recursive`; return how many runs were deleted.

    Descendants first, because only the history of the parent knows them: after a crash the call can be repeated.
    """
    found = await _family(store, row) if recursive else [row]
    count = 0
    for member in reversed(found):
        history = await store.history(app=member.app, instance_id=member.instance_id)
        created = _children(raw for batch in history for raw in codec.unpack(batch.events))
        starts = [_incarnation(member, child) for child in created]
        count += await store.purge(
            app=member.app, instance_id=member.instance_id, incarnation=member.incarnation, starts=starts
        )
    return count


async def _family(store: Store, row: InstanceRow) -> list[InstanceRow]:
    """Return a run and its finished descendants, parents before their children."""
    found = [row]
    for parent in found:
        history = await store.history(app=parent.app, instance_id=parent.instance_id)
        for child in _children(raw for batch in history for raw in codec.unpack(batch.events)):
            app = child.route.target if child.route is not None and child.route.target else parent.app
            there = await store.get_instance(app=app, instance_id=child.instance_id)
            # Another run of the same ID is none of this parent's: not yet, or not any more.
            if there is None or there.incarnation != _incarnation(parent, child):
                continue
            if Status(there.status) in TERMINAL:
                found.append(there)
    return found


def _children(history: Iterable[bytes]) -> list[ChildCreated]:
    return [event for event in map(codec.unseal, history) if isinstance(event, ChildCreated)]


def _incarnation(parent: InstanceRow, child: ChildCreated) -> bytes:
    return child_incarnation(parent.incarnation, parent.execution_id, child.event_id)
