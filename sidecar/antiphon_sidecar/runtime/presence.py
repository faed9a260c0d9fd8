"""What a replica says of itself to others: its registration under the lease, and its row in the store."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from antiphon_sidecar.coordination.base import Registration, Unavailable
from antiphon_sidecar.runtime.apart import Apart
from antiphon_sidecar.runtime.parts import Identity, Parts
from antiphon_sidecar.runtime.serving import Serving
from antiphon_sidecar.runtime.workers import Workers
from antiphon_sidecar.stores.errors import StoreError

logger = logging.getLogger(__name__)


class Presence:
    """One replica's presence; `serving.leaving` is for who drains it."""

    def __init__(self, identity: Identity, parts: Parts, workers: Workers, in_hand: Callable[[], int]) -> None:
        self._identity = identity
        self._parts = parts
        self._workers = workers
        self._in_hand = in_hand
        self._wake = asyncio.Event()
        self.apart = Apart(
            identity.replica,
            store=parts.store,
            coordinator=parts.coordinator,
            clock=parts.clock,
            lease_s=parts.limits.lease_s,
        )
        self.serving = Serving(
            app=identity.app,
            replica=identity.replica,
            clock=parts.clock,
            lease_s=parts.limits.lease_s,
            workers=workers,
            view=parts.coordinator.view,
        )

    def registration(self) -> Registration:
        """Return what this replica publishes now."""
        return Registration(
            app=self._identity.app,
            replica=self._identity.replica,
            nonce=self._identity.nonce,
            address=self._identity.address,
            store_identity=self._parts.store.identity,
            workers=len(self._workers.streams),
            declares=self._workers.declares,
            workflows=self._workers.workflows,
            activities=self._workers.activities,
            contracts=self._workers.contracts,
            serving=self.serving.look(),
            apart=self.apart.replicas,
        )

    def view_changed(self) -> None:
        """Publish soon when what others do has changed whether this replica serves."""
        me = self._parts.coordinator.view().replicas.get(self._identity.replica)
        if me is not None and me.serving != self.serving.look():
            self._wake.set()

    async def publish(self) -> None:
        """Publish what is so now; what coordination does not take now is published later."""
        try:
            await self._parts.coordinator.publish(self.registration())
        except Unavailable:
            logger.warning("coordination does not answer", extra={"app": self._identity.app})

    async def offers_changed(self) -> None:
        """Publish what workers offer, and have the store remember it."""
        await self.publish()
        try:
            await self._parts.known_apps.remember(self.registration())
        except StoreError as error:
            logger.warning("what an app offers was not written", extra={"error": str(error)})

    async def beat(self) -> None:
        """Write the row that proves which store this replica is on.

        Raises:
            StoreError: it could not be written.
        """
        who = self._identity
        await self._parts.store.beat(app=who.app, replica=who.replica, nonce=who.nonce, in_hand=self._in_hand())

    async def keep(self, renewed: Callable[[], None]) -> None:
        """Renew the registration and the row well within the lease; `renewed` after each publishing."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._parts.limits.lease_s / 3):
                    await self._wake.wait()
            self._wake.clear()
            await self.publish()
            renewed()
            with contextlib.suppress(StoreError):
                await self.beat()
                await self._look_apart()

    async def _look_apart(self) -> None:
        """Find out whose store is only a copy of this one's, and say so at once."""
        known = self.apart.replicas
        await self.apart.check()
        if self.apart.replicas != known:
            await self.publish()
