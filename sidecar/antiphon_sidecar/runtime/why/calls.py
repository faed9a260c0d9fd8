"""What an instance called in this and other apps, and how far each call has come."""

from dataclasses import replace
from typing import assert_never

from antiphon_names import errors as codes
from antiphon_names import reasons
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.engine.state import OpenChild, OpenTask
from antiphon_sidecar.runtime import deadlines
from antiphon_sidecar.runtime.dispatch import Held, Outstanding
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.why.base import (
    LONG_NS,
    Scene,
    Stage,
    Subject,
    TaskAt,
    Wait,
    clock,
    coded,
    counted,
    lasted,
    limited,
)
from antiphon_sidecar.stores.base import TaskRef, TaskRow


def activity(subject: Subject, scene: Scene, *, task_id: int, task: OpenTask) -> Wait:
    """Say how far an activity has come."""
    ref = TaskRef(subject.row.app, subject.row.instance_id, subject.state.execution_id, task_id)
    dispatcher = subject.replica.dispatcher if subject.replica is not None else None
    row = next((row for row in subject.loaded.tasks if row.ref == ref), None)
    if dispatcher is not None and (held := dispatcher.held.get(ref)) is not None:
        reason, text = _held(subject, scene, held, task)
        until = deadlines.nearest(held.row)
        return _wait(reason, text, task.since, task_id=task_id, task=task, row=held.row, until=until)
    if dispatcher is not None and (out := dispatcher.outstanding.get(ref)) is not None:
        return _outstanding(subject, scene, out, task_id=task_id, task=task)
    if row is None:
        text = "has ended; its result is on its way into the instance."
        return _wait(reasons.RESULT_ARRIVING.name, text, task.since, task_id=task_id, task=task)
    reason, text = _in_store(subject, scene, row, task)
    until = deadlines.nearest(row)
    return _wait(reason, text, task.since, task_id=task_id, task=task, row=row, until=until)


def _in_store(subject: Subject, scene: Scene, row: TaskRow, task: OpenTask) -> tuple[str, str]:
    """Say what can be said of a task by its row and its target, when nobody here has it in memory."""
    if row.claimed_by:
        gone = "" if scene.alone or row.claimed_by in scene.view.replicas else ", which is gone"
        text = f"was claimed by replica {row.claimed_by}{gone}; this process does not know more."
        return reasons.ACTIVITY_SCHEDULED.name, text
    if subject.replica is not None:
        return reasons.ACTIVITY_SCHEDULED.name, "is in the store and about to be handed out."
    found = _without_target(subject, scene, task)
    text = "is in the store; how far it has come is known to the instance's owner alone."
    return found or (reasons.ACTIVITY_SCHEDULED.name, text)


def _without_target(subject: Subject, scene: Scene, task: OpenTask) -> tuple[str, str] | None:
    """Say why nobody can have the task, when its target tells."""
    replicas = scene.view.of_app(task.target)
    if not replicas and task.target not in scene.apps():
        if not scene.registry.synced:
            return codes.REGISTRY_NOT_SYNCED.name, not_synced(task.target)
        return codes.TARGET_APP_NOT_FOUND.name, never_seen(subject, scene, task.target)
    if not scene.workers(task.target):
        _, activities = scene.known.offers(task.target)
        return codes.TARGET_APP_UNAVAILABLE.name, unavailable(scene, task.target, activities)
    if not any(r.offers_activity(task.name) for r in replicas):
        if scene.registry.declares(task.target, activity=task.name):
            return codes.ACTIVITY_NOT_REGISTERED.name, declared(scene, task.target)
        if scene.registry.unsure_of(task.target):
            return codes.REGISTRY_NOT_SYNCED.name, not_synced(task.target)
        offered = {name for r in replicas for name in r.activities}
        return codes.ACTIVITY_NOT_REGISTERED.name, not_offered(subject, scene, task.target, task.name, offered)
    return None


