"""All that an instance waits for, its children's waits below theirs."""

from dataclasses import dataclass

from antiphon_names import reasons
from antiphon_sidecar.engine.events import TERMINAL, Status
from antiphon_sidecar.engine.state import OpenChild
from antiphon_sidecar.runtime import rows
from antiphon_sidecar.runtime.why import calls, pauses
from antiphon_sidecar.runtime.why.base import Scene, Subject, Wait, counted, facts
from antiphon_sidecar.runtime.why.own import own
from antiphon_sidecar.stores.base import InstanceRow

#: How deep children of children are followed, how many instances are read, and how much each lists.
_DEPTH_MAX = 8
_INSTANCES_MAX = 50
_WAITS_MAX = 20


@dataclass(slots=True)
class _Budget:
    """How many more instances may be read for one question."""

    instances: int = _INSTANCES_MAX


async def why(row: InstanceRow, scene: Scene) -> list[Wait]:
    """Return what an instance waits for; empty when it has ended.

    Raises:
        StoreError: the store does not answer.
    """
    return list(await _waits(row, scene, depth=0, budget=_Budget()))


async def _waits(row: InstanceRow, scene: Scene, *, depth: int, budget: _Budget) -> tuple[Wait, ...]:
    budget.instances -= 1
    if Status(row.status) in TERMINAL:
        return ()
    subject = await _subject(row, scene)
    if subject is None:
        return ()
    now, later = await own(subject, scene)
    waits = list(now)
    # What is open besides has no effect until the stall is over, and would only hide it.
    if subject.state.started and subject.state.stall is None:
        tasks = subject.state.tasks.items()
        waits += [calls.activity(subject, scene, task_id=number, task=task) for number, task in tasks]
        # Each child that is looked into costs reads: only as many as are listed.
        for number, child in list(subject.state.children.items())[:_WAITS_MAX]:
            waits.append(await _child(subject, scene, task_id=number, child=child, depth=depth, budget=budget))
        waits += pauses.pauses(subject, scene)
    if not waits:
        waits.append(_nothing_open(subject))
    more = len(subject.state.children) - _WAITS_MAX
    return _bounded([*waits, *later], unread=max(more, 0), since=row.updated_at)


async def _subject(row: InstanceRow, scene: Scene) -> Subject | None:
    loaded = await scene.store.load(app=row.app, instance_id=row.instance_id)
    if loaded is None or loaded.row is None:
        return None
    state, events = rows.state_of(loaded)
    assert state is not None
    replica = scene.replica_of(row.app)
    lane = replica.instances.get(row.instance_id) if replica is not None else None
    return Subject(loaded.row, state, loaded, facts(events), replica, lane)


async def _child(
    subject: Subject, scene: Scene, *, task_id: int, child: OpenChild, depth: int, budget: _Budget
) -> Wait:
    row = await scene.store.get_instance(app=child.target, instance_id=child.instance_id)
    if row is None:
        return calls.child_not_begun(subject, scene, task_id=task_id, child=child)
    status = Status(row.status)
    waits: tuple[Wait, ...] = ()
    if depth < _DEPTH_MAX and budget.instances > 0:
        waits = await _waits(row, scene, depth=depth + 1, budget=budget)
    ended = status in TERMINAL
    return calls.child_begun(task_id=task_id, child=child, status=status.name, ended=ended, waits=waits)


def _nothing_open(subject: Subject) -> Wait:
    row, inbox = subject.row, subject.loaded.inbox
    if not subject.has_work:
        return pauses.some_event(subject)
    count = counted(max(len(inbox), 1), "message")
    return Wait(
        reasons.MESSAGES_WAITING.name,
        f"{count} for it {'is' if len(inbox) <= 1 else 'are'} in the store and about to be read.",
        row.updated_at,
        kind="store",
        app=row.app,
    )


def _bounded(waits: list[Wait], *, unread: int, since: int) -> tuple[Wait, ...]:
    more = max(len(waits) - _WAITS_MAX, 0) + unread
    if not more:
        return tuple(waits)
    rest = Wait(reasons.MORE.name, f"and for {more} more of these.", since, kind=waits[0].kind)
    return (*waits[:_WAITS_MAX], rest)
