"""What keeps an instance's own app from taking its next step."""

from antiphon_names import errors as codes
from antiphon_names import reasons
from antiphon_sidecar.engine.events import ExecutionStalled, Status
from antiphon_sidecar.runtime.handing import DEATHS_MAX
from antiphon_sidecar.runtime.lane import Lane, Phase
from antiphon_sidecar.runtime.why.base import LONG_NS, Scene, Subject, Wait, clock, coded, counted, lasted, limited
from antiphon_sidecar.runtime.why.inquiry import Inquiry
from antiphon_sidecar.runtime.why.owners import without_worker
from antiphon_sidecar.stores.limits import Grant

_NS = 1_000_000_000


async def own(subject: Subject, scene: Scene, inquiry: Inquiry) -> tuple[list[Wait], list[Wait]]:
    """Return what stops the instance now, and what will stop it once something else has come."""
    now: list[Wait] = []
    later: list[Wait] = []
    if subject.row.status == int(Status.SUSPENDED):
        now.append(await _suspended(subject, scene))
    if subject.state.stall is not None:
        return [_stalled(subject, subject.state.stall)], []
    if not scene.workers(subject.row.app):
        (now if subject.has_work else later).append(_no_worker(subject, scene))
    elif (wait := without_worker(subject, inquiry)) is not None:
        (now if subject.has_work else later).append(wait)
    elif (wait := _turn(subject, scene)) is not None:
        now.append(wait)
    if not subject.state.started and subject.row.scheduled_at is not None and subject.row.scheduled_at > scene.now:
        now = [_scheduled(subject)]
    return now, later


async def _suspended(subject: Subject, scene: Scene) -> Wait:
    row, event = subject.row, subject.facts.suspended
    reason = f' with the reason "{event.reason}"' if event is not None and event.reason else ""
    together = ""
    if row.parent_instance is not None:
        parent = await scene.store.get_instance(app=row.parent_app or row.app, instance_id=row.parent_instance)
        if parent is not None and parent.status == int(Status.SUSPENDED):
            together = f', as is its parent "{parent.instance_id}" ({parent.app})'
    held = len(subject.loaded.inbox)
    waiting = f" {counted(held, 'message')} for it {'is' if held == 1 else 'are'} kept until then." if held else ""
    since = row.updated_at if event is None else event.timestamp
    return Wait(
        reasons.SUSPENDED.name,
        f'workflow "{row.name}" was suspended{reason}{together}; it takes no step until it is resumed.{waiting} '
        f"Resume it with: antiphon workflow resume {row.instance_id} --app {row.app}",
        since,
        kind="person",
        app=row.app,
        name=row.name,
        instance_id=row.instance_id,
    )


def _no_worker(subject: Subject, scene: Scene) -> Wait:
    row = subject.row
    workflows, _ = scene.known.offers(row.app)
    served = scene.view.of_app(row.app)
    where = "no worker of it is connected" if served else "no sidecar of it runs here"
    if scene.alone:
        where = "no sidecar of it has written to the store lately"
    last = f"; it last offered: {codes.listing(workflows)}" if workflows else ""
    start = "Start the app." if served else f"Start it with: antiphon run --app {row.app} -- COMMAND"
    return Wait(
        codes.WORKER_NOT_CONNECTED.name,
        coded(
            codes.WORKER_NOT_CONNECTED,
            f'workflow "{row.name}" needs app "{row.app}" for its next step, but {where}{last}. Nothing is lost; it '
            f"goes on when a worker connects. {start}",
        ),
        row.updated_at,
        kind="worker",
        app=row.app,
        name=row.name,
    )


