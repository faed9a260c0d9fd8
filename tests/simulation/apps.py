"""Simulated pods: a sidecar that runs the real runtime, an app process with a worker, and the stream between them.

Either process may be killed or paused on its own; the stream then breaks, and is opened again when both are there.
A worker keeps each result until its sidecar has settled it, and hands it in again with the old token.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.runtime.calls import Calls
from antiphon_sidecar.runtime.clock import StoreClock
from antiphon_sidecar.runtime.committer import Committer
from antiphon_sidecar.runtime.known import KnownApps
from antiphon_sidecar.runtime.replica import Identity, Parts, Replica
from antiphon_sidecar.runtime.tokens import read_task_token, token_attempt
from antiphon_sidecar.runtime.workers import ActivityItem, CancelItem, Item, Offers, TurnItem, WorkerStream
from antiphon_sidecar.settings import Concurrency, Limits
from antiphon_sidecar.stores.base import TaskRef
from antiphon_sidecar.stores.errors import StoreError
from tests.simulation import timed
from tests.simulation.etcd import Etcd, SimCoordinator
from tests.simulation.interpreter import ACTIVITY, WORKFLOW, Interpreter
from tests.simulation.loop import Host, SimLoop
from tests.simulation.model import Model
from tests.simulation.network import Network, SimPeers
from tests.simulation.programs import activity_value
from tests.simulation.releases import Release, Releases
from tests.simulation.store_server import EPOCH_NS, NAMESPACE, SimStore, StoreServer
from tests.simulation.trace import Trace

_LINK_S = 0.001
#: A worker is asked again for what it refused only by another owner of the instance, or when it was resumed.
_ASKED_MAX = 12


@dataclass(slots=True)
class Surroundings:
    """What all pods of a run share."""

    loop: SimLoop
    store: StoreServer
    network: Network
    etcd: Etcd
    trace: Trace
    model: Model
    limits: Limits
    new_rng: Callable[[str], Random]
    #: The class of replica to run: planted bugs replace it.
    replica: type[Replica] = Replica
    thinks_s: tuple[float, ...] = (0.0,)
    #: What workers' code is when it changes; None: it stays the same.
    releases: Releases | None = None
    #: How long runs are kept after their end, in seconds, by how they ended.
    retention: Mapping[ev.Status, float] = field(default_factory=dict)
    #: Concurrency limits of workflows, in every app.
    workflows_most: Mapping[str, int] = field(default_factory=dict)


class SimClock:
    """One process's clocks and IDs, from the seed."""

    def __init__(self, loop: SimLoop, rng: Random) -> None:
        self._loop = loop
        self._rng = rng
        self._skew_ns = rng.randint(-3_000_000_000, 3_000_000_000)

    def monotonic(self) -> float:
        """Return loop time."""
        return self._loop.time()

    def wall_ns(self) -> int:
        """Return a host clock that is off by seconds."""
        return EPOCH_NS + round(self._loop.time() * 1e9) + self._skew_ns

    def new_id(self) -> bytes:
        """Return 16 bytes."""
        return self._rng.randbytes(16)

    def jitter(self) -> float:
        """Return a number from 0 to 1."""
        return self._rng.random()