def _wait(
    reason: str,
    text: str,
    since: int,
    *,
    task_id: int,
    task: OpenTask,
    row: TaskRow | None = None,
    replica: str = "",
    until: deadlines.Deadline | None = None,
) -> Wait:
    code = next((code for code in codes.CODES if code.name == reason), None)
    message = f'activity "{task.name}" (#{task_id}) in app "{task.target}" {text}'
    return Wait(
        reason,
        message if code is None else coded(code, message),
        since,
        kind="activity",
        app=task.target,
        name=task.name,
        event_id=task_id,
        until=None if until is None else until.at,
        replica=replica,
        attempt=0 if row is None else row.attempt,
    )


def _held(subject: Subject, scene: Scene, held: Held, task: OpenTask) -> tuple[str, str]:
    """Say why nobody has the activity yet."""
    match held.reason:
        case codes.TARGET_APP_NOT_FOUND.name:
            return held.reason, never_seen(subject, scene, task.target)
        case codes.REGISTRY_NOT_SYNCED.name:
            return held.reason, not_synced(task.target)
        case codes.ACTIVITY_NOT_REGISTERED.name if scene.registry.declares(task.target, activity=task.name):
            return held.reason, declared(scene, task.target)
        case codes.ACTIVITY_NOT_REGISTERED.name:
            offered = {name for r in scene.view.of_app(task.target) for name in r.activities}
            return held.reason, not_offered(subject, scene, task.target, task.name, offered)
        case codes.TARGET_APP_UNAVAILABLE.name:
            by = "" if held.row.start_by is None else f", and fails at {clock(held.row.start_by)} if none has"
            _, activities = scene.known.offers(task.target)
            return held.reason, unavailable(scene, task.target, activities, until=by)
        case _:
            return held.reason, _backlog(subject, task)


def _backlog(subject: Subject, task: OpenTask) -> str:
    assert subject.replica is not None
    most = subject.replica.parts.limits.tasks_per_caller_max
    return (
        f"waits for room: {task.target} has as many calls of {subject.row.app} as each of its replicas takes at once "
        f"({most}). It is handed out as those end; more replicas of {task.target} help, or a higher "
        "limits.tasks_per_caller_max."
    )


def never_seen(subject: Subject, scene: Scene, target: str) -> str:
    """Say that the target app is not known, and what will become of the call."""
    apps = scene.apps()
    unknown = subject.replica.parts.unknown_apps if subject.replica is not None else None
    if unknown is None:
        end = "The call fails after a grace, unless its app is told to wait (unknown_app)."
    elif not unknown.fails:
        end = "It waits until that app comes."
    else:
        end = f"The call fails {unknown.grace_s:g} s after it was made, unless that app comes."
    return (
        f"waits: no app of that ID was ever seen here; known apps: {codes.listing(apps)}.{codes.nearest(target, apps)} "
        f"{end} Fix the app ID in {subject.row.app}, or start that app with the same namespace and state store."
    )


def not_synced(target: str) -> str:
    """Say that the operator has yet to say which apps there are."""
    return (
        f"waits: the operator has not yet written what it knows of {target} into the registry, so that nobody can tell "
        "whether the name is right. It goes on when that is written. Look whether the operator runs, and reaches etcd."
    )


def declared(scene: Scene, target: str) -> str:
    """Say that the target's owners declare the name, and no worker offers it."""
    workers = counted(scene.workers(target), "worker")
    return (
        f"waits: the AppRegistration of {target} declares it, and none of its {workers} offers it yet. Nothing is "
        f"lost; it goes on when one does. Deploy the release of {target} that has it, or take it out of `offers`."
    )


def not_offered(subject: Subject, scene: Scene, target: str, name: str, offered: set[str]) -> str:
    """Say that no worker of the target offers the name, for now."""
    workers = counted(scene.workers(target), "worker")
    settle = (
        f" for {subject.replica.parts.limits.names_settle_s:g} s" if subject.replica is not None else " for a while"
    )
    return (
        f"waits: no worker of {target} offers it; {target} offers: {codes.listing(offered)} ({workers})."
        f"{codes.nearest(name, offered)} The call fails when no worker of {target} has come or gone{settle}. "
        f"Fix the name in {subject.row.app}, or register it in {target}."
    )


