"""Asks sidecars what they count, and how their stores are. Addresses are those that replicas publish in etcd."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from antiphon_operator.reconcile.observed import Backlog, Instances, StoreReport
from antiphon_operator.settings import PeerSettings
from antiphon_proto.methods import CONTROL, Method
from antiphon_proto.v1 import control_pb2 as ct

#: What a sidecar is given for an answer, in seconds: it counts on indexes.
ANSWER_S = 5.0
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
)
#: Channels that are kept open: one for each store that is asked, and some that were given up.
_CHANNELS_MOST = 256


class NotAnswered(Exception):
    """A sidecar did not answer, or refused."""


class TimedOut(NotAnswered):
    """A sidecar did not answer in time; what was asked of it may be done."""


class Refused(NotAnswered):
    """A sidecar answered with a no: the name of its gRPC status, and its own words."""

    def __init__(self, address: str, status: str, details: str) -> None:
        super().__init__(f"{address}: {status} {details}")
        self.status = status
        self.details = details


#: Statuses that say nothing about the request: another sidecar may answer it.
_NO_ANSWER = frozenset(
    (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNIMPLEMENTED,
    )
)


@dataclass(frozen=True, slots=True)
class Counted:
    """What one store holds of a namespace: by (app, workflow), and by app."""

    instances: Mapping[tuple[str, str], Instances] = field(default_factory=dict)
    backlogs: Mapping[str, Backlog] = field(default_factory=dict)


class ControlClient:
    """Keeps a channel to each sidecar that is asked again and again."""

    def __init__(self, peers: PeerSettings) -> None:
        self._peers = peers
        self._channels: OrderedDict[str, grpc.aio.Channel] = OrderedDict()

    async def counts(self, address: str) -> Counted:
        """Return what the store of a replica holds.

        Raises:
            NotAnswered: the replica did not, or refused.
        """
        answer: ct.CountsResponse = await self.call(address, CONTROL["Counts"], ct.CountsRequest())
        return Counted(
            {
                (each.app_id, each.name): Instances(
                    running=each.running,
                    suspended=each.suspended,
                    stalled=each.stalled,
                    failed_last_hour=each.failed_last_hour,
                    oldest_created=_time(each, "oldest_created_at"),
                )
                for each in answer.counts
            },
            {each.app_id: Backlog(each.queued, each.running, _time(each, "oldest_due_at")) for each in answer.backlogs},
        )

    async def store_status(self, address: str) -> StoreReport:
        """Return what a replica says of its store.

        Raises:
            NotAnswered: the replica did not, or refused.
        """
        answer: ct.StoreStatusResponse = await self.call(address, CONTROL["StoreStatus"], ct.StoreStatusRequest())
        return StoreReport(
            identity=answer.identity,
            backend=answer.backend,
            server_version=answer.server_version,
            schema_version=answer.schema_version,
            newest_schema_version=answer.newest_schema_version,
            error=answer.error,
        )

    async def call(self, address: str, method: Method, request: Message, *, timeout_s: float = ANSWER_S) -> Any:  # noqa: ANN401  (generated messages)
        """Make a call.

        Raises:
            Refused: the replica answered with a no.
            TimedOut, NotAnswered: it did not answer.
        """
        try:
            invoke = (await self._channel(address)).unary_unary(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.response.FromString,
            )
            return await invoke(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            status, details = error.code(), error.details() or ""
            if status is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise TimedOut(f"{address}: no answer within {timeout_s:g} s") from error
            if status in _NO_ANSWER:
                raise NotAnswered(f"{address}: {status.name} {details}") from error
            raise Refused(address, status.name, details) from error
        except OSError as error:
            raise NotAnswered(f"{address}: {error}") from error

    async def _channel(self, address: str) -> grpc.aio.Channel:
        channel = self._channels.get(address)
        if channel is None:
            channel = self._channels[address] = self._open(address)
        self._channels.move_to_end(address)
        if len(self._channels) > _CHANNELS_MOST:
            _, oldest = self._channels.popitem(last=False)
            await oldest.close(None)
        return channel

    def _open(self, address: str) -> grpc.aio.Channel:
        files = (self._peers.ca_file, self._peers.key_file, self._peers.cert_file)
        if not any(files):
            return grpc.aio.insecure_channel(address, options=_OPTIONS)
        ca, key, cert = (None if file is None else Path(file).read_bytes() for file in files)
        return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(ca, key, cert), options=_OPTIONS)

    async def close(self) -> None:
        """Close all channels."""
        while self._channels:
            _, channel = self._channels.popitem()
            await channel.close(None)


def _time(message: Any, name: str) -> datetime | None:  # noqa: ANN401  (generated messages)
    if not message.HasField(name):
        return None
    stamp: Timestamp = getattr(message, name)
    return stamp.ToDatetime(tzinfo=UTC)
