"""One run: real servicers and runtimes on the simulated loop, apps that play a recording badly, then honestly."""

import dataclasses
import functools
import logging
from dataclasses import dataclass
from random import Random
from typing import Any

from antiphon_sidecar.engine.events import TERMINAL, Status
from antiphon_sidecar.runtime.calls import Calls
from antiphon_sidecar.runtime.errors import RuntimeFailure
from antiphon_sidecar.settings import Limits
from antiphon_sidecar.stores.base import InboxKind, InstanceRow
from tests.fuzz.conversations import every
from tests.fuzz.player import HANG_S, Player
from tests.fuzz.scripts import Script, script_of
from tests.fuzz.wire import Listener
from tests.simulation import checks
from tests.simulation.apps import Pod, Surroundings
from tests.simulation.etcd import Etcd
from tests.simulation.loop import Host, SimLoop, Spinning
from tests.simulation.model import Broken, Model
from tests.simulation.network import Network
from tests.simulation.store_server import StoreServer
from tests.simulation.trace import Trace
from tests.simulation.world import LogWatch

#: Cases, which are instances begun by a client, in one run.
CASES = 20
_FUZZ_S = 12.0
_HONEST_S = 150.0
_NUDGE_S = 3.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run came to."""

    seed: int
    broken: tuple[Broken, ...]
    tail: tuple[str, ...]
    instances: int


@functools.cache
def scripts() -> dict[str, Script]:
    """Return the recorded scripts by name."""
    return {name: script_of(conversation) for name, conversation in every().items()}


class _Store(StoreServer):
    """The store, which notes what PostgreSQL or SQLite could not keep."""

    model: Model

    async def request(self, host: Host, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        found = next(_unstorable((args, kwargs)), None)
        if found is not None:
            self.model.breaks("not storable", f"{name}: {found}")
        return await super().request(host, name, args, kwargs)


def _unstorable(value: Any) -> Any:
    """Yield integers beyond 64 bits, and texts that are no UTF-8 or hold NUL."""
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            yield value
    elif isinstance(value, str):
        if "\0" in value or any("\ud800" <= each <= "\udfff" for each in value):
            yield repr(value)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _unstorable(getattr(value, field.name))
    elif isinstance(value, dict):
        yield from _unstorable(tuple(value))
        yield from _unstorable(tuple(value.values()))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _unstorable(each)


class FuzzWorld:
    """One run."""

    def __init__(self, seed: int, *, live: bool = False) -> None:
        self.seed = seed
        self.draw = self.rng("fuzz")
        self.loop = SimLoop(self.rng("loop"))
        self.trace = Trace(self.loop.time, live=live)
        store = _Store(self.loop, self.rng("store"), self.trace)
        self.model = store.model = Model(self.loop.time, store.clock, self.trace)
        store.observers.append(self.model.committed)
        store.on_take = self.model.taken
        self.tables = store.tables
        limits = Limits(payload_bytes_max=2_000)
        self.surroundings = Surroundings(
            loop=self.loop,
            store=store,
            network=Network(self.loop, self.rng("network"), self.trace),
            etcd=Etcd(self.loop, self.rng("etcd"), self.trace, lease_s=limits.lease_s),
            trace=self.trace,
            model=self.model,
            limits=limits,
            new_rng=self.rng,
        )
        name = self.draw.choice(sorted(scripts()))
        self.script = scripts()[name]
        self.trace.note("fuzz", "plays", name)
        self.pods = [Pod(self.surroundings, app, 0) for app in sorted(self.script.connects)]
        self.players: dict[str, Player] = {}
        self.start = self.loop.time()

    def rng(self, name: str) -> Random:
        """Return a stream of randomness of its own."""
        return Random(f"{self.seed}/{name}")

    def run(self) -> Verdict:
        """Run to the end and judge."""
        logger = logging.getLogger("antiphon_sidecar")
        with LogWatch(self.model, self.trace).over(logger):
            try:
                self._play()
                self._judge()
            except Spinning as spinning:
                self.model.breaks("spinning", str(spinning))
            for error in self.loop.errors:
                self.model.breaks("a callback failed", f"{error.get('message')} {error.get('exception')!r}")
            verdict = Verdict(self.seed, tuple(self.model.broken), tuple(self.trace.tail(400)), len(self.tables.runs))
            logger.setLevel(logging.CRITICAL)
            self.loop.end()
        return verdict

    def _play(self) -> None:
        for pod in self.pods:
            self.loop.world.soon(pod.start_sidecar)
        self.loop.run(until=self.start + 2.0, done=lambda: all(p.sidecar and p.sidecar.ready for p in self.pods))
        self.loop.world.soon(self._connect)
        self.loop.run(until=self.start + 2.0 + _FUZZ_S, done=lambda: False)
        self.trace.note("fuzz", "honest")
        for player in self.players.values():
            player.host.soon(player.behave)
        self.loop.world.later(_NUDGE_S, self._nudge)
        until = self.loop.time() + _HONEST_S
        self.loop.run(until=until, done=lambda: checks.all_ended(self.tables, self.model))
        self.loop.run(until=self.loop.time() + HANG_S + 1.0, done=lambda: False)

    def _connect(self) -> None:
        calls = {pod.app: pod.sidecar.calls for pod in self.pods if pod.sidecar and pod.sidecar.calls}
        badly = self.draw.choice((0.1, 0.4, 0.8))
        for pod in self.pods:
            assert pod.sidecar is not None
            listener = Listener(pod.sidecar, calls, limits=self.surroundings.limits)
            player = Player(listener, self.script, self.rng(f"player {pod.app}"), self.model, badly=badly)
            self.players[pod.app] = player
            player.host.soon(player.connect)
        starts = [app for app, _ in self.script.starts]
        for number in range(CASES):
            player = self.players[self.draw.choice(starts)]
            player.host.later(0.3 + 0.7 * _FUZZ_S * self.draw.random(), player.begin, number)

    def _nudge(self) -> None:
        """Wake everything that waits for what nobody will send any more; an honest worker then ends it."""
        self.loop.world.later(_NUDGE_S, self._nudge)
        for pod in self.pods:
            assert pod.sidecar is not None
            assert pod.sidecar.calls is not None
            for (app, _), run in self.tables.runs.items():
                if app == pod.app and run.row is not None and run.row.status not in TERMINAL:
                    pod.sidecar.host.spawn(self._wake(pod.sidecar.calls, run.row), "nudge")

    async def _wake(self, calls: Calls, row: InstanceRow) -> None:
        instance_id = row.instance_id
        try:
            if (row.scheduled_at or 0) > self.surroundings.store.clock():
                await calls.terminate(instance_id, None, recursive=False)
            elif row.status == Status.SUSPENDED:
                await calls.resume(instance_id, None)
            else:
                # No more than that: a control would also repair a turn that was lost.
                await calls.raise_event(instance_id, "nudge", None)
        except RuntimeFailure:
            self.trace.note("fuzz", "had ended", instance_id)

    def _judge(self) -> None:
        # A child whose parent did not wait for it waits for its app, also one that nobody has ever seen.
        for row in list(self.tables.inbox.values()):
            if row.kind is InboxKind.START and row.app not in self.players:
                self.tables.drop_inbox(row.row_id)
        checks.check_rows_and_histories(self.tables, self.model)
        cleared = {app for player in self.players.values() for app in player.cleared}
        for app, player in self.players.items():
            for path in player.hanging():
                self.model.breaks("a call hangs", f"{app}: {path}")
            if app in cleared:
                continue
            for instance_id in sorted(player.acknowledged - player.purged):
                if self.tables.row(app, instance_id) is None:
                    self.model.breaks("instance lost", f"{app}/{instance_id} was acknowledged and is not there")


def fuzz(seed: int, *, live: bool = False) -> Verdict:
    """Run one seed."""
    return FuzzWorld(seed, live=live).run()
