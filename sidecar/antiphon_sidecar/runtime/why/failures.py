"""How a failure came about: from the instance down to its first cause, through whatever apps."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from antiphon_names import explanations
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine.events import (
    ChildCreated,
    ChildFailed,
    Event,
    Failure,
    Status,
    TaskFailed,
    TaskScheduled,
)
from antiphon_sidecar.runtime.why.base import Scene
from antiphon_sidecar.stores.base import InstanceRow

_DEPTH_MAX = 16


@dataclass(frozen=True, slots=True)
class Link:
    """One place that a failure went through; `kind` is activity or workflow, `instance_id` whose call it was."""

    kind: str
    app: str
    instance_id: str
    name: str
    failure: Failure


async def failures(row: InstanceRow, scene: Scene) -> list[Link]:
    """Return the way of an instance's failure, the deepest cause first; empty when it has not failed.

    Raises:
        StoreError: the store does not answer.
    """
    links: list[Link] = []
    at: InstanceRow | None = row
    while at is not None and len(links) < _DEPTH_MAX:
        failure = codec.unseal_failure(at.failure)
        if at.status != int(Status.FAILED) or failure is None:
            break
        links.append(Link("workflow", at.app, at.instance_id, at.name, failure))
        history = await scene.store.history(app=at.app, instance_id=at.instance_id)
        events = [codec.unseal(raw) for batch in history for raw in codec.unpack(batch.events)]
        cause = _cause(events, failure)
        match cause:
            case (ChildFailed() as failed, ChildCreated() as created):
                target = _target(created, at.app)
                child = await scene.store.get_instance(app=target, instance_id=created.instance_id)
                # A child that is gone, ran again since or was terminated is told by what its parent was told.
                if child is None or child.status != int(Status.FAILED):
                    links.append(Link("workflow", target, created.instance_id, created.name, failed.failure))
                    child = None
                at = child
            case (TaskFailed() as failed, TaskScheduled() as scheduled):
                target = _target(scheduled, at.app)
                links.append(Link("activity", target, at.instance_id, scheduled.name, failed.failure))
                at = None
            case _:
                at = None
    links.reverse()
    return links


def fix_for(links: Sequence[Link]) -> str:
    """Say what a person can do about the first cause."""
    if not links:
        return ""
    first, root = links[0], links[-1]
    code = next((f.code for f in _inside(first.failure) if f.code), "")
    explained = explanations.of(code)
    if explained is not None:
        what = explained.fix
    elif first.kind == "activity":
        what = f'Fix activity "{first.name}" in app "{first.app}", or what it is called with.'
    else:
        what = f'Fix workflow "{first.name}" in app "{first.app}", or what it is started with.'
    return f"{what} Then start it again with: antiphon workflow start {root.name} --app {root.app}"


def _cause(events: Sequence[Event], failure: Failure) -> tuple[Event, Event] | None:
    """Return the failed call that a failure tells of, newest first, and the event that made the call."""
    texts = [f.message for f in _inside(failure)]
    for event in reversed(events):
        if isinstance(event, TaskFailed | ChildFailed) and _told(event.failure, texts):
            kind = TaskScheduled if isinstance(event, TaskFailed) else ChildCreated
            made = next((e for e in events if isinstance(e, kind) and e.event_id == event.task_id), None)
            return None if made is None else (event, made)
    return None


def _told(cause: Failure, texts: Iterable[str]) -> bool:
    """Tell whether one of the texts repeats the cause: SDKs put it into their own message, or below it."""
    return any(cause.message and cause.message in text for text in texts)


def _inside(failure: Failure) -> Iterator[Failure]:
    inner: Failure | None = failure
    while inner is not None:
        yield inner
        inner = inner.inner


def _target(event: TaskScheduled | ChildCreated, own: str) -> str:
    return event.route.target if event.route is not None and event.route.target else own
