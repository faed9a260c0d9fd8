"""Which replicas are on another state store, although theirs has the same identity: a copy of this one's database.

A store's identity is copied with it. So each replica looks in its own store for the heartbeat rows of the others, by
replica ID and nonce, and publishes for whom it finds none. Two replicas share a store when neither misses the other.
Addresses prove nothing: equal ones may lead to different databases, and different ones to the same.
"""

import logging

from antiphon_names import errors as codes
from antiphon_sidecar.coordination.base import Coordinator, Registration
from antiphon_sidecar.runtime.clock import Clock
from antiphon_sidecar.stores.base import Store

logger = logging.getLogger(__name__)

#: How often what was proved is looked at again, in seconds.
_AGAIN_S = 60.0


class Apart:
    """One replica's knowledge; `replicas` is what it publishes.

    A row counts as missing only after two lease times, all the while that the lease was held: what a view says that
    etcd could not correct is no proof of anything.
    """

    def __init__(self, replica: str, *, store: Store, coordinator: Coordinator, clock: Clock, lease_s: float) -> None:
        self._replica = replica
        self._store = store
        self._coordinator = coordinator
        self._clock = clock
        self._settle_s = 2 * lease_s
        self._proved: set[tuple[str, str]] = set()
        self._missing: dict[tuple[str, str], float] = {}
        self._again_at = 0.0
        self.replicas: frozenset[str] = frozenset()

    def shares(self, other: Registration) -> bool:
        """Tell whether another replica is on this store, as far as is known."""
        if other.store_identity and other.store_identity != self._store.identity:
            return False
        return other.replica not in self.replicas and self._replica not in other.apart

    def stands_apart(self) -> list[str]:
        """Return the replicas with this store's identity that are on another store, by either side's word."""
        view = self._coordinator.view()
        return sorted(
            other.replica
            for other in view.replicas.values()
            if other.store_identity == self._store.identity and not self.shares(other)
        )

    async def check(self) -> None:
        """Look for the rows of those that are not proved yet.

        Raises:
            StoreError: the store does not answer.
        """
        if not self._coordinator.holds_lease():
            self._missing.clear()
            return
        others = {
            (other.replica, other.nonce): other
            for other in self._coordinator.view().replicas.values()
            if other.replica != self._replica and other.nonce and other.store_identity == self._store.identity
        }
        self._proved &= others.keys()
        self._missing = {key: since for key, since in self._missing.items() if key in others}
        now = self._clock.monotonic()
        if now >= self._again_at or others.keys() - self._proved:
            self._again_at = now + _AGAIN_S
            rows = await self._store.heartbeats()
            for key, other in others.items():
                row = rows.get((other.app, other.replica))
                if row is not None and row.nonce == other.nonce:
                    self._proved.add(key)
                    self._missing.pop(key, None)
                else:
                    self._proved.discard(key)
                    self._missing.setdefault(key, now)
        self._conclude(now)

    def _conclude(self, now: float) -> None:
        found = frozenset(replica for (replica, _), since in self._missing.items() if now - since >= self._settle_s)
        for replica in sorted(found - self.replicas):
            logger.error("a replica is on a copy of this replica's store", extra={"error": self._said_of(replica)})
        self.replicas = found

    def _said_of(self, other: str) -> str:
        return (
            f'{codes.REPLICA_APART}: replica "{other}" says that it is on the store {self._store.identity}, as '
            f'"{self._replica}" is, but its row is not here: one of their databases is a copy of the other. Calls '
            "between them are refused. Give all sidecars of the namespace one database, or the copy's sidecars another "
            "namespace."
        )
