"""Why an instance waits: every reason has a stable name and says what would end the wait."""

from dataclasses import dataclass

from antiphon_names import errors as codes
from antiphon_sidecar.coordination.base import View
from antiphon_sidecar.engine.events import SENTINEL_NS, TERMINAL, ExecutionStalled, Status
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.runtime import rows
from antiphon_sidecar.runtime.handing import DEATHS_MAX
from antiphon_sidecar.runtime.lane import Lane, Phase
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.stores.base import InstanceRow, Store, TaskRef


@dataclass(frozen=True, slots=True)
class Wait:
    """One thing that an instance waits for; `since` in store time."""

    reason: str
    message: str
    since: int


async def why(row: InstanceRow, *, replica: Replica | None, store: Store, view: View) -> list[Wait]:
    """Return what an instance waits for; empty when it has ended."""
    status = Status(row.status)
    if status in TERMINAL:
        return []
    loaded = await store.load(app=row.app, instance_id=row.instance_id)
    if loaded is None:
        return []
    state, _ = rows.state_of(loaded)
    assert state is not None
    if status is Status.SUSPENDED:
        return [Wait("Suspended", "the instance is suspended; resume it.", row.updated_at)]
    if state.stall is not None:
        return [_stall(state.stall)]
    waits = _worker(row, state, replica, view)
    if waits:
        return waits
    return _tasks(row, state, replica, view) + _children(state, view) + _timers(state)


def _stall(stall: ExecutionStalled) -> Wait:
    return Wait(stall.reason, stall.description, stall.timestamp)


def _lost_workers(lane: Lane, row: InstanceRow) -> Wait:
    message = (
        f"{lane.lost_workers} workers in a row were lost while they had this turn; it is tried again, at most "
        f"{DEATHS_MAX} times. The worker's log may say why."
    )
    return Wait("WorkersLost", message, row.updated_at)


def _worker(row: InstanceRow, state: State, replica: Replica | None, view: View) -> list[Wait]:
    """Tell whether the instance's own app keeps it from going on."""
    lane = replica.instances.get(row.instance_id) if replica is not None else None
    replicas = view.of_app(row.app)
    if not any(r.workers for r in replicas):
        return [
            Wait(
                codes.WORKER_NOT_CONNECTED.name,
                f"{codes.WORKER_NOT_CONNECTED}: no worker of {row.app} is connected. Start the app.",
                row.updated_at,
            )
        ]
    if lane is not None and lane.phase is Phase.WORKING and replica is not None:
        seconds = replica.parts.clock.monotonic() - lane.since
        message = f"a worker of {row.app} has had the instance's turn for {seconds:.1f} s."
        return [Wait("TurnRunning", message, row.updated_at)]
    if lane is not None and lane.suspect:
        return [_lost_workers(lane, row)]
    if replica is not None and row.instance_id in replica.instances.line.absent:
        offered = {name for r in replicas for name in r.workflows}
        return [
            Wait(
                codes.WORKFLOW_NOT_REGISTERED.name,
                f'{codes.WORKFLOW_NOT_REGISTERED}: no worker of {row.app} runs workflow "{state.name}"; it offers '
                f"{codes.listing(offered)}.{codes.nearest(state.name, offered)}",
                row.updated_at,
            )
        ]
    if replica is not None and row.instance_id in replica.instances.line.waiting:
        message = f'the workers of {row.app} that run workflow "{state.name}" have as many turns in hand as they take.'
        return [Wait("WorkersBusy", message, row.updated_at)]
    if row.scheduled_at is not None and not state.started:
        return [Wait("ScheduledStart", "the instance is to start later.", row.created_at)]
    return []


def _tasks(row: InstanceRow, state: State, replica: Replica | None, view: View) -> list[Wait]:
    waits = []
    for task_id, task in state.tasks.items():
        ref = TaskRef(row.app, row.instance_id, state.execution_id, task_id)
        held = replica.dispatcher.held.get(ref) if replica is not None else None
        out = replica.dispatcher.outstanding.get(ref) if replica is not None else None
        what = f'activity "{task.name}" (#{task_id}) in app {task.target}'
        if held is not None:
            offered = {name for r in view.of_app(task.target) for name in r.activities}
            message = f"{what} waits for a worker; {task.target} offers {codes.listing(offered)}."
            waits.append(Wait(held.reason, message + codes.nearest(task.name, offered), task.since))
        elif out is not None:
            waits.append(Wait("ActivityRunning", f"{what} runs at replica {out.replica}.", task.since))
        else:
            waits.append(Wait("ActivityScheduled", f"{what} has not been dispatched yet.", task.since))
    return waits


def _children(state: State, view: View) -> list[Wait]:
    waits = []
    for task_id, child in state.children.items():
        what = f'child workflow "{child.name}" (#{task_id}, instance "{child.instance_id}") in app {child.target}'
        if any(r.workers for r in view.of_app(child.target)):
            waits.append(Wait("ChildRunning", f"{what} has not ended; ask why it waits.", child.since))
        else:
            waits.append(
                Wait(
                    codes.TARGET_APP_UNAVAILABLE.name,
                    f"{codes.TARGET_APP_UNAVAILABLE}: {what} waits: {child.target} has no worker connected. Start it.",
                    child.since,
                )
            )
    return waits


def _timers(state: State) -> list[Wait]:
    waits = [
        Wait("Timer", f"timer #{timer_id} has not fired.", state.last_turn)
        for timer_id, timer in state.timers.items()
        if timer.fire_at < SENTINEL_NS
    ]
    if not waits and not state.tasks and not state.children and state.started:
        waits.append(Wait("ExternalEvent", "the workflow waits for an external event.", state.last_turn))
    return waits
