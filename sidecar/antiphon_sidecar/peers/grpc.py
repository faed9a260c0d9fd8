"""Peers over gRPC: one long-lived stream to each replica that is spoken to, batches on it, nothing on the way back.

A link is opened at the first message and closed when its replica has left the view. What cannot be sent now is
dropped: the sweep of the store finds it. A side that speaks an older protocol is spoken to in that one.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from antiphon_names import registry
from antiphon_proto import methods
from antiphon_proto.v1 import peer_pb2 as pb
from antiphon_sidecar.peers import grpc_messages
from antiphon_sidecar.peers.base import Answer, Message, Verdict

logger = logging.getLogger(__name__)

#: Messages that wait for one replica; the oldest go first.
_WAITING_MOST = 20_000
_BATCH_MOST = 500
#: Answers that only end what the other side remembers: they wait so long for others, or for a message that goes anyway.
_PATIENT = (Verdict.COMMITTED, Verdict.GONE)
_PATIENCE_S = 0.05
_BACKOFF_S = (0.1, 2.0)
_GREETING_S = 5.0
_OPTIONS = (
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.http2.ping_timeout_ms", 2_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.keepalive_permit_without_calls", 1),
)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Paths of PEM files: whom to trust, and who this replica is. Read again at each new connection."""

    ca_file: str
    cert_file: str
    key_file: str

    def for_client(self) -> grpc.ChannelCredentials:
        """Return what a link shows and trusts."""
        ca, key, cert = (Path(path).read_bytes() for path in (self.ca_file, self.key_file, self.cert_file))
        return grpc.ssl_channel_credentials(ca, key, cert)

    def for_server(self) -> grpc.ServerCredentials:
        """Return what the peer port shows and asks for; files that change are used from the next connection on."""
        return grpc.dynamic_ssl_server_credentials(self._server_part(), self._again, require_client_authentication=True)

    def _server_part(self) -> Any:  # noqa: ANN401 - grpc names no type for it
        ca, key, cert = (Path(path).read_bytes() for path in (self.ca_file, self.key_file, self.cert_file))
        return grpc.ssl_server_certificate_configuration([(key, cert)], root_certificates=ca)

    def _again(self) -> Any:  # noqa: ANN401 - as above
        try:
            return self._server_part()
        except OSError as error:
            logger.warning("certificate files cannot be read; the last ones stay", extra={"error": str(error)})
            return None


@dataclass(frozen=True, slots=True)
class Self:
    """Who speaks."""

    namespace: str
    app: str
    replica: str

    def hello(self, *, to: str = "") -> pb.PeerBatch:
        """Return what is said first."""
        return pb.PeerBatch(
            hello=pb.PeerHello(
                namespace=self.namespace,
                app_id=self.app,
                replica_id=self.replica,
                protocol=registry.PROTOCOL,
                oldest_protocol=registry.OLDEST_PROTOCOL,
                to_replica_id=to,
            )
        )


class GrpcPeers:
    """One replica's links to the others, and what arrives from them."""

    def __init__(
        self, me: Self, *, address: Callable[[str], str | None], certificates: Certificates | None = None
    ) -> None:
        """`address` gives a replica's `host:port`, None when the replica is gone."""
        self.me = me
        self._address = address
        self._certificates = certificates
        self._links: dict[str, _Link] = {}
        self._handler: Callable[[str, Message], None] | None = None
        self._relinked: Callable[[str], None] | None = None
        self._closed = False
        #: Messages sent and received, and those that were dropped because they could not be sent.
        self.traffic: Counter[str] = Counter()

    @property
    def links(self) -> tuple[int, int]:
        """Return how many replicas are spoken to, and how many of those are linked now."""
        return len(self._links), sum(link.linked for link in self._links.values())

    def send(self, to: str, message: Message) -> None:
        """Queue a message for a replica; one that nobody knows an address of gets nothing."""
        link = self._links.get(to)
        if link is None:
            if self._closed or self._address(to) is None:
                self.traffic["dropped"] += 1
                return
            link = self._links[to] = _Link(
                self.me,
                to,
                address=self._address,
                certificates=self._certificates,
                traffic=self.traffic,
                again=self._again,
            )
            link.ended.add_done_callback(lambda _: self._links.pop(to, None))
        link.put(message)

    def receive(self, handler: Callable[[str, Message], None]) -> None:
        """Set who gets what others send."""
        self._handler = handler

    def relinked(self, handler: Callable[[str], None]) -> None:
        """Set who is told that a replica is reached again to which messages may have been lost."""
        self._relinked = handler

    def _again(self, replica: str) -> None:
        if self._relinked is not None and not self._closed:
            self._relinked(replica)

    def received(self, sender: str, batch: pb.PeerBatch) -> None:
        """Take a batch that came in on the peer port."""
        handler, count = self._handler, 0
        if handler is None:
            return
        for message in grpc_messages.messages(batch):
            count += 1
            handler(sender, message)
        self.traffic["received"] += count

    def close(self) -> None:
        """Stop sending and receiving."""
        self._closed = True
        self._handler = None
        for link in list(self._links.values()):
            link.ended.cancel()


