"""What an instance called in this and other apps, and how far each call has come."""

from antiphon_names import errors as codes
from antiphon_names import reasons
from antiphon_sidecar.engine.state import OpenChild, OpenTask
from antiphon_sidecar.runtime import deadlines
from antiphon_sidecar.runtime.dispatch import Held, Outstanding
from antiphon_sidecar.runtime.why.base import LONG_NS, Scene, Subject, Wait, clock, coded, counted, lasted, limited
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
    if row.claimed_by:
        text = f"was claimed by replica {row.claimed_by}; this process does not know more."
    else:
        text = "is in the store and about to be handed out."
    until = deadlines.nearest(row)
    return _wait(reasons.ACTIVITY_SCHEDULED.name, text, task.since, task_id=task_id, task=task, row=row, until=until)


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
    if unknown is None or not unknown.fails:
        end = "It waits until that app comes."
    else:
        end = f"The call fails {unknown.grace_s:g} s after it was made, unless that app comes."
    return (
        f"waits: no app of that ID was ever seen here; known apps: {codes.listing(apps)}.{codes.nearest(target, apps)} "
        f"{end} Fix the app ID in {subject.row.app}, or start that app with the same namespace and state store."
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
    where = "has no worker connected" if scene.view.of_app(target) else "has no sidecar running"
    return (
        f"waits: {target} is known, but {where}{last}. Nothing is lost; the call goes on when a worker of {target} "
        f"connects{until}. Start {target}."
    )


def _outstanding(subject: Subject, scene: Scene, out: Outstanding, *, task_id: int, task: OpenTask) -> Wait:
    """Say what the target replica does with the activity, as far as it said so or is in this process."""
    target = scene.replica_of(task.target)
    hand = target.intake.hands.get(out.row.ref) if target is not None else None
    if out.waits_for:
        reason, since, text = codes.CONCURRENCY_LIMITED.name, task.since, limited(task.target)
    elif target is None or target.identity.replica != out.replica:
        hand, reason, since = None, reasons.ACTIVITY_RUNNING.name, task.since
        text = f"was handed to replica {out.replica}, attempt {out.row.attempt}; what it does there is not known here."
    elif hand is None:
        reason, since = reasons.ACTIVITY_SCHEDULED.name, task.since
        text = f"is on its way to replica {out.replica}, attempt {out.row.attempt}."
    elif hand.event is not None:
        reason, since = reasons.RESULT_ARRIVING.name, task.since
        text = "has ended; its result is being made durable."
    elif hand.stream is None:
        reason, since = reasons.ACTIVITY_QUEUED.name, task.since
        under_way = sum(stream.activities for stream in target.workers.streams)
        text = (
            f"is next at replica {out.replica}, attempt {out.row.attempt}: "
            f"{counted(len(target.workers.streams), 'worker')} of {task.target} with {under_way} activities under way "
            "cannot take it yet. More workers help."
        )
    else:
        reason, since = reasons.ACTIVITY_RUNNING.name, hand.started_at
        text = f"runs at replica {out.replica} for {lasted(scene.now - since)}, attempt {out.row.attempt}."
        if scene.now - since > LONG_NS:
            text += (
                f" It ends when the activity returns, or when its worker goes. Look what that worker of {task.target} "
                "does; the workflow can bound the wait with a timeout."
            )
    until = deadlines.nearest(out.row, started_at=out.started_at, beat_at=out.beat_at)
    return _wait(reason, text, since, task_id=task_id, task=task, row=out.row, replica=out.replica, until=until)


def child_not_begun(subject: Subject, scene: Scene, *, task_id: int, child: OpenChild) -> Wait:
    """Say why a child workflow has not begun yet."""
    what = f'child workflow "{child.name}" (#{task_id}, instance "{child.instance_id}") in app "{child.target}"'
    replicas = scene.view.of_app(child.target)
    reason, text = reasons.CHILD_STARTING.name, "is in the store and about to be taken up."
    if child.target not in scene.apps():
        code, text = codes.TARGET_APP_NOT_FOUND, never_seen(subject, scene, child.target)
    elif not scene.workers(child.target):
        workflows, _ = scene.known.offers(child.target)
        code, text = codes.TARGET_APP_UNAVAILABLE, unavailable(scene, child.target, workflows)
    elif not any(r.offers_workflow(child.name) for r in replicas):
        offered = {name for r in replicas for name in r.workflows}
        code = codes.WORKFLOW_NOT_REGISTERED
        text = not_offered(subject, scene, child.target, child.name, offered)
    else:
        return _child_wait(reason, f"{what} {text}", task_id=task_id, child=child)
    return _child_wait(code.name, coded(code, f"{what} {text}"), task_id=task_id, child=child)


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
