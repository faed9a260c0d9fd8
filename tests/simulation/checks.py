"""The promises (design.md 4), judged at the end of a run from the store's content and the model."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping

from antiphon_names import errors as codes
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.ids import child_incarnation, derive_id
from antiphon_sidecar.runtime.handing import DEATHS_MAX
from antiphon_sidecar.stores import spent
from antiphon_sidecar.stores.base import InboxRow
from antiphon_sidecar.stores.memory_tables import Tables
from tests.simulation.model import Generation, Model, Raised
from tests.simulation.programs import expected
from tests.simulation.releases import Releases

#: IDs of instances that are scheduled beyond the end of the run begin so.
FAR = "far"


def all_ended(tables: Tables, model: Model) -> bool:
    """Tell whether nothing is left to be done."""
    if messages(tables) or tables.tasks or tables.timers:
        return False
    for key, started in model.instances.items():
        row = tables.row(*key)
        if row is None and (started.purged or key in model.retired):
            continue
        if row is None or row.status not in ev.TERMINAL:
            return False
    return all(run.row is None or run.row.status in ev.TERMINAL for run in tables.runs.values())


def messages(tables: Tables) -> dict[bytes, InboxRow]:
    """Return the inbox without what only keeps the message ID of a start."""
    return {row_id: row for row_id, row in tables.inbox.items() if row.instance_id != spent.NOBODY}


def check(tables: Tables, model: Model, *, lease_s: float, strict: bool = False) -> None:
    """Note every broken promise in the model; `strict`: nothing failed that would excuse a delay or a second run."""
    _instances(tables, model)
    check_rows_and_histories(tables, model)
    _children(tables, model)
    _escaped(tables, model)
    _purged(tables, model)
    _events(model)
    _activities(model, lease_s)
    _still_running(tables, model)
    if strict:
        _strict(model)


def check_rows_and_histories(tables: Tables, model: Model) -> None:
    """Note what is left undone and what is not legal in a history, whatever workers may have answered."""
    _rows_left(tables, model)
    for key, generations in model.runs.items():
        for number, generation in generations.items():
            for promise, what in _history(generation):
                model.breaks(promise, f"{key[0]}/{key[1]} generation {number}: {what}")


def not_delayed(tables: Tables, model: Model) -> None:
    """Note what has not come to its end, though only what has no worker anywhere may not have."""
    for (app, instance_id), started in model.instances.items():
        row = tables.row(app, instance_id)
        if row is not None and started.acknowledged and row.status not in ev.TERMINAL:
            model.breaks("delayed", f"{app}/{instance_id} is still {ev.Status(row.status).name}")


def deaths(model: Model, releases: Releases | None) -> None:
    """Note instances that killed more workers than they are tried on."""
    for instance_id, count in ({} if releases is None else releases.deaths).items():
        if count > DEATHS_MAX + _UNSEEN_DEATHS:
            model.breaks("poison", f"{instance_id} killed {count} workers")


#: Deaths that nobody counts: those before the first that is written down, each time the sidecar dies with its worker.
_UNSEEN_DEATHS = 6


def _instances(tables: Tables, model: Model) -> None:
    for (app, instance_id), started in model.instances.items():
        row = tables.row(app, instance_id) or model.retired.get((app, instance_id))
        where = f"{app}/{instance_id}"
        if row is None:
            if started.acknowledged and not started.purged:
                model.breaks("instance lost", f"{where} was acknowledged and is not there")
            continue
        status = ev.Status(row.status)
        if status not in ev.TERMINAL:
            model.breaks("not ended", f"{where} is {status.name}")
            continue
        if status is ev.Status.TERMINATED:
            if not started.terminated:
                model.breaks("terminated", f"{where} was terminated, but nobody asked for it")
            continue
        wanted, value = expected(started.program)
        failure = codec.unseal_failure(row.failure)
        text = failure.message if failure is not None else (row.output or b"").decode()
        if (status.name, text) != (wanted, value):
            model.breaks("wrong output", f"{where} is {status.name} {text}; expected {wanted} {value}")


def kept(tables: Tables) -> list[str]:
    """Return the instances of which anything is left, be it only the message ID of a start (`stores.spent`)."""
    return [f"{app}/{instance_id}" for app, instance_id in tables.runs]


def runs_within(tables: Tables, model: Model, *, most: Mapping[str, int], app: str) -> None:
    """No more runs of a workflow are under way in an app than its limit allows."""
    for name, number in most.items():
        rows = [run.row for run in tables.runs.values() if run.row is not None and run.row.started_at is not None]
        under_way = [row for row in rows if (row.app, row.name) == (app, name) and row.status not in ev.TERMINAL]
        if len(under_way) > number:
            model.breaks("limit exceeded", f"{len(under_way)} runs of {name} are under way in {app}")


def _still_running(tables: Tables, model: Model) -> None:
    """Whatever nobody waits for any more has been cancelled, at every worker that can hear of it."""
    for where, ref in model.hanging():
        if ref not in tables.tasks:
            model.breaks("not cancelled", f"{where} still runs {ref}, which nobody waits for")


def _rows_left(tables: Tables, model: Model) -> None:
    for kind, rows in (("inbox", messages(tables)), ("task", tables.tasks), ("timer", tables.timers)):
        for found in [row for row in rows.values() if not row.instance_id.startswith(FAR)][:3]:  # type: ignore[attr-defined]
            model.breaks("rows left", f"{kind} row of {found.app}/{found.instance_id}: {found}")
    for (app, instance_id), run in tables.runs.items():
        if (app, instance_id) in model.instances or instance_id.startswith(FAR):
            continue
        if run.row is not None and run.row.status not in ev.TERMINAL:
            model.breaks("not ended", f"child {app}/{instance_id} is {ev.Status(run.row.status).name}")


def _history(generation: Generation) -> Iterator[tuple[str, str]]:
    """Yield what is not legal in one generation's history."""
    events = generation.events
    if events and not isinstance(events[0][1], ev.WorkflowStarted):
        yield "illegal history", f"begins with {type(events[0][1]).__name__}"
    # An instance may be set aside in its first turn.
    second = next((e for _, e in events if not isinstance(e, (ev.WorkflowStarted, ev.ExecutionStalled))), None)
    if second is not None and not isinstance(second, ev.ExecutionStarted):
        yield "illegal history", f"goes on with {type(second).__name__} before its start"
    started = sum(isinstance(event, ev.ExecutionStarted) for _, event in events)
    completed = [place for place, (_, event) in enumerate(events) if isinstance(event, ev.ExecutionCompleted)]
    if started > 1:
        yield "illegal history", f"{started} ExecutionStarted"
    if len(completed) > 1:
        yield "illegal history", f"{len(completed)} ExecutionCompleted"
    if completed and completed[0] != len(events) - 1:
        yield "illegal history", "goes on after its completion"
    yield from _versions([event for _, event in events])
    yield from _resolutions(events)


