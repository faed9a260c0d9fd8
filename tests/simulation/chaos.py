"""What goes wrong, and when: drawn from the seed, over by the time the quiet period begins."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.simulation import network, store_server
from tests.simulation.apps import Pod, Surroundings


@dataclass(frozen=True, slots=True)
class Plan:
    """How much goes wrong: mean seconds between two faults (0: none) and the kinds that may come.

    `once_s`: a single fault, at that second.
    """

    every_s: float = 4.0
    kinds: tuple[str, ...] = ()
    once_s: float | None = None


class Chaos:
    """Carries out a plan until a time."""

    def __init__(self, world: Surroundings, pods: list[Pod], rng: Random, plan: Plan, *, until: float) -> None:
        self._world = world
        self._pods = pods
        self._rng = rng
        self._plan = plan
        self._until = until
        self._faults: dict[str, Callable[[], None]] = {
            "kill sidecar": self._kill_sidecar,
            "stop sidecar": self._stop_sidecar,
            "kill worker": self._kill_worker,
            "break stream": self._break_stream,
            "pause sidecar": self._pause_sidecar,
            "pause worker": self._pause_worker,
            "cut network": self._cut_network,
            "bad network": self._bad_network,
            "bad store": self._bad_store,
            "store down": self._store_down,
            "store down for one": self._store_down_for_one,
            "etcd down": self._etcd_down,
            "etcd down for one": self._etcd_down_for_one,
            "etcd emptied": self._etcd_emptied,
            "etcd slow": self._etcd_slow,
            "roll": self._roll,
            "roll the first app": self._roll_first,
            "no worker, then another owner": self._starve,
            "takes land late": self._late_takes,
            "one pod loses its worker": self._lose_worker,
        }
        if plan.once_s is not None:
            self._later(plan.once_s, self._strike)
        elif plan.every_s > 0:
            self._next()

    @staticmethod
    def all_kinds() -> tuple[str, ...]:
        """Return every kind of fault."""
        return (
            "kill sidecar",
            "stop sidecar",
            "kill worker",
            "break stream",
            "pause sidecar",
            "pause worker",
            "cut network",
            "bad network",
            "bad store",
            "store down",
            "store down for one",
            "etcd down",
            "etcd down for one",
            "etcd emptied",
            "etcd slow",
            "roll",
        )

    def _later(self, seconds: float, call: Callable[..., object], *args: object) -> None:
        self._world.loop.world.later(seconds, call, *args)

    def _next(self) -> None:
        self._later(self._plan.every_s * self._rng.expovariate(1.0), self._strike)

    def _strike(self) -> None:
        if self._world.loop.time() >= self._until:
            return
        kind = self._rng.choice(self._plan.kinds)
        self._world.trace.note("chaos", kind)
        self._faults[kind]()
        if self._plan.once_s is None:
            self._next()

    def _pod(self) -> Pod:
        return self._rng.choice(self._pods)

    def _short(self) -> float:
        return self._rng.choice((0.05, 0.5, 2.0, 6.0))

    def _long(self) -> float:
        return self._rng.choice((0.3, 3.0, self._world.limits.lease_s * 1.3, self._world.limits.lease_s * 2.5))

    # processes

    def _kill_sidecar(self) -> None:
        pod = self._pod()
        pod.kill_sidecar()
        self._later(self._long(), pod.start_sidecar)

    def _stop_sidecar(self) -> None:
        pod = self._pod()
        pod.stop_sidecar()
        self._later(16.0 if self._rng.random() < 0.3 else 3.0, self._restart, pod)

    def _restart(self, pod: Pod) -> None:
        if pod.sidecar is not None and pod.sidecar.stopping:
            self._later(1.0, self._restart, pod)
        else:
            pod.start_sidecar()

    def _roll_first(self) -> None:
        self._roll_app(self._pods[0].app)

    def _roll(self) -> None:
        self._roll_app(self._pod().app)

    def _roll_app(self, app: str) -> None:
        for place, pod in enumerate(pod for pod in self._pods if pod.app == app):
            self._later(place * 6.0, pod.stop_sidecar)
            self._later(place * 6.0 + 3.0, self._restart, pod)

    def _starve(self) -> None:
        """Take an app's workers away for so long that what waits rests; its owner is gone when they come back."""
        app = self._pod().app
        pods = [pod for pod in self._pods if pod.app == app]
        for pod in pods:
            pod.kill_worker()
        self._later(40.0, pods[0].kill_sidecar)
        for pod in pods:
            self._later(50.0, pod.start_worker)

    def _late_takes(self) -> None:
        """Kill an app's workers and an owner of its instances; the next takes land late, and out of order."""
        app = self._pod().app
        for pod in [pod for pod in self._pods if pod.app == app]:
            pod.kill_worker()
            self._later(3.0, pod.start_worker)
        self._kill_sidecar()
        self._world.store.weather = store_server.Weather(late_takes=0.6)
        self._later(15.0, self._good_store)

    def _lose_worker(self) -> None:
        """End an app process for good, beside others of its app."""
        self._pod().kill_worker()

    def _kill_worker(self) -> None:
        pod = self._pod()
        pod.kill_worker()
        self._later(self._long(), pod.start_worker)

    def _break_stream(self) -> None:
        self._pod().break_link()

    def _pause_sidecar(self) -> None:
        sidecar = self._pod().sidecar
        if sidecar is not None:
            sidecar.host.pause()
            self._later(self._long(), sidecar.host.resume)

    def _pause_worker(self) -> None:
        worker = self._pod().worker
        if worker is not None:
            worker.host.pause()
            self._later(self._long(), worker.host.resume)

    # what connects them

    def _cut_network(self) -> None:
        names = [pod.sidecar.replica_id for pod in self._pods if pod.sidecar is not None]
        if len(names) < 2:
            return
        one, other = self._rng.sample(names, 2)
        until = self._world.loop.time() + self._long()
        self._world.network.cuts[one, other] = until
        if self._rng.random() < 0.6:
            self._world.network.cuts[other, one] = until

    def _bad_network(self) -> None:
        self._world.network.weather = network.Weather(
            latency_s=self._rng.choice((0.003, 0.05)), lost=0.2, repeated=0.2, delayed=0.2
        )
        self._later(self._short(), self._good_network)

    def _good_network(self) -> None:
        self._world.network.weather = network.Weather()

    def _bad_store(self) -> None:
        self._world.store.weather = store_server.Weather(
            latency_s=self._rng.choice((0.002, 0.02, 0.2)), lost=0.05, cut=0.08, late=0.08
        )
        self._later(self._short(), self._good_store)

    def _good_store(self) -> None:
        self._world.store.weather = store_server.Weather()

    def _store_down(self) -> None:
        self._world.store.down_until = self._world.loop.time() + self._long()

    def _store_down_for_one(self) -> None:
        sidecar = self._pod().sidecar
        if sidecar is not None:
            self._world.store.down_for[sidecar.replica_id] = self._world.loop.time() + self._long()

    # etcd

    def _etcd_down(self) -> None:
        self._world.etcd.down_until = self._world.loop.time() + self._long()

    def _etcd_down_for_one(self) -> None:
        sidecar = self._pod().sidecar
        if sidecar is not None:
            self._world.etcd.down_for[sidecar.replica_id] = self._world.loop.time() + self._long()

    def _etcd_emptied(self) -> None:
        self._world.etcd.empty()

    def _etcd_slow(self) -> None:
        self._world.etcd.lag_s = self._rng.choice((0.2, 2.0))
        self._later(self._short(), self._etcd_fast)

    def _etcd_fast(self) -> None:
        self._world.etcd.lag_s = 0.02

    # the end

    def calm(self) -> None:
        """End all faults and have everything run."""
        self._good_network()
        self._good_store()
        self._etcd_fast()
        self._world.network.cuts.clear()
        self._world.store.down_until = self._world.etcd.down_until = 0.0
        self._world.store.down_for.clear()
        self._world.etcd.down_for.clear()
        self.tend()

    def tend(self) -> None:
        """Keep everything running, as a supervisor does."""
        for pod in self._pods:
            if pod.sidecar is not None:
                pod.sidecar.host.resume()
            if pod.worker is not None:
                pod.worker.host.resume()
            pod.start_sidecar()
            pod.start_worker()
        self._later(1.0, self.tend)
