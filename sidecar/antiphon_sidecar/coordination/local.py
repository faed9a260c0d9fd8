"""Coordination inside one process: all replicas of a host share one `LocalRegistry`.

The machine-wide lock that makes this the only host of its store is taken by `lock`, before any replica starts.
"""

from collections.abc import Callable

from antiphon_sidecar.coordination.base import Registration, View


class LocalRegistry:
    """What the replicas of one process know of each other."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._replicas: dict[str, Registration] = {}
        self._owners: dict[tuple[str, int], str] = {}
        self._changed_at: dict[str, float] = {}
        self._watchers: list[Callable[[], None]] = []
        self.view = View(self._replicas, self._owners, self._changed_at)

    def watch(self, changed: Callable[[], None]) -> None:
        """Call back after each change."""
        self._watchers.append(changed)

    def publish(self, registration: Registration) -> None:
        """Write a registration; what did not change calls nobody."""
        if self._replicas.get(registration.replica) == registration:
            return
        self._replicas[registration.replica] = registration
        self._changed(registration.app)

    def claim(self, *, app: str, partition: int, replica: str) -> bool:
        """Take a partition if it is free."""
        return self._owners.setdefault((app, partition), replica) == replica

    def release(self, *, app: str, partition: int, replica: str) -> None:
        """Free a partition if it is the replica's."""
        if self._owners.get((app, partition)) == replica:
            del self._owners[app, partition]
            self._changed(app)

    def leave(self, replica: str) -> None:
        """Forget a replica and free what it owned."""
        registration = self._replicas.pop(replica, None)
        for key in [key for key, owner in self._owners.items() if owner == replica]:
            del self._owners[key]
        if registration is not None:
            self._changed(registration.app)

    def _changed(self, app: str) -> None:
        self._changed_at[app] = self._monotonic()
        self.view = View(self._replicas, self._owners, self._changed_at)
        for changed in self._watchers:
            changed()


class LocalCoordinator:
    """One replica's access to the process's registry."""

    def __init__(self, registry: LocalRegistry, replica: str) -> None:
        self._registry = registry
        self._replica = replica

    def view(self) -> View:
        """Return the live view."""
        return self._registry.view

    def watch(self, changed: Callable[[], None]) -> None:
        """Call back after each change."""
        self._registry.watch(changed)

    def holds_lease(self) -> bool:
        """Tell that the lease is alive: it is the process."""
        return True

    async def publish(self, registration: Registration) -> None:
        """Write the registration."""
        self._registry.publish(registration)

    async def claim(self, *, app: str, partition: int) -> bool:
        """Take the partition if it is free."""
        return self._registry.claim(app=app, partition=partition, replica=self._replica)

    async def release(self, *, app: str, partition: int) -> None:
        """Free the partition."""
        self._registry.release(app=app, partition=partition, replica=self._replica)

    async def leave(self) -> None:
        """Leave the registry."""
        self._registry.leave(self._replica)
