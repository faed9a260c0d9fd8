"""All that an instance waits for, its children's waits below theirs."""

from dataclasses import dataclass, replace

from antiphon_names import reasons
from antiphon_sidecar.engine.events import TERMINAL, Status
from antiphon_sidecar.engine.state import OpenChild
from antiphon_sidecar.runtime import rows
from antiphon_sidecar.runtime.why import calls, pauses
from antiphon_sidecar.runtime.why.base import Scene, Subject, Wait, counted, facts
from antiphon_sidecar.runtime.why.inquiry import Inquiry
from antiphon_sidecar.runtime.why.own import own
from antiphon_sidecar.runtime.why.owners import owners
from antiphon_sidecar.stores.base import InstanceRow, TaskRef

#: How deep children of children are followed, how many instances are read, and how much each lists.
_DEPTH_MAX = 8
_INSTANCES_MAX = 50
_WAITS_MAX = 20


@dataclass(slots=True)
class _Budget:
    """How many more instances may be read for one question."""

    instances: int = _INSTANCES_MAX


async def why(row: InstanceRow, scene: Scene, *, here: bool = False) -> list[Wait]:
    """Return what an instance waits for; empty when it has ended.

    Instances and activities that are in the memory of other replicas are asked for there. `here`: they are not, and
    children are named alone; that is what one replica asks of another.

    Raises:
        StoreError: the store does not answer.
    """
    if here:
        scene = replace(scene, others=None)
        subject = await _subject(row, Inquiry(scene))
        return [] if subject is None else await _seen(subject, Inquiry(scene))
    return list(await _waits(row, Inquiry(scene), depth=0, budget=_Budget()))


async def _waits(row: InstanceRow, inquiry: Inquiry, *, depth: int, budget: _Budget) -> tuple[Wait, ...]:
    budget.instances -= 1
    told = await inquiry.why(row) if Status(row.status) not in TERMINAL else None
    subject = await _subject(row, inquiry)
    if subject is None:
        return ()
    waits = await _seen(subject, inquiry) if told is None else told
    return tuple([await _completed(wait, subject, inquiry, depth=depth, budget=budget) for wait in waits])


async def _subject(row: InstanceRow, inquiry: Inquiry) -> Subject | None:
    if Status(row.status) in TERMINAL:
        return None
    scene = inquiry.scene
    loaded = await scene.store.load(app=row.app, instance_id=row.instance_id)
    if loaded is None or loaded.row is None:
        return None
    state, events = rows.state_of(loaded)
    assert state is not None
    replica = scene.replica_of(row.app) if inquiry.is_here(row) else None
    lane = replica.instances.get(row.instance_id) if replica is not None else None
    return Subject(loaded.row, state, loaded, facts(events), replica, lane)


async def _seen(subject: Subject, inquiry: Inquiry) -> list[Wait]:
    """Return what can be seen from here; children are named alone."""
    scene, state = inquiry.scene, subject.state
    now, later = await own(subject, scene, inquiry)
    waits: list[Wait] = []
    # What is open besides has no effect until the stall is over, and would only hide it.
    if state.started and state.stall is None:
        waits += [calls.activity(subject, scene, task_id=number, task=task) for number, task in state.tasks.items()]
        waits += [calls.child_named(task_id=number, child=child) for number, child in state.children.items()]
        waits += pauses.pauses(subject, scene)
    if not waits and not now:
        waits.append(_nothing_open(subject))
    return _bounded([*now, *owners(subject, inquiry), *waits, *later], since=subject.row.updated_at)


async def _completed(wait: Wait, subject: Subject, inquiry: Inquiry, *, depth: int, budget: _Budget) -> Wait:
    """Return a wait with what others know of it: of a child what it waits for, of an activity how far it is."""
    number, state = wait.event_id, subject.state
    if wait.kind == "workflow" and number in state.children:
        child = state.children[number]
        return await _child(subject, inquiry, task_id=number, child=child, depth=depth, budget=budget)
    if wait.reason == reasons.ACTIVITY_HANDED.name and number in state.tasks:
        ref = TaskRef(subject.row.app, subject.row.instance_id, state.execution_id, number)
        found = await inquiry.task_at(wait.replica, ref)
        silence = inquiry.silent.get(wait.replica)
        return calls.handed(wait, state.tasks[number], inquiry.scene, found=found, silence=silence)
    return wait


async def _child(
    subject: Subject, inquiry: Inquiry, *, task_id: int, child: OpenChild, depth: int, budget: _Budget
) -> Wait:
    scene = inquiry.scene
    row = await scene.store.get_instance(app=child.target, instance_id=child.instance_id)
    if row is None:
        return calls.child_not_begun(subject, scene, task_id=task_id, child=child)
    status = Status(row.status)
    waits: tuple[Wait, ...] = ()
    if depth < _DEPTH_MAX and budget.instances > 0:
        waits = await _waits(row, inquiry, depth=depth + 1, budget=budget)
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


def _bounded(waits: list[Wait], *, since: int) -> list[Wait]:
    more = len(waits) - _WAITS_MAX
    if more <= 0:
        return waits
    rest = Wait(reasons.MORE.name, f"and for {more} more of these.", since, kind=waits[0].kind)
    return [*waits[:_WAITS_MAX], rest]