#: Stalls for one reason that nothing came between: the first, and one for each time that it was resumed.
_STALLS_MAX = 4


def _versions(events: list[ev.Event]) -> Iterator[tuple[str, str]]:
    """Yield changes of a pinned version, patches met twice, and stalls without end."""
    pinned: str | None = None
    patches: set[str] = set()
    stalled: Counter[str] = Counter()
    for event in events:
        if isinstance(event, ev.WorkflowStarted):
            stalled.clear()
            if event.version is not None and pinned not in (None, event.version):
                yield "version changed", f"from {pinned} to {event.version}"
            pinned = event.version or pinned
            if not patches.isdisjoint(event.patches):
                yield "illegal history", f"patches {event.patches} are met again"
            patches.update(event.patches)
        elif isinstance(event, ev.ExecutionStalled):
            # Somebody who resumes it leaves no event.
            stalled[event.reason] += 1
            if stalled[event.reason] > _STALLS_MAX:
                yield "illegal history", f"stalls again and again for {event.reason}"


def _resolutions(events: list[tuple[int, ev.Event]]) -> Iterator[tuple[str, str]]:
    opened: dict[tuple[str, int], ev.Event] = {}
    closed: set[tuple[str, int]] = set()
    turn = 0
    for at, event in events:
        match event:
            case ev.WorkflowStarted():
                if event.timestamp < turn:
                    yield "illegal history", "a turn's time goes back"
                turn = event.timestamp
            case ev.TaskScheduled() | ev.ChildCreated() | ev.TimerCreated():
                key = _kind(event), event.event_id
                if key in opened:
                    yield "illegal history", f"{key} is scheduled twice"
                opened[key] = event
            case ev.TaskCompleted() | ev.TaskFailed() | ev.ChildCompleted() | ev.ChildFailed() | ev.TimerFired():
                key = _kind(event), event.timer_id if isinstance(event, ev.TimerFired) else event.task_id
                if key not in opened:
                    yield "illegal history", f"{key} is resolved but was never scheduled"
                if key in closed:
                    yield "applied twice", f"{key} is resolved twice"
                closed.add(key)
                timer = opened.get(key)
                if isinstance(timer, ev.TimerCreated) and at < timer.fire_at:
                    yield "timer early", f"{key} fired {(timer.fire_at - at) / 1e9:.3f} s early"