def unavailable(scene: Scene, target: str, offered: frozenset[str], *, until: str = "") -> str:
    """Say that the target app has no worker."""
    last = f"; it last offered: {codes.listing(offered)}" if offered else ""
    replicas = scene.view.of_app(target)
    elsewhere = [r.replica for r in replicas if r.address]
    where = "has no worker connected" if replicas else "has no sidecar running"
    if elsewhere:
        where = f"none of its replicas ({codes.listing(elsewhere)}) has a worker connected"
    elif scene.alone:
        where = "no sidecar of it has written to the store lately"
    return (
        f"waits: {target} is known, but {where}{last}. Nothing is lost; the call goes on when a worker of {target} "
        f"connects{until}. Start {target}."
    )


def task_at(replica: Replica, ref: TaskRef) -> TaskAt:
    """Return how far a replica is with an activity that it was handed."""
    hand, streams = replica.intake.hands.get(ref), replica.workers.streams
    under_way = sum(stream.activities for stream in streams)
    if hand is None:
        return TaskAt(Stage.ABSENT)
    if hand.event is not None:
        return TaskAt(Stage.ENDED)
    if hand.stream is None:
        return TaskAt(Stage.QUEUED, workers=len(streams), activities=under_way)
    return TaskAt(Stage.RUNNING, hand.started_at, len(streams), under_way)


def _outstanding(subject: Subject, scene: Scene, out: Outstanding, *, task_id: int, task: OpenTask) -> Wait:
    """Say what the target replica does with the activity, as far as it said so or is in this process."""
    target = scene.replica_of(task.target)
    until = deadlines.nearest(out.row, started_at=out.started_at, beat_at=out.beat_at)
    if out.waits_for:
        reason, since, text = codes.CONCURRENCY_LIMITED.name, task.since, limited(task.target)
    elif target is not None and target.identity.replica == out.replica:
        found = task_at(target, out.row.ref)
        reason, since, text = _at(found, scene, task, replica=out.replica, attempt=out.row.attempt)
    elif out.replica not in scene.view.replicas:
        reason, since = reasons.ACTIVITY_HANDED.name, task.since
        text = f"was handed to replica {out.replica}, attempt {out.row.attempt}, which is gone; another one gets it."
    else:
        reason, since = reasons.ACTIVITY_HANDED.name, task.since
        text = f"was handed to replica {out.replica}, attempt {out.row.attempt}; what it does there is not known here."
    return _wait(reason, text, since, task_id=task_id, task=task, row=out.row, replica=out.replica, until=until)


def handed(wait: Wait, task: OpenTask, scene: Scene, *, found: TaskAt | None, silence: str | None) -> Wait:
    """Return a wait for an activity at another replica as that one tells it; `silence`: why it does not."""
    what = f'activity "{task.name}" (#{wait.event_id}) in app "{task.target}"'
    if found is not None:
        reason, since, text = _at(found, scene, task, replica=wait.replica, attempt=wait.attempt)
        return replace(wait, reason=reason, since=since, message=f"{what} {text}")
    if silence is None:
        return wait
    text = (
        f"was handed to replica {wait.replica}, attempt {wait.attempt}, which {silence}. If it has died, another "
        f"replica of {task.target} gets the call once its lease has run out ({scene.lease_s:g} s)."
    )
    return replace(wait, message=f"{what} {text}")


