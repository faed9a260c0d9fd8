"""Coordination by etcd: one lease for each replica, and under it a registration and the keys of partitions.

Two loops run until `leave`: one keeps the lease alive, the other follows the namespace's keys. Neither is trusted for
safety (epochs come from the store), so after every interruption the reading begins anew: etcd may have been restarted,
emptied or compacted meanwhile, and a watch that resumes at a revision of the past would wait for ever.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from antiphon_names import registry
from antiphon_proto.etcd.cluster import Access, Channel, Cluster, LeaseGone, said
from antiphon_proto.etcd.stubs import etcdrpc
from antiphon_sidecar.coordination.base import Registration, Unavailable, View
from antiphon_sidecar.coordination.etcd_view import Change, Registry, owner_record, registration_record

logger = logging.getLogger(__name__)

#: What ends a round of a loop; grpc.aio says InvalidStateError of a stream that is over when it is written to.
_LOOP_FAILURES = (grpc.RpcError, OSError, TimeoutError, asyncio.InvalidStateError, Unavailable, LeaseGone)
#: Between two tries of a loop, in seconds.
_AGAIN_S = 0.3
#: What etcd is given to hear that a replica leaves, in seconds.
_LAST_S = 5.0


class EtcdCoordinator:
    """One replica's access to the registry in etcd."""

    def __init__(
        self,
        access: Access,
        *,
        namespace: str,
        replica: str,
        lease_s: float,
        monotonic: Callable[[], float],
        died: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        self._namespace = namespace
        self._replica = replica
        self._lease_s = lease_s
        self._monotonic = monotonic
        self._died = died
        # Well below the lease, so that a dead endpoint does not cost it.
        self._deadline_s = lease_s / 4
        self._unary = Cluster(access, deadline_s=self._deadline_s)
        self._keeping = Cluster(access, deadline_s=self._deadline_s)
        self._watching = Cluster(access, deadline_s=self._deadline_s)
        self._registry = Registry(namespace)
        self._watchers: list[Callable[[], None]] = []
        self._registration: Registration | None = None
        self._lease = 0
        self._lease_until = 0.0
        self._written: tuple[int, bytes] | None = None
        self._writing = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._left = False
        #: Whether the keys are being followed; False while etcd is away.
        self.connected = False
        self._lost_at = monotonic()

    def away_since(self) -> float | None:
        """Return since when etcd does not answer, on the monotonic clock; None while it does."""
        if not self.connected:
            return self._lost_at
        return self._lease_until if self._lease and not self.holds_lease() else None

    async def start(self) -> None:
        """Read the registry, if etcd answers in time, and begin to follow it and to keep the lease alive."""
        first = asyncio.Event()
        loops = (("watch", self._follow(first)), ("lease", self._keep()))
        for name, loop in loops:
            task = asyncio.create_task(loop, name=f"etcd-{name}")
            task.add_done_callback(self._ended)
            self._tasks.append(task)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._lease_s):
                await first.wait()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        logger.error("a background task died", extra={"task": task.get_name()}, exc_info=error)
        if self._died is not None:
            self._died(task.get_name(), error)

    # the view

    def view(self) -> View:
        """Return the newest snapshot: while etcd is away, the last one."""
        return self._registry.view

    def watch(self, changed: Callable[[], None]) -> None:
        """Call back after each change."""
        self._watchers.append(changed)

    def _changed(self) -> None:
        for changed in self._watchers:
            changed()

    async def _follow(self, first: asyncio.Event) -> None:
        while True:
            try:
                async with self._opened(self._watching) as channel:
                    await self._read_and_follow(channel, first)
            except _LOOP_FAILURES as error:
                if self.connected:
                    self._lost_at = self._monotonic()
                    logger.warning(
                        "etcd does not answer: what is owned stays, nothing is claimed",
                        extra={"endpoint": self._watching.endpoint, "error": said(error)},
                    )
            self.connected = False
            self._watching.turn()
            await asyncio.sleep(_AGAIN_S)

    async def _read_and_follow(self, channel: Channel, first: asyncio.Event) -> None:
        prefix = registry.prefix(self._namespace).encode()
        until = _after(prefix)
        kv, watch = etcdrpc.KVStub(channel.channel), etcdrpc.WatchStub(channel.channel)
        request = etcdrpc.RangeRequest(key=prefix, range_end=until)
        # Twice bounded: gRPC was seen not to end a call at its deadline.
        async with asyncio.timeout(self._deadline_s * 2):
            found = await kv.Range(request, timeout=self._deadline_s, metadata=channel.metadata)
        changes = [Change(pair.key.decode(), pair.value, pair.mod_revision) for pair in found.kvs]
        if self._registry.reset(changes, revision=found.header.revision, now=self._monotonic()):
            self._changed()
        if not self.connected:
            logger.info("etcd is followed", extra={"endpoint": self._watching.endpoint})
        self.connected = True
        first.set()
        create = etcdrpc.WatchCreateRequest(key=prefix, range_end=until, start_revision=found.header.revision + 1)
        call = watch.Watch(metadata=channel.metadata)
        try:
            await call.write(etcdrpc.WatchRequest(create_request=create))
            async for response in call:
                if response.canceled:
                    return
                self._apply(response.events)
        finally:
            call.cancel()

    def _apply(self, events: Any) -> None:  # noqa: ANN401 - generated messages of a stub module
        changes = [
            Change(event.kv.key.decode(), None if event.type else event.kv.value, event.kv.mod_revision)
            for event in events
        ]
        if self._registry.apply(changes, now=self._monotonic()):
            self._changed()

    @asynccontextmanager
    async def _opened(self, cluster: Cluster) -> AsyncIterator[Channel]:
        channel = await cluster.channel()
        try:
            yield channel
        finally:
            await channel.channel.close(None)

    # the lease

    def holds_lease(self) -> bool:
        """Tell whether the lease is alive by this replica's own clock: a restart of etcd makes leases longer."""
        return self._lease != 0 and self._monotonic() < self._lease_until

    def lease_left_s(self) -> float:
        """Return for how long the lease is certain, by this replica's own clock; 0 when it is not."""
        return max(0.0, self._lease_until - self._monotonic()) if self._lease else 0.0

    async def _keep(self) -> None:
        while True:
            try:
                async with self._opened(self._keeping) as channel:
                    await self._keep_with(channel)
            except _LOOP_FAILURES as error:
                logger.info("the lease could not be renewed", extra={"error": said(error)})
            self._keeping.turn()
            await asyncio.sleep(_AGAIN_S)

    async def _keep_with(self, channel: Channel) -> None:
        call = etcdrpc.LeaseStub(channel.channel).LeaseKeepAlive(metadata=channel.metadata)
        try:
            while True:
                if self._lease != 0:
                    await self._renew(call)
                elif self._registration is not None:
                    await self._write()
                await asyncio.sleep(self._lease_s / 3)
        finally:
            call.cancel()

    async def _renew(self, call: Any) -> None:  # noqa: ANN401 - a call of grpc.aio
        lease, sent = self._lease, self._monotonic()
        async with asyncio.timeout(self._deadline_s):
            await call.write(etcdrpc.LeaseKeepAliveRequest(ID=lease))
            answer = await call.read()
        if not isinstance(answer, etcdrpc.LeaseKeepAliveResponse):
            raise Unavailable("the stream of keep-alives has ended")
        if lease != self._lease:
            return
        if answer.TTL > 0:
            self._lease_until = sent + answer.TTL
            return
        logger.warning("the lease has run out; registering anew", extra={"replica": self._replica})
        self._lease = 0
        await self._write()

    async def _grant(self) -> int:
        sent = self._monotonic()
        seconds = max(1, round(self._lease_s))
        granted = await self._unary.call(
            lambda client: client.leasestub.LeaseGrant(
                etcdrpc.LeaseGrantRequest(TTL=seconds), self._deadline_s, **_login(client)
            )
        )
        self._lease, self._lease_until = granted.ID, sent + granted.TTL
        return self._lease

    # registering

    async def publish(self, registration: Registration) -> None:
        """Write the registration; what was written already under this lease is not written again.

        Raises:
            Unavailable: etcd does not answer; the registration is written as soon as it does.
        """
        if self._left:
            raise Unavailable("this replica has left")
        self._registration = registration
        await self._write()

    async def _write(self) -> None:
        async with self._writing:
            for _ in range(2):
                registration = self._registration
                if registration is None:
                    return
                value = registration_record(registration)
                lease = self._lease or await self._grant()
                if self._written == (lease, value):
                    return
                key = registry.replica_key(self._namespace, registration.app, self._replica)
                try:
                    answer = await self._unary.call(
                        lambda client, key=key, value=value, lease=lease: client.kvstub.Put(  # type: ignore[misc]
                            etcdrpc.PutRequest(key=key.encode(), value=value, lease=lease),
                            self._deadline_s,
                            **_login(client),
                        )
                    )
                except LeaseGone:
                    self._lease = 0
                    continue
                self._written = (lease, value)
                self._see(key, value, answer.header.revision)
                return
            raise Unavailable("etcd forgets the lease as soon as it has granted it")

    def _see(self, key: str, value: bytes | None, revision: int) -> None:
        """Fold an own write in before the watch brings it."""
        if self._registry.apply([Change(key, value, revision)], now=self._monotonic()):
            self._changed()

    # partitions

    async def claim(self, *, app: str, partition: int) -> bool:
        """Create the partition's key if there is none; True when it is this replica's.

        A key of our own from a lease before this one is written again, so that it lives as long as this one.

        Raises:
            Unavailable: etcd does not answer, or the lease is not certain; the key may or may not be there.
        """
        if not self.holds_lease():
            raise Unavailable("the lease is not certain")
        key = registry.partition_key(self._namespace, app, partition).encode()
        mine = owner_record(self._replica)
        put = etcdrpc.RequestOp(request_put=etcdrpc.PutRequest(key=key, value=mine, lease=self._lease))
        get = etcdrpc.RequestOp(request_range=etcdrpc.RangeRequest(key=key))
        free = etcdrpc.Compare(target=etcdrpc.Compare.CREATE, result=etcdrpc.Compare.EQUAL, key=key, create_revision=0)
        answer = await self._transaction(etcdrpc.TxnRequest(compare=[free], success=[put], failure=[get]))
        if answer.succeeded:
            self._see(key.decode(), mine, answer.header.revision)
            return True
        (pair,) = answer.responses[0].response_range.kvs or (None,)
        if pair is None:
            return False
        if pair.value == mine and pair.lease != self._lease:
            same = etcdrpc.Compare(
                target=etcdrpc.Compare.MOD, result=etcdrpc.Compare.EQUAL, key=key, mod_revision=pair.mod_revision
            )
            answer = await self._transaction(etcdrpc.TxnRequest(compare=[same], success=[put]))
            if answer.succeeded:
                self._see(key.decode(), mine, answer.header.revision)
            return bool(answer.succeeded)
        self._see(key.decode(), pair.value, pair.mod_revision)
        return bool(pair.value == mine)

    async def release(self, *, app: str, partition: int) -> None:
        """Delete the partition's key if it is still this replica's.

        Raises:
            Unavailable: etcd does not answer.
        """
        key = registry.partition_key(self._namespace, app, partition).encode()
        mine = etcdrpc.Compare(
            target=etcdrpc.Compare.VALUE,
            result=etcdrpc.Compare.EQUAL,
            key=key,
            value=owner_record(self._replica),
        )
        delete = etcdrpc.RequestOp(request_delete_range=etcdrpc.DeleteRangeRequest(key=key))
        answer = await self._transaction(etcdrpc.TxnRequest(compare=[mine], success=[delete]))
        if answer.succeeded:
            self._see(key.decode(), None, answer.header.revision)

    async def _transaction(self, request: Any) -> Any:  # noqa: ANN401 - generated messages of a stub module
        try:
            return await self._unary.call(lambda client: client.kvstub.Txn(request, self._deadline_s, **_login(client)))
        except LeaseGone as error:
            self._lease = 0
            raise Unavailable("the lease is gone") from error

    # the end

    async def leave(self) -> None:
        """Give up the lease with everything under it."""
        if self._left:
            return
        self._left = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._registration = None
        lease, self._lease = self._lease, 0
        if lease:
            # Bounded over all endpoints: without an answer the lease runs out by itself.
            with contextlib.suppress(Unavailable, LeaseGone, TimeoutError):
                async with asyncio.timeout(min(self._deadline_s * 2, _LAST_S)):
                    await self._unary.call(
                        lambda client: client.leasestub.LeaseRevoke(
                            etcdrpc.LeaseRevokeRequest(ID=lease), self._deadline_s, **_login(client)
                        )
                    )
        for cluster in (self._unary, self._keeping, self._watching):
            await cluster.close()


def _login(client: Any) -> dict[str, Any]:  # noqa: ANN401 - etcd3 has no types
    """Return what makes a call of an etcd3 client an authenticated one; its call credentials work with TLS alone."""
    return {"metadata": getattr(client, "metadata", None)}


def _after(prefix: bytes) -> bytes:
    """Return the first key behind all that begin with the prefix."""
    return prefix[:-1] + bytes([prefix[-1] + 1])