def _kind(event: ev.Event) -> str:
    match event:
        case ev.TaskScheduled() | ev.TaskCompleted() | ev.TaskFailed():
            return "task"
        case ev.ChildCreated() | ev.ChildCompleted() | ev.ChildFailed():
            return "child"
        case _:
            return "timer"


def _children(tables: Tables, model: Model) -> None:
    """Every child that was asked for began, once (twice is noted when it happens); a purge may take its start away."""
    for (app, instance_id, incarnation), generations in model.runs.items():
        row = tables.row(app, instance_id)
        if row is None or row.incarnation != incarnation:
            continue
        for generation in generations.values():
            execution_id = next(
                (e.execution_id for _, e in generation.events if isinstance(e, ev.ExecutionStarted)), ""
            )
            kept = model.kept.get((app, instance_id, incarnation), [])
            ended = {event.task_id for event in kept if isinstance(event, ev.ChildCompleted | ev.ChildFailed)}
            for _, event in generation.events:
                if isinstance(event, ev.ChildCreated) and not (event in kept and event.event_id in ended):
                    target = event.route.target if event.route is not None and event.route.target else app
                    key = (target, event.instance_id, child_incarnation(incarnation, execution_id, event.event_id))
                    began, withdrawn = key in model.first_commits, event.event_id in _withdrawn(generation)
                    if began and withdrawn:
                        model.breaks("withdrawn, but began", f"{target}/{event.instance_id} of {app}/{instance_id}")
                    if not (began or withdrawn):
                        model.breaks("child lost", f"{app}/{instance_id} started {target}/{event.instance_id}")
                if isinstance(event, ev.DetachedCreated) and event not in kept:
                    target = event.route.target if event.route is not None and event.route.target else app
                    made = derive_id("detached", incarnation, execution_id, event.event_id)
                    begun = {key[2] for key in model.first_commits if key[:2] == (target, event.instance_id)}
                    # What runs again starts them under the same IDs: a start while the first still runs is dropped.
                    if made not in begun and not (begun and model.reruns):
                        model.breaks("detached lost", f"{app}/{instance_id} started {target}/{event.instance_id}")


#: How long after its parent a child may go on that is to be terminated too: a lease, a sweep, and a turn's delays.
_ESCAPE_S = 30.0


def _escaped(tables: Tables, model: Model) -> None:
    """What was running when its parent was terminated with all its children did not live on to its own end."""
    for (app, instance_id, incarnation), generations in model.runs.items():
        events = generations[max(generations)].events
        ends = [at for at, event in events if isinstance(event, ev.ExecutionTerminated) and event.recurse]
        if not ends:
            continue
        done = {event.task_id for _, event in events if isinstance(event, ev.ChildCompleted | ev.ChildFailed)}
        for task_id, target, child_id, child in _children_of((app, instance_id, incarnation), generations):
            row = tables.row(target, child_id)
            if task_id in done or row is None or row.incarnation != child or row.status == ev.Status.TERMINATED:
                continue
            latest = max(ends[0], model.calm_at) + round(_ESCAPE_S * 1e9)
            if row.completed_at is None or row.completed_at > latest:
                model.breaks("child escaped", f"{target}/{child_id}, child of {app}/{instance_id}")


def _purged(tables: Tables, model: Model) -> None:
    """The children of a run that was purged with them are gone, and theirs."""
    family = sorted(model.purged_families)
    for key in family:
        for _, target, child_id, child in _children_of(key, model.runs.get(key, {})):
            row = tables.row(target, child_id)
            if row is not None and row.incarnation == child:
                model.breaks("not purged", f"{target}/{child_id}, child of {key[0]}/{key[1]}")
            family.append((target, child_id, child))


def _children_of(
    key: tuple[str, str, bytes], generations: dict[int, Generation]
) -> Iterator[tuple[int, str, str, bytes]]:
    """Yield (task id, app, instance ID, incarnation) of the children of a run's last generation."""
    events = [event for _, event in generations[max(generations)].events] if generations else []
    execution_id = next((event.execution_id for event in events if isinstance(event, ev.ExecutionStarted)), "")
    for event in events:
        if isinstance(event, ev.ChildCreated):
            target = event.route.target if event.route is not None and event.route.target else key[0]
            yield (
                event.event_id,
                target,
                event.instance_id,
                child_incarnation(key[2], execution_id, event.event_id),
            )


