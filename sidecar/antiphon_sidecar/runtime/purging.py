"""Purging finished runs, with the children that their history names, in whatever app they ran.

The store of a namespace holds all its apps, and a finished run has no owner that would have to agree, so any replica
may do it. A child that still runs gets a request into its inbox, and its owner purges it once it has ended. Children
of earlier generations are not found: their history is gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from antiphon_names.hashing import slot_of
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine.events import TERMINAL, ChildCreated, PurgeRequested, Status
from antiphon_sidecar.engine.ids import child_incarnation, derive_id
from antiphon_sidecar.stores.base import InboxKind, InboxRow, InstanceRow, Store


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge came to: runs that are gone, and runs that will be purged once they have ended."""

    deleted: int = 0
    later: int = 0

    def __add__(self, other: "Purged") -> "Purged":
        return Purged(self.deleted + other.deleted, self.later + other.later)


@dataclass(frozen=True, slots=True)
class Child:
    """A child as its parent's history names it."""

    app: str
    instance_id: str
    incarnation: bytes


async def purge_run(store: Store, row: InstanceRow, *, recursive: bool, now: int) -> Purged:
    """Delete a finished run, descendants first when `recursive`.

    Descendants first, because only the history of the parent knows them: after a crash the call can be repeated.
    """
    family, later, starts = [row], 0, {}
    for member in family:
        children = await _children(store, member)
        starts[member.incarnation] = [child.incarnation for child in children]
        for child in children if recursive else ():
            there = await _finished_or_told(store, child, now=now)
            if there is not None and Status(there.status) in TERMINAL:
                family.append(there)
            elif there is not None:
                later += 1
    deleted = 0
    for member in reversed(family):
        deleted += await store.purge(
            app=member.app,
            instance_id=member.instance_id,
            incarnation=member.incarnation,
            starts=starts[member.incarnation],
        )
    return Purged(deleted, later)


async def survey(store: Store, row: InstanceRow) -> Purged:
    """Count the descendants that a purge of this run would delete, and those that it would leave for later."""
    family, later = [row], 0
    for member in family:
        for child in await _children(store, member):
            there = await store.get_instance(app=child.app, instance_id=child.instance_id)
            if there is None or there.incarnation != child.incarnation:
                continue
            if Status(there.status) in TERMINAL:
                family.append(there)
            else:
                later += 1
    return Purged(len(family) - 1, later)


async def _finished_or_told(store: Store, child: Child, *, now: int) -> InstanceRow | None:
    """Return a child's finished run; one that runs, or may begin to, is asked to be purged when it has ended."""
    there = await store.get_instance(app=child.app, instance_id=child.instance_id)
    if there is not None and there.incarnation != child.incarnation:
        # Another run of the same ID is none of this parent's. Its own START may wait behind one that has ended.
        if Status(there.status) not in TERMINAL:
            return None
        there = None
    elif there is not None and Status(there.status) in TERMINAL:
        return there
    (posted,) = await store.post([request(child.app, child.instance_id, child.incarnation, recurse=True, now=now)])
    if posted:
        return there
    # It has ended meanwhile, or was never started.
    ended = await store.get_instance(app=child.app, instance_id=child.instance_id)
    return ended if ended is not None and ended.incarnation == child.incarnation else None


def request(app: str, instance_id: str, incarnation: bytes, *, recurse: bool, now: int) -> InboxRow:
    """Return the inbox row that has a run purged once it has ended; the same whoever makes it."""
    return InboxRow(
        app=app,
        instance_id=instance_id,
        slot=slot_of(instance_id),
        row_id=derive_id("purge", incarnation),
        kind=InboxKind.CONTROL,
        incarnation=incarnation,
        payload=codec.pack([codec.seal(PurgeRequested(now, incarnation, recurse))]),
    )


async def _children(store: Store, row: InstanceRow) -> Sequence[Child]:
    """Return the children that a run's history names, oldest first."""
    found = []
    for batch in await store.history(app=row.app, instance_id=row.instance_id):
        for event in map(codec.unseal, codec.unpack(batch.events)):
            if isinstance(event, ChildCreated):
                app = event.route.target if event.route is not None and event.route.target else row.app
                incarnation = child_incarnation(row.incarnation, row.execution_id, event.event_id)
                found.append(Child(app, event.instance_id, incarnation))
    return found
