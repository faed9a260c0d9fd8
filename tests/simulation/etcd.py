"""A twin of etcd: leases, registrations and partition keys, views that lag, outages, and total loss of data."""

from collections.abc import Callable
from random import Random

from antiphon_sidecar.coordination.base import Registration, Unavailable, View
from tests.simulation.loop import Host, SimLoop
from tests.simulation.trace import Trace


class Etcd:
    """The cluster."""

    def __init__(self, loop: SimLoop, rng: Random, trace: Trace, *, lease_s: float) -> None:
        self.loop = loop
        self.rng = rng
        self._trace = trace
        self.lease_s = lease_s
        self.revision = 0
        self.registrations: dict[str, Registration] = {}
        self.expires: dict[str, float] = {}
        self.keys: dict[tuple[str, int], str] = {}
        self.coordinators: list[SimCoordinator] = []
        self.lag_s = 0.02
        self.down_until = 0.0
        self.down_for: dict[str, float] = {}
        self._expire()

    def reachable(self, replica: str) -> bool:
        """Tell whether a replica can talk to etcd now."""
        now = self.loop.time()
        return now >= self.down_until and now >= self.down_for.get(replica, 0.0)

    def _expire(self) -> None:
        self.loop.world.later(0.25, self._expire)
        now = self.loop.time()
        for replica in [replica for replica, at in self.expires.items() if at < now]:
            self._trace.note("etcd", "expired", replica)
            self.forget(replica)

    def forget(self, replica: str) -> None:
        """End a lease with all its keys."""
        self.expires.pop(replica, None)
        self.registrations.pop(replica, None)
        for key in [key for key, owner in self.keys.items() if owner == replica]:
            del self.keys[key]
        self.changed()

    def empty(self) -> None:
        """Lose everything; revisions start again."""
        self._trace.note("etcd", "emptied")
        self.revision = 0
        self.registrations.clear()
        self.expires.clear()
        self.keys.clear()
        self.changed()

    def changed(self) -> None:
        """Tell every watcher, each after a delay of its own."""
        self.revision += 1
        for coordinator in self.coordinators:
            coordinator.notice()


class SimCoordinator:
    """One replica's access."""

    def __init__(self, etcd: Etcd, replica: str, host: Host) -> None:
        self._etcd = etcd
        self._replica = replica
        self._host = host
        self._watchers: list[Callable[[], None]] = []
        self._replicas: dict[str, Registration] = {}
        self._owners: dict[tuple[str, int], str] = {}
        self._changed_at: dict[str, float] = {}
        self._view = View(self._replicas, self._owners, self._changed_at)
        self._told = False
        self._lease_until = 0.0
        etcd.coordinators.append(self)

    # what etcd tells

    def notice(self) -> None:
        """Bring the view up to date after a delay."""
        if self._told:
            return
        if not self._host.alive:
            return
        self._told = True
        self._etcd.loop.world.later(self._etcd.lag_s * (0.2 + self._etcd.rng.random()), self._arrive)

    def _arrive(self) -> None:
        if not self._etcd.reachable(self._replica):
            self._etcd.loop.world.later(0.5, self._arrive)
            return
        self._told = False
        self._host.soon(self._update, dict(self._etcd.registrations), dict(self._etcd.keys))

    def _update(self, registrations: dict[str, Registration], keys: dict[tuple[str, int], str]) -> None:
        if registrations == self._replicas and keys == self._owners:
            return
        now = self._etcd.loop.time()
        for replica in sorted({*registrations, *self._replicas}):
            old, new = self._replicas.get(replica), registrations.get(replica)
            if old != new:
                found = new or old
                assert found is not None
                self._changed_at[found.app] = now
        self._replicas, self._owners = registrations, keys
        self._view = View(registrations, keys, self._changed_at)
        for changed in self._watchers:
            changed()

    # Coordinator

    def view(self) -> View:
        """Return the newest snapshot."""
        return self._view

    def watch(self, changed: Callable[[], None]) -> None:
        """Call back after each change."""
        self._watchers.append(changed)

    async def _trip(self) -> None:
        """Go to etcd and back; the outcome of what is done after an error is unknown to the caller."""
        future = self._etcd.loop.create_future()
        delay = 0.002 * (0.5 + self._etcd.rng.random())
        reachable = self._etcd.reachable(self._replica)
        self._etcd.loop.world.later(delay if reachable else 0.5, _set, future)
        await future
        if not reachable:
            raise Unavailable("etcd does not answer")

    def holds_lease(self) -> bool:
        """Tell whether the lease is alive by the clock of the replica: from when it asked for it."""
        return self._etcd.loop.time() < self._lease_until

    async def publish(self, registration: Registration) -> None:
        """Write the registration, or renew its lease."""
        sent = self._etcd.loop.time()
        await self._trip()
        etcd = self._etcd
        etcd.expires[self._replica] = etcd.loop.time() + etcd.lease_s
        if etcd.registrations.get(self._replica) != registration:
            etcd.registrations[self._replica] = registration
            etcd.changed()
        await self._trip()
        self._lease_until = sent + etcd.lease_s

    async def claim(self, *, app: str, partition: int) -> bool:
        """Create the key if there is none."""
        if not self.holds_lease():
            raise Unavailable("the lease is not certain")
        await self._trip()
        etcd = self._etcd
        if self._replica not in etcd.expires:
            raise Unavailable("the lease is gone")
        owner = etcd.keys.get((app, partition))
        if owner is None:
            etcd.keys[app, partition] = self._replica
            etcd.changed()
        mine = owner in (None, self._replica)
        await self._trip()
        if mine and etcd.keys.get((app, partition)) == self._replica:
            # A client sees its own writes.
            self._owners[app, partition] = self._replica
        return mine

    async def release(self, *, app: str, partition: int) -> None:
        """Delete the key if it is ours."""
        await self._trip()
        etcd = self._etcd
        if etcd.keys.get((app, partition)) == self._replica:
            del etcd.keys[app, partition]
            etcd.changed()
        if self._owners.get((app, partition)) == self._replica:
            del self._owners[app, partition]
        await self._trip()

    async def leave(self) -> None:
        """Give up the lease."""
        try:
            await self._trip()
        except Unavailable:
            return
        self._etcd.forget(self._replica)


def _set(future: "object") -> None:
    if not future.done():  # type: ignore[attr-defined]
        future.set_result(None)  # type: ignore[attr-defined]
