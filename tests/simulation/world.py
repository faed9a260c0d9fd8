"""One run: builds everything from a seed, lets it run through faults and a quiet period, and judges it."""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from antiphon_names import errors as codes
from antiphon_sidecar.engine.events import TERMINAL
from antiphon_sidecar.peers.base import Cancel, Message
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.settings import Limits
from antiphon_sidecar.stores.base import Commit, InstanceRow, TaskRef
from tests.simulation import checks, programs
from tests.simulation.apps import Pod, Surroundings
from tests.simulation.beside import Beside
from tests.simulation.chaos import Chaos, Plan
from tests.simulation.clients import Client
from tests.simulation.etcd import Etcd
from tests.simulation.loop import SimLoop, Spinning
from tests.simulation.model import Broken, Model, Started
from tests.simulation.network import Network
from tests.simulation.releases import POISON, Releases
from tests.simulation.situations import LATE
from tests.simulation.store_server import StoreServer
from tests.simulation.trace import Trace

LEASE_S = 10.0
#: Seconds into the quiet period after which no call of before is under way.
_STRAYS_S = 15.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """How large a run is and what goes wrong; None: drawn from the seed."""

    apps: int | None = None
    replicas: int = 2
    instances: int | None = None
    size: int = 10
    active_s: float = 40.0
    #: The longest that what was begun may take: activities that hang hold the one place of a worker one after another,
    #: most of them for 40 s, and what is run again has them once more.
    quiet_s: float = 300.0
    plan: Plan | None = None
    replica: type[Replica] = Replica
    limits: Limits = field(default_factory=lambda: Limits(lease_s=LEASE_S))
    spread_s: float = 25.0
    #: Judge delays and second runs too: for plans that give no excuse for them.
    strict: bool = False
    #: Seconds that a worker may take for a turn.
    thinks_s: tuple[float, ...] = (0.0, 0.001, 0.004, 0.02, 0.02, 0.3)
    #: Instances of the first app that are scheduled beyond the end of the run: their rows wait all the time.
    far: int = 0
    #: How often clients purge an instance once it has ended.
    purges: float = 0.25
    #: How many runs of a workflow may be under way in each app at once.
    workflows_most: Mapping[str, int] = field(default_factory=dict)
    #: How often somebody terminates an instance.
    terminates: float = 0.08
    #: How often a purge does not wait for the end.
    forces: float = 0.3
    #: How often an instance that waits for no events is run again.
    reruns: float = 0.4
    write: Callable[[programs.Writer, str], programs.Program] | None = None
    #: What a client does with an instance ID, instead of what is drawn.
    live: Callable[["World", Started], Awaitable[None]] | None = None
    #: How long runs are kept after their end, in seconds; the run goes on until nothing is left of any. None: for ever.
    keep_s: float | None = None
    #: Between which seconds an app more, `situations.LATE`, starts, which nobody has seen before.
    late_s: tuple[float, float] | None = None
    #: Workers' code changes with each process that starts.
    rolling: bool = False
    #: Instances whose turns kill their worker until the quiet period.
    poison: int = 0
    #: How often a client waits for the end of an instance.
    waits: float = 0.3
    #: How soon one who waits must be told of the end, in seconds: for plans that give no excuse for more.
    told_within_s: float | None = None
    #: What was started must have ended when the faults are over, while what they took away is still away.
    prompt: bool = False


