"""Tells the sidecar the schemas that a worker's offers name by digest. Used by worker, beside its work.

Schemas are for people, tests and checks before a deployment; no call waits for them, so a sidecar that does not take
them, or is not there yet, costs nothing but a later attempt.
"""

import logging
from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio

from antiphon import _schemas
from antiphon._backoff import Backoff
from antiphon._connection import Metadata
from antiphon_proto import methods
from antiphon_proto.v1 import worker_pb2

_log = logging.getLogger(__name__)

_AT_ONCE = 100
_DEADLINE_S = 30.0
_TRY_AGAIN = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED, grpc.StatusCode.ABORTED}
)


async def upload(channel: grpc.aio.Channel, metadata: Metadata, schemas: Sequence[str]) -> None:
    """Send those that the store does not have; ends when all are there, or when the sidecar refuses them."""
    backoff = Backoff()
    left = list(schemas)
    while left:
        part = left[:_AT_ONCE]
        try:
            await _send_missing(channel, metadata, part)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _TRY_AGAIN:
                _log.info("the sidecar does not take schemas: %s %s", error.code().name, error.details())
                return
            await backoff.wait()
        else:
            del left[: len(part)]


async def _send_missing(channel: grpc.aio.Channel, metadata: Metadata, schemas: Sequence[str]) -> None:
    method = methods.WORKER["Schemas"]
    call: Any = channel.unary_unary(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )
    by_digest = {_schemas.digest_of(schema): schema for schema in schemas}
    asked = worker_pb2.SchemasRequest(digests=sorted(by_digest))
    reply = await call(asked, metadata=metadata, timeout=_DEADLINE_S)
    if reply.missing:
        sent = worker_pb2.SchemasRequest(schemas=[by_digest[digest] for digest in reply.missing])
        await call(sent, metadata=metadata, timeout=_DEADLINE_S)