def _at(found: TaskAt, scene: Scene, task: OpenTask, *, replica: str, attempt: int) -> tuple[str, int, str]:
    """Return reason, since when, and text of an activity that a replica was handed."""
    match found.stage:
        case Stage.ABSENT:
            text = f"is on its way to replica {replica}, attempt {attempt}."
            return reasons.ACTIVITY_SCHEDULED.name, task.since, text
        case Stage.ENDED:
            return reasons.RESULT_ARRIVING.name, task.since, "has ended; its result is being made durable."
        case Stage.QUEUED:
            text = (
                f"is next at replica {replica}, attempt {attempt}: {counted(found.workers, 'worker')} of "
                f"{task.target} with {found.activities} activities under way cannot take it yet. More workers help."
            )
            return reasons.ACTIVITY_QUEUED.name, task.since, text
        case Stage.RUNNING:
            text = f"runs at replica {replica} for {lasted(scene.now - found.since)}, attempt {attempt}."
            if scene.now - found.since > LONG_NS:
                text += (
                    " It ends when the activity returns, or when its worker goes. Look what that worker of "
                    f"{task.target} does; the workflow can bound the wait with a timeout."
                )
            return reasons.ACTIVITY_RUNNING.name, found.since, text
        case _:
            assert_never(found.stage)


def child_not_begun(subject: Subject, scene: Scene, *, task_id: int, child: OpenChild) -> Wait:
    """Say why a child workflow has not begun yet."""
    what = f'child workflow "{child.name}" (#{task_id}, instance "{child.instance_id}") in app "{child.target}"'
    replicas = scene.view.of_app(child.target)
    reason, text = reasons.CHILD_STARTING.name, "is in the store and about to be taken up."
    replica = subject.replica
    here = replicas if replica is None else [r for r in replicas if replica.rules.shares(r)]
    if child.target not in scene.apps() and not scene.registry.synced:
        code, text = codes.REGISTRY_NOT_SYNCED, not_synced(child.target)
    elif child.target not in scene.apps():
        code, text = codes.TARGET_APP_NOT_FOUND, never_seen(subject, scene, child.target)
    elif replicas and not here:
        code = codes.STATE_STORE_MISMATCH
        text = f"waits: {child.target} keeps its state in another store. The call fails soon."
    elif not scene.workers(child.target):
        workflows, _ = scene.known.offers(child.target)
        code, text = codes.TARGET_APP_UNAVAILABLE, unavailable(scene, child.target, workflows)
    elif any(r.offers_workflow(child.name) for r in replicas):
        return _child_wait(reason, f"{what} {text}", task_id=task_id, child=child)
    elif scene.registry.declares(child.target, workflow=child.name):
        code, text = codes.WORKFLOW_NOT_REGISTERED, declared(scene, child.target)
    elif scene.registry.unsure_of(child.target):
        code, text = codes.REGISTRY_NOT_SYNCED, not_synced(child.target)
    else:
        offered = {name for r in replicas for name in r.workflows}
        code = codes.WORKFLOW_NOT_REGISTERED
        text = not_offered(subject, scene, child.target, child.name, offered)
    return _child_wait(code.name, coded(code, f"{what} {text}"), task_id=task_id, child=child)


def child_named(*, task_id: int, child: OpenChild) -> Wait:
    """Name a child workflow that is not looked at."""
    return child_begun(task_id=task_id, child=child, status=Status.RUNNING.name, ended=False, waits=())


def child_begun(*, task_id: int, child: OpenChild, status: str, ended: bool, waits: tuple[Wait, ...]) -> Wait:
    """Say what a child workflow does that has begun."""
    what = f'child workflow "{child.name}" (#{task_id}, instance "{child.instance_id}") in app "{child.target}"'
    if ended:
        text = f"{what} has ended {status}; its result is on its way."
        return _child_wait(reasons.CHILD_ENDED.name, text, task_id=task_id, child=child)
    below = ", and waits for:" if waits else "; ask why it waits."
    text = f"{what} is {status}{below}"
    return _child_wait(reasons.CHILD_RUNNING.name, text, task_id=task_id, child=child, waits=waits)


def _child_wait(reason: str, text: str, *, task_id: int, child: OpenChild, waits: tuple[Wait, ...] = ()) -> Wait:
    return Wait(
        reason,
        text,
        child.since,
        kind="workflow",
        app=child.target,
        name=child.name,
        instance_id=child.instance_id,
        event_id=task_id,
        waits=waits,
    )