def _turn(subject: Subject, scene: Scene) -> Wait | None:
    """Say how far the next turn has come, when there is one."""
    lane, replica, row = subject.lane, subject.replica, subject.row
    if lane is None or replica is None:
        return None
    match lane.phase:
        case Phase.WORKING:
            return _working(subject, scene)
        case Phase.COMMITTING:
            message = "its last turn is being written to the store."
            return Wait(reasons.TURN_COMMITTING.name, message, row.updated_at, kind="store")
        case Phase.LOADING:
            message = "its history is being read from the store."
            return Wait(reasons.LOADING.name, message, row.updated_at, kind="store")
        case Phase.IDLE if lane.suspect:
            return _lost_workers(subject, lane)
        case Phase.IDLE if replica.limiting.workflows.waits(Grant(row.instance_id, row.incarnation.hex())):
            return _limited(subject)
        case Phase.IDLE:
            line = replica.instances.line
            waits = row.instance_id in line.waiting or row.instance_id in line.absent
            return _no_free_worker(subject, scene) if waits else None


def _working(subject: Subject, scene: Scene) -> Wait:
    lane, replica, row = subject.lane, subject.replica, subject.row
    assert lane is not None
    assert replica is not None
    ns = int((replica.parts.clock.monotonic() - lane.since) * _NS)
    hint = ""
    if ns > LONG_NS:
        hint = (
            " Workflow code has to come back at once: look whether it sleeps, computes or does I/O, which belongs "
            "into activities. If the worker dies, another one gets the turn."
        )
    return Wait(
        reasons.TURN_RUNNING.name,
        f"a worker of {row.app} has had the instance's turn for {lasted(ns)}.{hint}",
        scene.now - ns,
        kind="worker",
        app=row.app,
        name=row.name,
        replica=replica.identity.replica,
    )


def _stalled(subject: Subject, stall: ExecutionStalled) -> Wait:
    return Wait(stall.reason, stall.description, stall.timestamp, kind="worker", app=subject.row.app)


def _lost_workers(subject: Subject, lane: Lane) -> Wait:
    message = (
        f"{lane.lost_workers} workers in a row were lost while they had this turn; it is tried again, at most "
        f"{DEATHS_MAX} times. The worker's log may say why."
    )
    return Wait(reasons.WORKERS_LOST.name, message, subject.row.updated_at, kind="worker", app=subject.row.app)


def _limited(subject: Subject) -> Wait:
    row = subject.row
    name = subject.state.name or row.name
    return Wait(
        codes.CONCURRENCY_LIMITED.name,
        coded(codes.CONCURRENCY_LIMITED, f'the run of workflow "{name}" {limited(row.app)}'),
        row.created_at,
        kind="worker",
        app=row.app,
        name=name,
    )


def _no_free_worker(subject: Subject, scene: Scene) -> Wait:
    row = subject.row
    name = subject.state.name or row.name
    replicas = scene.view.of_app(row.app)
    workers = scene.workers(row.app)
    if any(r.offers_workflow(name) for r in replicas):
        return Wait(
            reasons.WORKERS_BUSY.name,
            f"{counted(workers, 'worker')} of {row.app} {'has' if workers == 1 else 'have'} as many turns as they "
            f'take; workflow "{name}" is next when one ends. More workers, or faster workflow code, help.',
            row.updated_at,
            kind="worker",
            app=row.app,
            name=name,
        )
    offered = {name for r in replicas for name in r.workflows}
    return Wait(
        codes.WORKFLOW_NOT_REGISTERED.name,
        coded(
            codes.WORKFLOW_NOT_REGISTERED,
            f'workflow "{name}" cannot go on: {row.app} offers: {codes.listing(offered)} '
            f"({counted(workers, 'worker')}).{codes.nearest(name, offered)} Nothing is lost; it goes on when a worker "
            f"offers it. Register it in {row.app}.",
        ),
        row.updated_at,
        kind="worker",
        app=row.app,
        name=name,
    )


def _scheduled(subject: Subject) -> Wait:
    row = subject.row
    assert row.scheduled_at is not None
    return Wait(
        reasons.SCHEDULED_START.name,
        f'workflow "{row.name}" starts at {clock(row.scheduled_at)}.',
        row.created_at,
        kind="timer",
        app=row.app,
        name=row.name,
        until=row.scheduled_at,
    )
