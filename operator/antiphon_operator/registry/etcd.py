"""Follows replicas in etcd and keeps the operator's own keys there as they should be.

Two loops. One reads everything and follows changes; after every interruption it reads anew, because etcd may have been
restarted, emptied or compacted. The other writes what differs from what is wanted, so that an emptied etcd is filled
again without anybody asking for it. While etcd is away both try again, and everybody else goes on with the last view.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import grpc

from antiphon_names import registry
from antiphon_operator.clock import Clock
from antiphon_operator.registry.view import Change, View
from antiphon_operator.registry.wanted import Wanted, Write, writes
from antiphon_operator.settings import EtcdSettings
from antiphon_proto.etcd import Unavailable
from antiphon_proto.etcd.cluster import Access, Channel, Cluster, said
from antiphon_proto.etcd.stubs import etcdrpc

logger = logging.getLogger(__name__)

#: What ends a round of a loop; grpc.aio says InvalidStateError of a stream that is over when it is written to.
_FAILURES = (grpc.RpcError, OSError, TimeoutError, asyncio.InvalidStateError, Unavailable)
#: Between two tries, in seconds.
_AGAIN_S = 0.3
#: Writes in one transaction; etcd takes 128.
_WRITES_MOST = 100


class Etcd:
    """The registry, as the operator reads and writes it."""

    def __init__(
        self, settings: EtcdSettings, *, namespaces: Sequence[str], clock: Clock, changed: Callable[[set[str]], None]
    ) -> None:
        access = Access(
            settings.endpoints,
            ca_file=settings.ca_file,
            cert_file=settings.cert_file,
            key_file=settings.key_file,
            user=settings.user,
            password_file=settings.password_file,
        )
        self._deadline_s = settings.deadline.total_seconds()
        self._reading = Cluster(access, deadline_s=self._deadline_s)
        self._writing = Cluster(access, deadline_s=self._deadline_s)
        self._prefixes = [registry.prefix(namespace) for namespace in namespaces] or [registry.everything()]
        self._clock = clock
        self._changed = changed
        self._wanted: dict[str, Wanted] = {}
        self._to_write = asyncio.Event()
        self.view = View()
        #: Whether it has been read once: what is not in the view does not live, or did not when it was last seen.
        self.seen = False
        self.connected = False
        #: When it stopped answering, in monotonic seconds; from the start on until it has answered.
        self.away_since: float | None = clock.monotonic()
        self.writes_done = 0

    async def run(self) -> None:
        """Follow and write until cancelled."""
        try:
            async with asyncio.TaskGroup() as loops:
                loops.create_task(self._follow(), name="etcd-follow")
                loops.create_task(self._write(), name="etcd-write")
        finally:
            await self._reading.close()
            await self._writing.close()

    # reading

    async def _follow(self) -> None:
        while True:
            try:
                channel = await self._reading.channel()
                try:
                    await self._read_and_follow(channel)
                finally:
                    await channel.channel.close(None)
            except _FAILURES as error:
                if self.connected:
                    logger.warning(
                        "etcd does not answer: the last view stays",
                        extra={"endpoint": self._reading.endpoint, "error": said(error)},
                    )
            if self.connected:
                self.connected, self.away_since = False, self._clock.monotonic()
            self._reading.turn()
            await asyncio.sleep(_AGAIN_S)

    async def _read_and_follow(self, channel: Channel) -> None:
        touched: set[str] = set()
        revisions = []
        for prefix in self._prefixes:
            found = await self._range(channel, prefix)
            changes = [Change(pair.key.decode(), pair.value, pair.mod_revision) for pair in found.kvs]
            touched |= self.view.reset(changes, revision=found.header.revision, prefix=prefix)
            revisions.append(found.header.revision)
        if not self.connected:
            logger.info("etcd is followed", extra={"endpoint": self._reading.endpoint})
        returned = not self.seen
        self.seen, self.connected, self.away_since = True, True, None
        self._to_write.set()
        self._changed(self.view.namespaces() if returned else touched)
        call = etcdrpc.WatchStub(channel.channel).Watch(metadata=channel.metadata)
        try:
            for prefix, revision in zip(self._prefixes, revisions, strict=True):
                key = prefix.encode()
                create = etcdrpc.WatchCreateRequest(key=key, range_end=_after(key), start_revision=revision + 1)
                await call.write(etcdrpc.WatchRequest(create_request=create))
            async for response in call:
                if response.canceled:
                    return
                self._take(response.events)
        finally:
            call.cancel()

    async def _range(self, channel: Channel, prefix: str) -> Any:  # noqa: ANN401 - generated messages of a stub module
        key = prefix.encode()
        request = etcdrpc.RangeRequest(key=key, range_end=_after(key))
        # Twice bounded: gRPC was seen not to end a call at its deadline.
        async with asyncio.timeout(self._deadline_s * 2):
            return await etcdrpc.KVStub(channel.channel).Range(
                request, timeout=self._deadline_s, metadata=channel.metadata
            )

    def _take(self, events: Any) -> None:  # noqa: ANN401 - generated messages of a stub module
        changes = [
            Change(event.kv.key.decode(), None if event.type else event.kv.value, event.kv.mod_revision)
            for event in events
        ]
        touched = self.view.apply(changes)
        self._to_write.set()
        if touched:
            self._changed(touched)

    # writing

    def want(self, wanted: Wanted) -> None:
        """Have a namespace's records written, now and whenever they are not there."""
        self._wanted[wanted.namespace] = wanted
        self._to_write.set()

    def synced(self, namespace: str) -> bool:
        """Tell whether the namespace's records stand in etcd, as far as it has been read."""
        wanted = self._wanted.get(namespace)
        return wanted is not None and writes(wanted, self.view.written) == ([], None)

    async def _write(self) -> None:
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            if not self.connected:
                continue
            try:
                for wanted in list(self._wanted.values()):
                    first, last = writes(wanted, self.view.written)
                    await self._put(first)
                    await self._put([] if last is None else [last])
            except _FAILURES as error:
                logger.warning("records could not be written to etcd", extra={"error": said(error)})
                await asyncio.sleep(_AGAIN_S)
                self._to_write.set()

    async def _put(self, wanted: Sequence[Write]) -> None:
        for start in range(0, len(wanted), _WRITES_MOST):
            batch = wanted[start : start + _WRITES_MOST]
            request = etcdrpc.TxnRequest(success=[_operation(write) for write in batch])
            answer = await self._writing.call(
                lambda client, request=request: client.kvstub.Txn(  # type: ignore[misc]
                    request, self._deadline_s, metadata=getattr(client, "metadata", None)
                )
            )
            self.writes_done += len(batch)
            self.view.apply(_written(batch, answer.header.revision))


def _operation(write: Write) -> Any:  # noqa: ANN401 - generated messages of a stub module
    key = write.key.encode()
    if write.value is None:
        return etcdrpc.RequestOp(request_delete_range=etcdrpc.DeleteRangeRequest(key=key))
    return etcdrpc.RequestOp(request_put=etcdrpc.PutRequest(key=key, value=write.value))


def _written(batch: Iterable[Write], revision: int) -> list[Change]:
    return [Change(write.key, write.value, revision) for write in batch]


def _after(prefix: bytes) -> bytes:
    """Return the first key behind all that begin with the prefix."""
    return prefix[:-1] + bytes([prefix[-1] + 1])
