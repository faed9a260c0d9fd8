"""What the outside knows: acknowledged calls, side effects of activities, and every commit that landed.

The checks compare this with the promises. Nothing here reads the runtime's memory.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from antiphon_names.hashing import partition_of
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.stores.base import Commit, InstanceRow, TaskRef
from tests.simulation import timed
from tests.simulation.programs import Program
from tests.simulation.trace import Trace


class Broken(Exception):
    """A promise is broken; `promise` is its short name."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise


@dataclass(slots=True)
class Started:
    """An instance that a client asked for."""

    app: str
    instance_id: str
    program: Program
    #: Counts the runs under one ID.
    run: int = 0
    #: Store time before which it must not begin.
    scheduled_at: int | None = None
    #: Whether suspending and terminating it includes its children.
    recursive: bool = False
    acknowledged: bool = False
    #: A call is or may be under way that could meet a later run of the same ID.
    doubtful: bool = False
    #: A suspend got no answer: it may still be under way, and take effect after every resume so far.
    stray_suspend: bool = False
    terminated: bool = False
    purged: bool = False


@dataclass(slots=True)
class Raised:
    """One call that raised an event."""

    app: str
    instance_id: str
    name: str
    number: int
    call: int
    run: int = 0
    acknowledged: int = 0


@dataclass(slots=True)
class Work:
    """What happened to one task, outside of the engine; `delivered`: when which attempt was handed to a stream."""

    delivered: list[tuple[float, int]] = field(default_factory=list)
    started: list[tuple[float, int]] = field(default_factory=list)
    finished: list[float] = field(default_factory=list)
    acknowledged: float | None = None


@dataclass(slots=True)
class Generation:
    """The committed events of one generation, with the store time at which each was committed."""

    events: list[tuple[int, ev.Event]] = field(default_factory=list)


