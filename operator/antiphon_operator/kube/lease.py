"""One leader among the operator's replicas, by a coordination.k8s.io Lease. Used by `main`.

Written here because the client's own leader election lives by the wall clock and lets one hanging request outlive the
deadline. Here everything is judged by this process's own monotonic clock: a lease of another counts from when its
record was last seen to change, and an own one from when the last renewal that succeeded was *sent*.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from kubernetes.aio.client import V1Lease, V1LeaseSpec, V1ObjectMeta
from kubernetes.aio.client.exceptions import ApiException

from antiphon_operator.clock import Clock
from antiphon_operator.kube.access import FAILURES, said
from antiphon_operator.settings import LeaseSettings

logger = logging.getLogger(__name__)

_NOT_FOUND = 404


class Leases(Protocol):
    """What is used of the client's CoordinationV1Api."""

    async def read_namespaced_lease(self, name: str, namespace: str) -> V1Lease:
        """Return a lease."""

    async def replace_namespaced_lease(self, name: str, namespace: str, body: V1Lease) -> V1Lease:
        """Replace a lease, if it is still of the version in the body."""

    async def create_namespaced_lease(self, namespace: str, body: V1Lease) -> V1Lease:
        """Create a lease."""


class Lost(Exception):
    """The lease could not be renewed in time, or another has it: this process must end."""


class Lease:
    """This replica's part in the election; `identity` must be its alone."""

    def __init__(self, api: Leases, settings: LeaseSettings, *, identity: str, clock: Clock) -> None:
        self._api = api
        self._settings = settings
        self._identity = identity
        self._clock = clock
        self._seen: tuple[str | None, Any] | None = None
        self._seen_at = 0.0
        self._renewed_at = 0.0
        # Half the deadline, so that one request that hangs is not the end.
        self._patience_s = settings.renew_deadline.total_seconds() / 2
        self.held = False

    async def acquire(self) -> None:
        """Wait until the lease is this replica's."""
        while True:
            try:
                if await self._bounded(self._try, self._patience_s):
                    self.held = True
                    logger.info("this replica leads", extra={"identity": self._identity})
                    return
            except FAILURES as error:
                logger.info("the lease could not be asked for", extra={"error": said(error)})
            await asyncio.sleep(self._settings.retry.total_seconds())

    async def keep(self) -> None:
        """Renew the lease until it is lost.

        Raises:
            Lost: it is.
        """
        while True:
            await asyncio.sleep(min(self._settings.retry.total_seconds(), max(0.0, self._left_s())))
            if self._left_s() <= 0:
                self.held = False
                raise Lost("the lease was not renewed in time; another replica may lead by now")
            try:
                kept = await self._bounded(self._try, self._left_s())
            except FAILURES as error:
                logger.warning("the lease could not be renewed", extra={"error": said(error), "left_s": self._left_s()})
                continue
            if not kept:
                self.held = False
                raise Lost("another replica has taken the lease")

    async def release(self) -> None:
        """Give the lease up, so that another replica need not wait for its end."""
        if not self.held:
            return
        self.held = False
        try:
            lease = await self._bounded(self._read, self._patience_s)
            if lease is not None and lease.spec is not None and lease.spec.holder_identity == self._identity:
                lease.spec.holder_identity = ""
                lease.spec.lease_duration_seconds = 1
                await self._bounded(lambda: self._replace(lease), self._patience_s)
        except FAILURES as error:
            logger.info("the lease could not be given up; it runs out by itself", extra={"error": said(error)})

    def _left_s(self) -> float:
        return self._renewed_at + self._settings.renew_deadline.total_seconds() - self._clock.monotonic()

    async def _bounded(self, make: Callable[[], Any], left_s: float) -> Any:  # noqa: ANN401  (what `make` returns)
        async with asyncio.timeout(min(self._patience_s, left_s)):
            return await make()

    async def _read(self) -> V1Lease | None:
        try:
            return await self._api.read_namespaced_lease(self._settings.name, self._settings.namespace)
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    async def _replace(self, lease: V1Lease) -> None:
        await self._api.replace_namespaced_lease(self._settings.name, self._settings.namespace, lease)

    async def _try(self) -> bool:
        """Take or renew the lease; False when another has it, or was faster."""
        sent = self._clock.monotonic()
        lease = await self._read()
        if lease is None:
            await self._create()
        else:
            spec = lease.spec or V1LeaseSpec()
            if not self._free(spec):
                return False
            lease.spec = self._mine(spec)
            # The resource version that was read goes along: whoever wrote meanwhile has won.
            await self._replace(lease)
        self._renewed_at = sent
        return True

    def _free(self, spec: V1LeaseSpec) -> bool:
        record = (spec.holder_identity, spec.renew_time)
        if record != self._seen:
            self._seen, self._seen_at = record, self._clock.monotonic()
        if spec.holder_identity == self._identity or not spec.holder_identity:
            return True
        duration_s = spec.lease_duration_seconds or self._settings.duration.total_seconds()
        return not self.held and self._clock.monotonic() - self._seen_at > duration_s

    def _mine(self, before: V1LeaseSpec) -> V1LeaseSpec:
        now = self._clock.now()
        same = before.holder_identity == self._identity
        transitions = before.lease_transitions or 0
        return self._spec(now, before.acquire_time if same else now, transitions if same else transitions + 1)

    def _spec(self, now: datetime, acquired: datetime | None, transitions: int) -> V1LeaseSpec:
        return V1LeaseSpec(
            holder_identity=self._identity,
            lease_duration_seconds=int(self._settings.duration.total_seconds()),
            acquire_time=acquired,
            renew_time=now,
            lease_transitions=transitions,
        )

    async def _create(self) -> None:
        now = self._clock.now()
        lease = V1Lease(
            metadata=V1ObjectMeta(name=self._settings.name, namespace=self._settings.namespace),
            spec=self._spec(now, now, 0),
        )
        await self._api.create_namespaced_lease(self._settings.namespace, lease)