class Pod:
    """The place of one replica of one app: at most one sidecar process and one app process at a time."""

    def __init__(self, world: Surroundings, app: str, number: int) -> None:
        self.world = world
        self.app = app
        self.name = f"{app}{number}"
        self.rng = world.new_rng(self.name)
        self.sidecar: Sidecar | None = None
        self.worker: Worker | None = None
        self.link: Link | None = None
        self.boots = 0
        self.stateful = self.rng.random() < 0.5

    def start_sidecar(self) -> None:
        """Start a new sidecar process unless one runs."""
        if self.sidecar is None:
            self.boots += 1
            self.sidecar = Sidecar(self, f"{self.name}-{self.boots}")

    def start_worker(self) -> None:
        """Start a new app process unless one runs."""
        if self.worker is None:
            self.worker = Worker(self)
            self.relink()

    def kill_sidecar(self) -> None:
        """SIGKILL the sidecar."""
        sidecar = self.sidecar
        if sidecar is not None:
            self.world.trace.note(self.name, "sidecar killed")
            self.sidecar = None
            sidecar.host.kill()
            self.world.network.leave(sidecar.replica_id)
            self._break()

    def kill_worker(self) -> None:
        """SIGKILL the app process."""
        worker = self.worker
        if worker is not None:
            self.world.trace.note(self.name, "worker killed")
            self.worker = None
            worker.host.kill()
            self._break()

    def stop_sidecar(self) -> None:
        """SIGTERM: the sidecar drains and ends; it is killed when that takes too long."""
        sidecar = self.sidecar
        if sidecar is not None and not sidecar.stopping:
            self.world.trace.note(self.name, "sidecar stops")
            sidecar.stopping = True
            self._break()
            sidecar.host.spawn(sidecar.stop(), "stop")
            self.world.loop.world.later(15.0, self._kill_if, sidecar)

    def _kill_if(self, sidecar: "Sidecar") -> None:
        if self.sidecar is sidecar:
            self.kill_sidecar()

    def break_link(self) -> None:
        """The worker's stream ends, both processes live on."""
        self._break()
        self.world.loop.world.later(0.3, self.relink)

    def _break(self) -> None:
        if self.link is not None:
            self.link.close()
            self.link = None

    def relink(self) -> None:
        """Connect the worker when both processes are there."""
        sidecar, worker = self.sidecar, self.worker
        if self.link is None and worker is not None and sidecar is not None and sidecar.ready and not sidecar.stopping:
            self.link = Link(sidecar, worker)


class Sidecar:
    """One sidecar process."""

    def __init__(self, pod: Pod, replica_id: str) -> None:
        world = pod.world
        self.pod = pod
        self.replica_id = replica_id
        self.host = Host(world.loop, replica_id)
        self.ready = False
        self.stopping = False
        self.replica: Replica | None = None
        self.calls: Calls | None = None
        self.host.spawn(self._run(), "sidecar")

    async def _run(self) -> None:
        world, pod = self.pod.world, self.pod
        store = SimStore(world.store, self.host)
        clock = SimClock(world.loop, world.new_rng(self.replica_id))
        store_clock, committer, known = StoreClock(clock), Committer(store), KnownApps(store)
        replica = self.replica = world.replica(
            Identity(app=pod.app, replica=self.replica_id, namespace=NAMESPACE, nonce=clock.new_id().hex()),
            Parts(
                store=store,
                committer=committer,
                coordinator=SimCoordinator(world.etcd, self.replica_id, self.host),
                peers=SimPeers(world.network, self.replica_id, self.host),
                clock=clock,
                store_clock=store_clock,
                known_apps=known,
                limits=world.limits,
                retention=world.retention,
                concurrency=Concurrency({timed.LIMITED: timed.MOST}, world.workflows_most),
            ),
        )
        self.calls = Calls(replica)
        try:
            await store_clock.refresh(store)
            await known.refresh()
            self.host.spawn(committer.run(), "committer")
            await replica.start()
        except StoreError:
            world.trace.note(self.replica_id, "did not start")
            world.loop.world.soon(self._gone)
            return
        world.trace.note(self.replica_id, "started")
        self.ready = True
        world.loop.world.soon(pod.relink)

    async def stop(self) -> None:
        """Drain and end."""
        if self.replica is not None and self.ready:
            await self.replica.drain()
            await self.replica.stop()
        self.pod.world.loop.world.soon(self._gone)

    def _gone(self) -> None:
        if self.pod.sidecar is self:
            self.pod.kill_sidecar()


