"""Which partitions this replica owns, and under which epoch.

Each replica works out its share for itself by rendezvous hashing over the live replicas of its app that serve: it
releases what it should not own and claims what is free. Owning begins with an epoch issued by the store, after the key
was won, and ends when the key is another's or the store refuses the epoch (protocol.md 7, 8).
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from antiphon_names.hashing import PARTITIONS, rendezvous_score
from antiphon_sidecar.coordination.base import Coordinator, Unavailable
from antiphon_sidecar.runtime.clock import Clock
from antiphon_sidecar.stores.base import Store
from antiphon_sidecar.stores.errors import StoreError

logger = logging.getLogger(__name__)

#: What was taken is not left idle for longer while others of the share are still being taken, in seconds.
_IDLE_S = 0.1
#: Who owns just its share is woken by whatever changes that, and looks so much less often of its own accord.
_SETTLED = 5


class Ownership:
    """The partitions of one app at this replica; the only writer of `epochs`."""

    def __init__(
        self,
        *,
        app: str,
        replica: str,
        store: Store,
        coordinator: Coordinator,
        clock: Clock,
        taken: Callable[[frozenset[int]], None],
        dropped: Callable[[int], None],
    ) -> None:
        self._app = app
        self._replica = replica
        self._store = store
        self._coordinator = coordinator
        self._clock = clock
        self._taken = taken
        self._dropped = dropped
        self.epochs: dict[int, int] = {}
        self._wake = asyncio.Event()
        self.draining = False
        #: The replicas among which the share was worked out last, and that share.
        self._among: tuple[str, ...] = ()
        self._mine: list[int] = []

    def wake(self) -> None:
        """Look at the view again, soon."""
        self._wake.set()

    def drop(self, partition: int, epoch: int | None = None) -> None:
        """Stop owning a partition at once: the store refused its epoch, or its key is another's."""
        held = self.epochs.get(partition)
        if held is None or (epoch is not None and held != epoch):
            return
        del self.epochs[partition]
        self._dropped(partition)
        self._wake.set()

    async def renew(self, partition: int) -> bool:
        """Take a new epoch of a partition that is still ours, after a commit of unknown outcome."""
        if partition not in self.epochs:
            return False
        try:
            epoch = await self._store.take_partition(app=self._app, partition=partition, replica=self._replica)
        except StoreError:
            return False
        if partition in self.epochs:
            self.epochs[partition] = epoch
        return partition in self.epochs

    async def run(self) -> None:
        """Balance whenever the view changes, and each second while anything is amiss; until cancelled."""
        while True:
            await self.balance()
            look_s = 0.5 + self._clock.jitter()
            try:
                async with asyncio.timeout(look_s if self._is_amiss() else _SETTLED * look_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    def _is_amiss(self) -> bool:
        """Tell whether a claim or a release has failed, or waits for others."""
        mine = self._share()
        return self.epochs.keys() != set(mine) or bool(self._strays(mine))

    async def balance(self) -> None:
        """Release what others should own, then claim what should be ours."""
        view = self._coordinator.view()
        mine = self._share()
        for partition in [p for p in self.epochs if view.owners.get((self._app, p)) != self._replica]:
            self.drop(partition)
        for partition in [p for p in self.epochs if p not in mine]:
            self.drop(partition)
            await self._release(partition)
        for partition in self._strays(mine):
            await self._release(partition)
        await self._take_all(mine)

    async def _take_all(self, mine: list[int]) -> None:
        """Take what is free of the share, and begin to work on what was taken before the last of it is."""
        fresh: set[int] = set()
        told = self._clock.monotonic()
        for partition in mine:
            if not self.draining and self._is_free(partition) and await self._take(partition):
                fresh.add(partition)
            if fresh and self._clock.monotonic() - told >= _IDLE_S:
                self._tell(fresh)
                told = self._clock.monotonic()
        if fresh:
            self._tell(fresh)

    def _is_free(self, partition: int) -> bool:
        """Tell whether a claim could succeed: the key of another is waited for, its end is seen."""
        owner = self._coordinator.view().owners.get((self._app, partition))
        return partition not in self.epochs and owner in (None, self._replica)

    def _tell(self, fresh: set[int]) -> None:
        self._taken(frozenset(fresh & self.epochs.keys()))
        fresh.clear()

    def _strays(self, mine: list[int]) -> list[int]:
        """Return keys that were won for a partition which could not be taken, and which is now another's to own."""
        owners = self._coordinator.view().owners
        held = [p for (app, p), owner in owners.items() if (app, owner) == (self._app, self._replica)]
        return [p for p in held if p not in self.epochs and p not in mine]

    def _share(self) -> list[int]:
        if self.draining:
            return []
        live = self._coordinator.view().of_app(self._app)
        replicas = tuple(r.replica for r in live if r.serving) or tuple(r.replica for r in live)
        if self._replica not in replicas:
            return []
        # Looked at often, and worked out only when somebody came or went.
        if replicas != self._among:
            self._among = replicas
            self._mine = [
                p
                for p in range(PARTITIONS)
                if max(replicas, key=lambda r, p=p: rendezvous_score(self._app, p, r)) == self._replica  # type: ignore[misc]
            ]
        return self._mine

    async def _take(self, partition: int) -> bool:
        """Win the key, then have the store issue an epoch, then look at the lease and the key once more."""
        try:
            if not await self._coordinator.claim(app=self._app, partition=partition):
                return False
            epoch = await self._store.take_partition(app=self._app, partition=partition, replica=self._replica)
        except (Unavailable, StoreError) as error:
            logger.info("a partition could not be taken yet", extra={"partition": partition, "error": str(error)})
            return False
        if self.draining or not self._still_mine(partition):
            await self._release(partition)
            return False
        self.epochs[partition] = epoch
        return True

    def _still_mine(self, partition: int) -> bool:
        owner = self._coordinator.view().owners.get((self._app, partition))
        return owner == self._replica and self._coordinator.holds_lease()

    async def _release(self, partition: int) -> bool:
        try:
            await self._coordinator.release(app=self._app, partition=partition)
        except Unavailable:
            logger.info("a partition key could not be released", extra={"partition": partition})
            return False
        return True

    def stop(self) -> frozenset[int]:
        """Own nothing from now on; return what was owned, whose keys are still there."""
        self.draining = True
        owned = frozenset(self.epochs)
        for partition in sorted(owned):
            self.drop(partition)
        return owned

    async def free(self, partitions: Iterable[int]) -> None:
        """Delete the keys of what was owned; those that cannot be deleted now end with the lease."""
        for partition in sorted(partitions):
            if not await self._release(partition):
                break

    async def drain(self) -> None:
        """Give everything up, in order: stop owning, then free the keys."""
        await self.free(self.stop())

    def resume(self) -> None:
        """Own again after a drain."""
        self.draining = False
        self.wake()