#: Deployments that take versions and patches away.
DEPLOYMENTS = Scenario(
    rolling=True, plan=Plan(3.0, ("kill worker", "kill worker", "roll", "kill sidecar", "break stream", "bad store"))
)
#: One app, so that nobody waits for an app whose workers are dead; nothing else goes wrong.
POISONED = Scenario(apps=1, poison=2, plan=Plan(0.0), spread_s=10.0, active_s=90.0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run came to."""

    seed: int
    broken: tuple[Broken, ...]
    digest: str
    tail: tuple[str, ...]
    seconds: float
    steps: int
    instances: int


class LogWatch(logging.Handler):
    """Errors that the runtime logs are broken promises: a task that died is never repaired."""

    def __init__(self, model: Model, trace: Trace) -> None:
        super().__init__(logging.INFO)
        self._model = model
        self._trace = trace

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            cause = "" if record.exc_info is None else repr(record.exc_info[1])
            self._model.breaks("a task died", f"{record.getMessage()} {getattr(record, 'task', '')} {cause}")
        else:
            self._trace.note("log", record.getMessage())

    @contextmanager
    def over(self, logger: logging.Logger) -> Iterator[None]:
        """Take what is logged to this logger, and let nothing else have it."""
        before = logger.level, logger.propagate
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        try:
            yield
        finally:
            logger.removeHandler(self)
            logger.setLevel(before[0])
            logger.propagate = before[1]


class World:
    """One run."""

    def __init__(self, seed: int, scenario: Scenario, *, live: bool = False) -> None:
        self.seed = seed
        self.scenario = scenario
        self.loop = SimLoop(self.rng("loop"))
        self.trace = Trace(self.loop.time, live=live)
        store = StoreServer(self.loop, self.rng("store"), self.trace)
        self.model = Model(self.loop.time, store.clock, self.trace)
        store.observers.append(self.model.committed)
        store.observers.append(self._ended)
        store.on_take = self.model.taken
        self.surroundings = Surroundings(
            loop=self.loop,
            store=store,
            network=Network(self.loop, self.rng("network"), self.trace),
            etcd=Etcd(self.loop, self.rng("etcd"), self.trace, lease_s=scenario.limits.lease_s),
            trace=self.trace,
            model=self.model,
            limits=scenario.limits,
            new_rng=self.rng,
            replica=scenario.replica,
            thinks_s=scenario.thinks_s,
            workflows_most=scenario.workflows_most,
            releases=self._releases(),
            retention={} if scenario.keep_s is None else dict.fromkeys(sorted(TERMINAL), scenario.keep_s),
        )
        self.model.keep_ns = round((scenario.keep_s or 0.0) * 1e9)
        self.surroundings.network.on_send = self._sent
        store.on_retire = lambda rows: self.model.retire(rows, store.tables.row)
        self.draw = self.rng("world")
        self.wishes = self.rng("wishes")
        self.waits = self.rng("waits")
        self._ended_at: dict[tuple[str, str], float] = {}
        names = [f"app{n}" for n in range(scenario.apps or self.draw.choice((1, 2, 2, 3)))]
        self.apps = names
        self.pods = [Pod(self.surroundings, app, n) for app in names for n in range(scenario.replicas)]
        if scenario.late_s is not None:
            self.late = [Pod(self.surroundings, LATE, n) for n in range(scenario.replicas)]
        self.model.hanging = self._hanging
        self.client = Client(self.surroundings, self.pods, self.rng("client"))
        self.start = self.loop.time()

    def _ended(self, host: str, commit: Commit, before: InstanceRow | None) -> None:
        """A commit that ends a generation leaves none of its task and timer rows (protocol.md 5)."""
        run, row = self.surroundings.store.tables.runs[commit.app, commit.instance_id], commit.row
        if self.scenario.workflows_most:
            checks.runs_within(
                self.surroundings.store.tables, self.model, most=self.scenario.workflows_most, app=row.app
            )
        if row.status in TERMINAL:
            self._ended_at[row.app, row.instance_id] = self.loop.time()
        for ref in (*run.tasks, *run.timers):
            if row.status in TERMINAL or ref.execution_id != row.execution_id:
                self.model.breaks("rows left", f"{ref} when {host} ended its generation")

    def _sent(self, sender: str, message: Message) -> None:
        """Nothing is cancelled as long as anybody waits for it."""
        if isinstance(message, Cancel) and message.ref in self.surroundings.store.tables.tasks:
            self.model.breaks("wanted and cancelled", f"{sender} has {message.ref} cancelled, which is waited for")

    def _hanging(self) -> list[tuple[str, TaskRef]]:
        workers = [pod.worker for pod in self.pods if pod.worker is not None and pod.worker.cancels]
        return [(worker.host.name, ref) for worker in workers for ref in worker.open]

    def rng(self, name: str) -> Random:
        """Return a stream of randomness of its own, so that parts do not disturb each other."""
        return Random(f"{self.seed}/{name}")

    def _releases(self) -> Releases | None:
        scenario = self.scenario
        if not (scenario.rolling or scenario.poison):
            return None
        return Releases(self.rng("releases"), rolling=scenario.rolling)

    def _plan(self) -> Plan:
        if self.scenario.plan is not None:
            return self.scenario.plan
        kinds = Chaos.all_kinds()
        some = tuple(self.draw.sample(kinds, self.draw.randint(1, 6)))
        return Plan(every_s=self.draw.choice((1.5, 4.0, 8.0)), kinds=some)

    def _workload(self) -> None:
        self.writer = programs.Writer(self.rng("programs"), self.apps, size=self.scenario.size)
        self.busy = 0
        for number in range(self.scenario.instances or self.draw.randint(2, 8)):
            at = 1.0 + self.draw.random() * self.scenario.spread_s
            self.client.host.later(at, self._begin, self.draw.choice(self.apps), f"i{number}", 0)
            self.busy += 1

        for number in range(self.scenario.poison):
            self.client.host.later(2.0 + number, self._begin_poison, f"{POISON}{number}")
        for number in range(self.scenario.far):
            self.client.host.later(0.9, self._begin_far, f"far{number}")

    def _start_late(self) -> None:
        if self.scenario.late_s is None:
            return
        draw = self.rng("late")
        for pod in self.late:
            for start in (pod.start_sidecar, pod.start_worker):
                self.loop.world.later(draw.uniform(*self.scenario.late_s), start)

    def _begin_far(self, instance_id: str) -> None:
        at = self.surroundings.store.clock() + 10_000 * 1_000_000_000
        started = Started(self.apps[0], instance_id, ["seq", []], scheduled_at=at)
        self.client.host.spawn(self.client.start(started), "far")

    def _begin_poison(self, instance_id: str) -> None:
        started = Started(self.apps[0], instance_id, ["seq", [["timer", 0.3]]])
        self.model.instances[started.app, instance_id] = started
        self.client.host.spawn(self.client.start(started), "poison")

    def _deploy_all(self) -> None:
        """Replace every worker by one whose code has everything, and let what was set aside be tried again."""
        releases = self.surroundings.releases
        if releases is not None:
            releases.last = True
            for pod in self.pods:
                pod.kill_worker()
            self.client.host.later(_STRAYS_S, self._resume_poisoned)

    def _resume_poisoned(self) -> None:
        for key, started in self.model.instances.items():
            row = self.surroundings.store.tables.row(*key)
            if row is not None and row.waiting_on == codes.INSTANCE_POISONED.name:
                self.client.host.spawn(self.client.resume(started, recursive=False), "resume")

    def _begin(self, app: str, instance_id: str, run: int) -> None:
        """Start an instance and draw what clients do with it, once every app was there: before, calls may fail."""
        if set(self.apps) - set(self.surroundings.store.tables.apps):
            self.client.host.later(0.5, self._begin, app, instance_id, run)
            return
        draw, writer = self.draw, self.writer
        if self.scenario.live is not None:
            started = Started(app, instance_id, self._write(instance_id, run), run=run, recursive=True)
            self.model.instances[app, instance_id] = started
            self.client.host.spawn(self._script(self.scenario.live(self, started)), "live")
            return
        program = self._write(instance_id, run)
        scheduled = draw.choice((0.5, 3.0, 20.0)) if draw.random() < 0.1 else None
        at = None if scheduled is None else self.surroundings.store.clock() + round(scheduled * 1e9)
        recursive = draw.random() < 0.4
        started = Started(app, instance_id, program, run=run, scheduled_at=at, recursive=recursive)
        self.model.instances[app, instance_id] = started
        self.client.host.spawn(self._live(started, dict(writer.events), draw.choice((0.01, 0.5, 3.0))), "live")
        if draw.random() < 0.2:
            started.doubtful = True
            self.client.host.later(3 * draw.random(), self._suspend, started, draw.choice((0.1, 2.0, 8.0)))
        if draw.random() < self.scenario.terminates:
            started.doubtful = True
            self.client.host.later(8 * draw.random(), self._terminate, started)

    def _write(self, instance_id: str, run: int) -> programs.Program:
        if self.scenario.write is not None:
            return self.scenario.write(self.writer, instance_id)
        return self.writer.program(instance_id, run=run)

    async def _script(self, life: Awaitable[None]) -> None:
        await life
        self.busy -= 1

    def again(self, last: Started) -> Started:
        """Return the next run of an ID, whose last one was purged."""
        program = self._write(last.instance_id, last.run + 1)
        started = Started(last.app, last.instance_id, program, run=last.run + 1, recursive=last.recursive)
        self.model.instances[last.app, last.instance_id] = started
        return started

    async def _live(self, started: Started, events: dict[str, int], pace_s: float) -> None:
        await self.client.start(started)
        if self.waits.random() < self.scenario.waits:
            self.client.host.spawn(self._wait(started), "wait")
        await self.client.raise_events(started, events, pace_s)
        if self.draw.random() < self.scenario.purges and not started.doubtful:
            force, recursive = self.wishes.random() < self.scenario.forces, self.wishes.random() < 0.5
            await self.client.purge(started, force=force, recursive=recursive)
            # A purge that was not answered may still land, and would take the next run with it.
            if self.draw.random() < 0.7 and started.run < 2 and not started.doubtful:
                self._begin(started.app, started.instance_id, started.run + 1)
                return
        elif self.wishes.random() < self.scenario.reruns and not events and not started.doubtful:
            # Without events: nobody would raise those that the kept history lacks.
            new_id = f"{started.instance_id}-again" if self.wishes.random() < 0.6 else None
            await self.client.rerun(started, new_id=new_id)
        self.busy -= 1

    async def _wait(self, started: Started) -> None:
        """Wait for an end, and judge what is told and when."""
        began, row = await self.client.wait(started)
        where, now = f"{started.app}/{started.instance_id}", self.loop.time()
        if row is None:
            if not started.purged:
                self.model.breaks("told wrong", f"{where} is not there")
            return
        if row.status not in TERMINAL:
            self.model.breaks("told wrong", f"{where} has ended as {row.status}")
        within_s = self.scenario.told_within_s
        late_s = now - max(began, self._ended_at.get((started.app, started.instance_id), began))
        if within_s is not None and late_s > within_s:
            self.model.breaks("told late", f"{where}: {late_s:.3f} s after its end")

    def _suspend(self, started: Started, seconds: float) -> None:
        if started.acknowledged and not started.purged:
            self.client.host.spawn(self.client.suspend_for(started, seconds, recursive=started.recursive), "suspend")

    def _terminate(self, started: Started) -> None:
        if started.acknowledged and not started.purged:
            self.client.host.spawn(self.client.terminate(started, recursive=started.recursive), "terminate")

    def run(self) -> Verdict:
        """Run to the end and judge."""
        logger = logging.getLogger("antiphon_sidecar")
        with LogWatch(self.model, self.trace).over(logger):
            try:
                self._run()
            except Spinning as spinning:
                self.model.breaks("spinning", str(spinning))
            for error in self.loop.errors:
                self.model.breaks("a callback failed", f"{error.get('message')} {error.get('exception')!r}")
            verdict = Verdict(
                seed=self.seed,
                broken=tuple(self.model.broken),
                digest=self.trace.digest(),
                tail=tuple(self.trace.tail(400)),
                seconds=self.loop.time() - self.start,
                steps=self.loop.steps,
                instances=len(self.surroundings.store.tables.runs),
            )
            logger.setLevel(logging.CRITICAL)
            self.loop.end()
        return verdict

    def _run(self) -> None:
        tables = self.surroundings.store.tables
        chaos_until = self.start + self.scenario.active_s
        for pod in self.pods:
            self.loop.world.later(0.5 * self.draw.random(), pod.start_sidecar)
            self.loop.world.later(0.5 * self.draw.random(), pod.start_worker)
        self._start_late()
        self._workload()
        chaos = Chaos(self.surroundings, self.pods, self.rng("chaos"), self._plan(), until=chaos_until)
        self.loop.run(until=chaos_until, done=self._look_beside())
        self.trace.note("chaos", "quiet")
        if self.scenario.prompt:
            checks.not_delayed(tables, self.model)
        self.loop.world.soon(chaos.calm)
        self.model.calm()
        self.loop.world.soon(self._deploy_all)
        # By then no replica is paused any more with a call in hand.
        self.client.host.later(_STRAYS_S, self.client.resume_strays)
        last = 0.0

        def done() -> bool:
            nonlocal last
            if self.loop.time() < last + 1.0:
                return False
            last = self.loop.time()
            if self.scenario.keep_s is not None and checks.kept(tables):
                return False
            idle = self.client_idle() and not self.scenario.far
            return idle and checks.all_ended(tables, self.model) and not self._hanging()

        self.loop.run(until=chaos_until + self.scenario.quiet_s, done=done)
        checks.deaths(self.model, self.surroundings.releases)
        for where in checks.kept(tables) if self.scenario.keep_s is not None else ():
            self.model.breaks("kept too long", where)
        checks.check(tables, self.model, lease_s=self.scenario.limits.lease_s, strict=self.scenario.strict)

    def _look_beside(self) -> Callable[[], bool]:
        """Return what is called as time moves on, and never ends the run."""
        releases, last = self.surroundings.releases, 0.0
        if not self.scenario.poison or releases is None:
            return lambda: False
        store = self.surroundings.store
        watch = Beside(
            tables=store.tables,
            model=self.model,
            pods=self.pods,
            releases=releases,
            now=self.loop.time,
            store_now=store.clock,
        )

        def look() -> bool:
            nonlocal last
            if self.loop.time() >= last + 0.5:
                last = self.loop.time()
                watch.look()
            return False

        return look

    def client_idle(self) -> bool:
        """Tell whether clients have done what they were to do."""
        return self.busy == 0


def simulate(seed: int, scenario: Scenario | None = None, *, live: bool = False) -> Verdict:
    """Run one seed."""
    return World(seed, scenario or Scenario(), live=live).run()