class Link:
    """A worker's stream: in order and without loss until it breaks."""

    def __init__(self, sidecar: Sidecar, worker: "Worker") -> None:
        assert sidecar.replica is not None
        self.sidecar = sidecar
        self.worker = worker
        self.replica = sidecar.replica
        self.open = True
        self.since = sidecar.pod.world.loop.time()
        self._over: Any = sidecar.pod.world.loop.create_future()
        self._last = {True: 0.0, False: 0.0}
        self._refused: dict[str, int] = {}
        self.stream = WorkerStream(
            offers=Offers(
                declares=worker.declares,
                workflows=frozenset((WORKFLOW,)),
                versions={} if worker.release is None else {WORKFLOW: frozenset(worker.release.versions)},
                activities=frozenset((ACTIVITY, timed.LIMITED)),
                stateful_history=sidecar.pod.stateful,
                cancels=worker.cancels,
                turns_max=worker.turns_max,
                activities_max=worker.activities_max,
            ),
            send=self._hand_out,
        )
        sidecar.host.spawn(self._serve(), "stream")
        self.to_worker(worker.connected, self)

    def _hand_out(self, item: Item) -> None:
        if isinstance(item, ActivityItem):
            self.sidecar.pod.world.model.activity_delivered(item.ref, item.attempt)
        self.to_worker(self.worker.receive, self, item)

    def refused(self, instance_id: str) -> None:
        """Note that the worker cannot run an instance; to be asked for ever is a loop."""
        self._refused[instance_id] = self._refused.get(instance_id, 0) + 1
        if self._refused[instance_id] == _ASKED_MAX:
            self.sidecar.pod.world.model.breaks("asked again", f"{instance_id} at {self.sidecar.replica_id}")

    async def _serve(self) -> None:
        await self.replica.connect(self.stream)
        await self._over
        await self.replica.disconnect(self.stream)

    def close(self) -> None:
        """Break it: both ends notice a moment later."""
        self.open = False
        self.sidecar.host.later(_LINK_S, self._closed)
        self.worker.host.later(_LINK_S, self.worker.disconnected, self)

    def _closed(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def to_worker(self, call: Callable[..., object], *args: object) -> None:
        """Send to the worker's end."""
        self._send(self.worker.host, True, call, args)

    def to_sidecar(self, call: Callable[..., object], *args: object) -> None:
        """Send to the sidecar's end."""
        self._send(self.sidecar.host, False, call, args)

    def _send(self, host: Host, down: bool, call: Callable[..., object], args: tuple[object, ...]) -> None:
        loop = self.sidecar.pod.world.loop
        at = self._last[down] = max(self._last[down] + 1e-6, loop.time() + _LINK_S)
        loop.call_at(at, self._pass, call, args, context=host.context)

    def _pass(self, call: Callable[..., object], args: tuple[object, ...]) -> None:
        if self.open:
            call(*args)


class Worker:
    """One app process."""

    def __init__(self, pod: Pod) -> None:
        self.pod = pod
        self.host = Host(pod.world.loop, f"{pod.name}-app")
        rng = self._rng = pod.rng
        self.turns_max = rng.choice((2, 100))
        self.activities_max = rng.choice((1, 3, 100))
        releases = pod.world.releases
        self.release: Release | None = None if releases is None else releases.next()
        #: SDKs of others do not say which versions they have; here those of workers without deltas do not.
        self.declares = self.release is None or pod.stateful
        #: Else it hears of a cancellation only by its heartbeats.
        self.cancels = Random(f"{pod.name}/{pod.boots}").random() < 0.7
        self._link: Link | None = None
        self._unsettled: dict[str, bytes] = {}
        #: What a stateful worker keeps: (execution ID, the generation's first events).
        self._kept: dict[str, tuple[str, list[bytes]]] = {}
        #: Activities that end only by themselves or when they are cancelled, by task: the delivery that counts.
        self.open: dict[TaskRef, ActivityItem] = {}
        #: What activities last said of their progress.
        self.said: dict[TaskRef, bytes] = {}
        #: Instances whose turns are not answered yet.
        self._turns: set[str] = set()

    def is_alive(self) -> bool:
        """Tell whether the process was not killed."""
        return self.pod.worker is self

    def connected(self, link: Link) -> None:
        """Take items from here on, and hand in what was not settled."""
        self._link = link
        self._kept.clear()
        self._ask(link, list(self.open))
        for token in list(self._unsettled):
            self._hand_in(token)

    def disconnected(self, link: Link) -> None:
        """Note that the stream is gone."""
        if self._link is link:
            self._link = None

    def receive(self, link: Link, item: Item) -> None:
        """Begin an item."""
        match item:
            case TurnItem():
                self._turn(link, item)
            case CancelItem():
                self._cancelled(item.ref)
            case ActivityItem():
                self._activity(item)

    # turns

    def _turn(self, link: Link, item: TurnItem) -> None:
        past = list(item.past)
        if item.cached is not None:
            execution_id, kept = self._kept[item.instance_id]
            assert execution_id == item.execution_id
            assert item.cached <= len(kept)
            past[:0] = kept[: item.cached]
        self._kept[item.instance_id] = (item.execution_id, past)
        world, release = self.pod.world, self.release
        if release is not None and world.releases is not None and world.releases.dies(release, item.instance_id):
            world.releases.lost(self._turns)
            self._die()
            return
        self._turns.add(item.instance_id)
        events = [codec.unseal(raw) for raw in (*past, *item.new)]
        response = Interpreter(self.pod.app).respond(events)
        if release is not None:
            response = release.respond(response, events)
            if response.actions == (ac.VersionNotAvailable(1),):
                link.refused(item.instance_id)
        self.host.later(self._rng.choice(world.thinks_s), self._answer, link, item, response)

    def _answer(self, link: Link, item: TurnItem, response: ac.Response) -> None:
        self._turns.discard(item.instance_id)
        if self.pod.world.releases is not None:
            self.pod.world.releases.answered(item.instance_id)
        link.to_sidecar(
            lambda: link.replica.turn_answered(token=item.token, instance_id=item.instance_id, response=response)
        )

    def _die(self) -> None:
        """Die of a turn, now and then with the sidecar beside it; a supervisor starts both again."""
        world, pod = self.pod.world, self.pod
        if self._rng.random() < 0.3:
            world.loop.world.soon(pod.kill_sidecar)
            world.loop.world.later(0.7, pod.start_sidecar)
        world.loop.world.soon(pod.kill_worker)
        world.loop.world.later(0.5, pod.start_worker)

    # activities

    def _activity(self, item: ActivityItem) -> None:
        request = wk.ActivityRequest.FromString(item.request)
        self.pod.world.model.activity_started(item.ref, item.attempt, self.host.name)
        given = json.loads(request.input.value)
        if isinstance(given, dict):
            timed.begin(self, item, request, timed.Order(**given))
            return
        argument, attempt, failures = given
        seconds = self._rng.choice((0.0, 0.01, 0.05, 0.2, 1.0, 4.0)) if self._rng.random() < 0.95 else 14.0
        self.host.later(seconds, self._finish, item, argument, attempt < failures)

    def _finish(self, item: ActivityItem, argument: str, fails: bool) -> None:
        self.finish(item, None if fails else activity_value(argument))

    def finish(self, item: ActivityItem, value: str | None) -> None:
        """End an activity with a value, or with a failure."""
        now, task_id = self.pod.world.store.clock(), item.ref.task_id
        self.pod.world.model.activity_finished(item.ref, item.attempt)
        outcome: ev.TaskCompleted | ev.TaskFailed
        if value is None:
            outcome = ev.TaskFailed(now, task_id, ev.Failure("Planned", "not yet"), details=self.said.get(item.ref))
        else:
            outcome = ev.TaskCompleted(now, task_id, json.dumps(value))
        self._unsettled[item.token] = codec.seal(outcome)
        self._hand_in(item.token)

    def _cancelled(self, ref: TaskRef) -> None:
        item = self.open.pop(ref, None)
        if item is not None:
            self.pod.world.trace.note(self.host.name, "cancelled", ref.app, ref.instance_id, ref.task_id)
            self.finish(item, None)

    def _ask(self, link: Link, begun: list[TaskRef]) -> None:
        """Ask whether what was begun on an earlier stream is still wanted, until it has ended or this one has."""
        begun = [ref for ref in begun if ref in self.open]
        if self._link is not link or not begun:
            return
        for ref in begun:
            link.to_sidecar(self._beaten, link, self.open[ref], None)
        self.host.later(5.0, self._ask, link, begun)

    def beat(self, item: ActivityItem, details: bytes) -> None:
        """Give a sign of life."""
        self.said[item.ref] = details
        link = self._link
        if link is not None:
            link.to_sidecar(self._beaten, link, item, details)

    def _beaten(self, link: Link, item: ActivityItem, details: bytes | None) -> None:
        known = read_task_token(item.token)
        assert known is not None
        if link.replica.intake.beat(
            item.ref, slot=known[2], attempt=item.attempt, details=details, only_asks=details is None
        ):
            link.to_worker(self._cancelled, item.ref)

    def _hand_in(self, token: str) -> None:
        link = self._link
        if link is not None:
            link.to_sidecar(self._task_answered, link, token, self._unsettled[token])

    def _task_answered(self, link: Link, token: str, event: bytes) -> None:
        known = read_task_token(token)
        assert known is not None
        ref, incarnation, slot = known
        link.replica.task_answered(
            ref,
            incarnation=incarnation,
            slot=slot,
            event=event,
            echoed=True,
            attempt=token_attempt(token),
            settled=lambda: link.to_worker(self._settled, token),
        )

    def _settled(self, token: str) -> None:
        known = read_task_token(token)
        assert known is not None
        if self._unsettled.pop(token, None) is not None:
            self.pod.world.model.activity_acknowledged(known[0])