class Model:
    """The record of one run."""

    def __init__(self, now: Callable[[], float], store_now: Callable[[], int], trace: Trace) -> None:
        self._now = now
        self._store_now = store_now
        self._trace = trace
        self.instances: dict[tuple[str, str], Started] = {}
        self.raised: list[Raised] = []
        self.work: dict[TaskRef, Work] = {}
        #: (app, instance ID, incarnation) -> generation -> events.
        self.runs: dict[tuple[str, str, bytes], dict[int, Generation]] = {}
        self.first_commits: dict[tuple[str, str, bytes], int] = {}
        #: The rows of runs that retention deleted, and how long it was to keep them.
        self.retired: dict[tuple[str, str], InstanceRow] = {}
        self.keep_ns = 0
        self.acknowledgements = 0
        self._limited: dict[str, dict[Hashable, tuple[float, Callable[[], bool]]]] = {}
        self._details: dict[str, list[bytes]] = {}
        #: What workers run that would hear of a cancellation, and where; the world fills it in.
        self.hanging: Callable[[], list[tuple[str, TaskRef]]] = list
        #: Store time at which faults ended.
        self.calm_at = 0
        #: Runs, as the keys of `runs`, that were purged with their children.
        self.purged_families: set[tuple[str, str, bytes]] = set()
        #: (app, instance ID) that will begin with a history that is kept, and by run what stands in that history.
        self.reruns: set[tuple[str, str]] = set()
        self.kept: dict[tuple[str, str, bytes], list[ev.Event]] = {}
        self._takers: dict[tuple[str, int], tuple[str, float]] = {}
        self.broken: list[Broken] = []

    def breaks(self, promise: str, what: str) -> None:
        """Note a broken promise; the run goes on to its end."""
        self._trace.note("check", "BROKEN", promise, what)
        self.broken.append(Broken(promise, what))

    # activities

    def activity_delivered(self, ref: TaskRef, attempt: int) -> None:
        """A sidecar handed a task to a worker's stream."""
        self.work.setdefault(ref, Work()).delivered.append((self._now(), attempt))

    def activity_started(self, ref: TaskRef, attempt: int, where: str) -> None:
        """A worker began a task."""
        self._trace.note(where, "starts", ref.app, ref.instance_id, ref.task_id, f"attempt={attempt}")
        self.work.setdefault(ref, Work()).started.append((self._now(), attempt))

    def activity_finished(self, ref: TaskRef, attempt: int) -> None:
        """A worker finished a task."""
        self.work[ref].finished.append(self._now())

    def activity_acknowledged(self, ref: TaskRef) -> None:
        """A worker was told that its result is safe."""
        self._trace.note("worker", "settled", ref.app, ref.instance_id, ref.task_id)
        work = self.work.setdefault(ref, Work())
        if work.acknowledged is None:
            work.acknowledged = self._now()

    def details_said(self, chain: str, details: bytes) -> None:
        """An activity said how far it is."""
        self._details.setdefault(chain, []).append(details)

    def details_given(self, chain: str, details: bytes | None) -> None:
        """A worker got what an earlier attempt of the same call is to have said."""
        if details is not None and details not in self._details.get(chain, ()):
            self.breaks("strange details", f"{chain} got {details!r}, which no attempt of it said")

    def limited_began(self, app: str, run: Hashable, alive: Callable[[], bool], *, lapses_s: float) -> None:
        """A worker began an activity whose name has a limit; after `lapses_s` it counts no more."""
        runs = self._limited.setdefault(app, {})
        until = self._now() + lapses_s
        for other in [other for other, (end, lives) in runs.items() if end <= self._now() or not lives()]:
            del runs[other]
        runs[run] = (until, alive)
        if len(runs) > timed.MOST:
            self.breaks("limit exceeded", f"{len(runs)} activities run at once in {app}")

    def limited_ended(self, app: str, run: Hashable) -> None:
        """Such an activity has ended."""
        self._limited.get(app, {}).pop(run, None)

    def calm(self) -> None:
        """Nothing fails on purpose any more."""
        self.calm_at = self._store_now()

    # calls

    def acknowledge(self) -> int:
        """Return the next place in the order of acknowledgements, from 1."""
        self.acknowledgements += 1
        return self.acknowledgements

    # commits

    def taken(self, host: str, app: str, partition: int) -> None:
        """A replica took a partition in the store."""
        self._takers[app, partition] = host, self._now()

    def taken_by(self, app: str, partition: int) -> tuple[str, float] | None:
        """Return who took a partition last, and when."""
        return self._takers.get((app, partition))

    def committed(self, host: str, commit: Commit, before: InstanceRow | None) -> None:
        """Note a commit that landed; `before`: the row that it changed."""
        row = commit.row
        taker, _ = self._takers.get((commit.app, partition_of(commit.slot)), (None, 0.0))
        if taker != host:
            self.breaks("one owner", f"{host} committed {commit.app}/{commit.instance_id}, which is {taker}'s")
        key = (commit.app, commit.instance_id, row.incarnation)
        self._check_run(commit, before)
        if commit.expect_incarnation != row.incarnation or (commit.expect_version == 0 and row.version == 1):
            self.first_commits[key] = self.first_commits.get(key, 0) + 1
            if self.first_commits[key] > 1:
                self.breaks(
                    "started twice", f"{commit.app}/{commit.instance_id} began again under the same incarnation"
                )
        if commit.history is None:
            return
        generation = self.runs.setdefault(key, {}).setdefault(commit.history.generation, Generation())
        now = self._store_now()
        events = [codec.unseal(raw) for raw in codec.unpack(commit.history.events)]
        generation.events.extend((now, event) for event in events)
        if not commit.history.turn and not commit.history.generation and key[:2] in self.reruns:
            self.kept[key] = events
        self._check_schedule(commit)

    def retire(self, rows: list[InstanceRow], row_of: Callable[[str, str], InstanceRow | None]) -> None:
        """Note runs that retention deleted; `row_of` finds what is there now."""
        for row in rows:
            where = f"{row.app}/{row.instance_id}"
            self.retired[row.app, row.instance_id] = row
            if row.status not in ev.TERMINAL or row.completed_at is None:
                self.breaks("deleted too early", f"{where} has not ended")
            elif row.completed_at > self._store_now() - self.keep_ns:
                self.breaks("deleted too early", f"{where} ended a moment ago")
            parent = row_of(row.parent_app, row.parent_instance) if row.parent_app and row.parent_instance else None
            if parent is not None and parent.status not in ev.TERMINAL:
                self.breaks("deleted too early", f"the parent of {where} has not ended")

    def _check_run(self, commit: Commit, before: InstanceRow | None) -> None:
        """A commit goes on with the run that is there, or begins one where that has ended (protocol.md 10)."""
        if before is None or before.incarnation == commit.row.incarnation or before.status in ev.TERMINAL:
            return
        self.breaks("wrong run", f"{commit.app}/{commit.instance_id}: another run of this ID is under way")

    def children_of(self, app: str, instance_id: str) -> list[tuple[str, str]]:
        """Return the (app, instance ID) of every child that an instance started, once each."""
        found: dict[tuple[str, str], None] = {}
        for key, generations in self.runs.items():
            if key[:2] == (app, instance_id):
                for generation in generations.values():
                    for _, event in generation.events:
                        if isinstance(event, ev.ChildCreated):
                            target = event.route.target if event.route is not None else None
                            found[target or app, event.instance_id] = None
        return list(found)

    def purged_with_children(self, app: str, instance_id: str) -> None:
        """Note that the latest run of an instance was purged, and its children are to be."""
        self.purged_families.update([key for key in self.runs if key[:2] == (app, instance_id)][-1:])

    def _check_schedule(self, commit: Commit) -> None:
        assert commit.history is not None
        started = self.instances.get((commit.app, commit.instance_id))
        if started is None or started.scheduled_at is None or self._store_now() >= started.scheduled_at:
            return
        events = [codec.unseal(raw) for raw in codec.unpack(commit.history.events)]
        if events and not any(isinstance(event, ev.ExecutionTerminated) for event in events):
            self.breaks("begun early", f"{commit.app}/{commit.instance_id} before its scheduled start")