class _Link:
    """The way to one replica: connects, greets, and writes what gathers."""

    def __init__(
        self,
        me: Self,
        to: str,
        *,
        address: Callable[[str], str | None],
        certificates: Certificates | None,
        traffic: Counter[str],
        again: Callable[[str], None],
    ) -> None:
        self._me = me
        self._again = again
        self._broken = False
        self._backoff_s = _BACKOFF_S[0]
        self._to = to
        self._address = address
        self._certificates = certificates
        self._waiting: deque[Message] = deque(maxlen=_WAITING_MOST)
        self._wake = asyncio.Event()
        self._traffic = traffic
        self.linked = False
        self._later: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.ended = self._loop.create_task(self._run(), name=f"link-{to}")

    def put(self, message: Message) -> None:
        """Queue a message."""
        if len(self._waiting) == _WAITING_MOST:
            self._traffic["dropped"] += 1
        self._waiting.append(message)
        if not isinstance(message, Answer) or message.verdict not in _PATIENT:
            self._wake.set()
        elif self._later is None:
            self._later = self._loop.call_later(_PATIENCE_S, self._patience_over)

    def _patience_over(self) -> None:
        self._later = None
        self._wake.set()

    async def _run(self) -> None:
        while (address := self._address(self._to)) is not None:
            try:
                async with self._channel(address) as channel:
                    await self._greet_and_write(channel)
            except (grpc.RpcError, TimeoutError, OSError, asyncio.InvalidStateError, _Strange) as error:
                logger.info("a replica is not reached", extra={"replica": self._to, "error": _said(error)})
            self._broken = True
            # Old by the time it could be sent; what matters is found by the sweep.
            self._traffic["dropped"] += len(self._waiting)
            self._waiting.clear()
            await asyncio.sleep(self._backoff_s)
            self._backoff_s = min(self._backoff_s * 2, _BACKOFF_S[1])

    def _channel(self, address: str) -> grpc.aio.Channel:
        if self._certificates is None:
            return grpc.aio.insecure_channel(address, options=_OPTIONS)
        return grpc.aio.secure_channel(address, self._certificates.for_client(), options=_OPTIONS)

    async def _greet_and_write(self, channel: grpc.aio.Channel) -> None:
        method = methods.PEER["Link"]
        open_stream: Any = channel.stream_stream(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        call = open_stream()
        try:
            async with asyncio.timeout(_GREETING_S):
                await call.write(self._me.hello(to=self._to))
                answer = await call.read()
            if not isinstance(answer, pb.PeerBatch) or answer.hello.replica_id != self._to:
                raise _Strange("another replica answers at its address")
            self.linked = True
            # It was reached: when this link breaks, that is a new story.
            self._backoff_s = _BACKOFF_S[0]
            if self._broken:
                self._broken = False
                self._again(self._to)
            await self._write(call)
        finally:
            self.linked = False
            call.cancel()

    async def _write(self, call: Any) -> None:  # noqa: ANN401 - a call of grpc.aio
        over = asyncio.ensure_future(call.read())
        # One event for both: a task for each wait would cost more than the message.
        over.add_done_callback(lambda _: self._wake.set())
        try:
            while True:
                await self._wake.wait()
                # Before the writing: what comes during it, the end too, must be seen after it.
                self._wake.clear()
                if over.done():
                    return
                left = len(self._waiting)
                while left:
                    count = min(left, _BATCH_MOST)
                    await call.write(grpc_messages.batch(self._waiting.popleft() for _ in range(count)))
                    self._traffic["sent"] += count
                    left -= count
        finally:
            over.cancel()


class _Strange(Exception):
    """The other side is not who it should be."""


def _said(error: BaseException) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name} {error.details()}"
    return str(error) or type(error).__name__