def _withdrawn(generation: Generation) -> set[int]:
    """Return the calls of children that failed because nobody had seen their app."""
    code = codes.TARGET_APP_NOT_FOUND.number
    found = (event for _, event in generation.events if isinstance(event, ev.ChildFailed))
    return {event.task_id for event in found if event.failure.code == code}


def _events(model: Model) -> None:
    """Acknowledged events were applied once, in the order of their acknowledgements for each client."""
    applied: dict[int, list[tuple[str, str, int]]] = {}
    places: dict[int, int] = {}
    place = 0
    for (app, instance_id, _), generations in model.runs.items():
        for number in sorted(generations):
            carried: set[int] = set()
            for _, event in generations[number].events:
                if isinstance(event, ev.EventRaised):
                    call = _call_of(event)
                    applied.setdefault(call, [])
                    if call in carried:
                        model.breaks("applied twice", f"event {event.input} of {app}/{instance_id}")
                    carried.add(call)
                    place += 1
                    places.setdefault(call, place)
                    applied[call].append((app, instance_id, number))
    _event_order(model, places)
    for raised in model.raised:
        started = model.instances[raised.app, raised.instance_id]
        if not raised.acknowledged or raised.call in applied or started.terminated or raised.run != started.run:
            continue
        # A turn that continues as new leaves no history: then the output alone tells.
        if _awaited(model, raised) and not _continued(model, raised):
            model.breaks("event lost", f"{raised.name} {raised.number} of {raised.app}/{raised.instance_id}")


def _call_of(event: ev.EventRaised) -> int:
    return int(json.loads(event.input or "[0, 0]")[1])


def _awaited(model: Model, raised: Raised) -> bool:
    """Tell whether the event was wanted: no other call brought the same number."""
    wanted = (raised.app, raised.instance_id, raised.name, raised.number)
    return sum((r.app, r.instance_id, r.name, r.number) == wanted for r in model.raised) == 1


def _continued(model: Model, raised: Raised) -> bool:
    runs = (runs for key, runs in model.runs.items() if key[:2] == (raised.app, raised.instance_id))
    return any(max(generations) > 0 for generations in runs)


def _event_order(model: Model, places: dict[int, int]) -> None:
    last: dict[tuple[str, str, str], tuple[int, int]] = {}
    for raised in sorted((r for r in model.raised if r.acknowledged), key=lambda r: r.acknowledged):
        found = places.get(raised.call)
        key = (raised.app, raised.instance_id, raised.name)
        if found is None:
            continue
        if key in last and last[key][0] > found:
            model.breaks("event order", f"{key}: number {raised.number} was applied before {last[key][1]}")
        last[key] = (found, raised.number)


def _activities(model: Model, lease_s: float) -> None:
    """Nothing acknowledged is handed out again, but for one delivery under way, within half a lease.

    A delivery whose stream breaks before its worker reads is handed to the next stream: that is no second one.
    """
    for ref, work in model.work.items():
        if work.acknowledged is None:
            continue
        late = [(at, attempt) for at, attempt in work.delivered if at > work.acknowledged]
        where = f"{ref.app}/{ref.instance_id} task {ref.task_id}"
        for at, _ in late:
            if at > work.acknowledged + lease_s / 2:
                model.breaks("sent after settled", f"{where}: {at - work.acknowledged:.3f} s later")
        attempts = sorted({attempt for _, attempt in late})
        if len(attempts) > 1:
            model.breaks("sent after settled", f"{where}: attempts {attempts}")
        began = sum(at > work.acknowledged for at, _ in work.started)
        if began > 1:
            model.breaks("sent after settled", f"{where}: ran {began} times more")


def _strict(model: Model) -> None:
    """A task whose target lived all the time is handed out once, and its result is settled without delay."""
    for ref, work in model.work.items():
        where = f"{ref.app}/{ref.instance_id} task {ref.task_id}"
        if len(work.delivered) > 1:
            model.breaks("handed out twice", f"{where}: {len(work.delivered)} times, and its target was never away")
        if work.finished and work.acknowledged is not None and work.acknowledged - work.finished[0] > 0.9:
            model.breaks("settled late", f"{where}: after {work.acknowledged - work.finished[0]:.3f} s")
