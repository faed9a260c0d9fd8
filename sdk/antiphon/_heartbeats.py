"""Heartbeats on their way to the sidecar: one call each, at most one under way for each activity.

Used by worker. A heartbeat that is lost is no error: the next one is on its way soon.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from antiphon._connection import Metadata
from antiphon._running import Running
from antiphon_proto import methods
from antiphon_proto.v1 import worker_pb2

_log = logging.getLogger(__name__)

_DEADLINE_S = 5.0


class Heartbeats:
    """Sends heartbeats, and says of which activities the sidecar answered that nobody waits for them."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Metadata, *, unwanted: Callable[[Running], None]) -> None:
        method = methods.WORKER["Heartbeat"]
        self._call: Any = channel.unary_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        self._metadata = metadata
        self._unwanted = unwanted
        self._under_way: dict[Running, asyncio.Task[None]] = {}
        self._next: dict[Running, worker_pb2.HeartbeatRequest] = {}

    def send(self, running: Running, details: bytes | None, *, only_asks: bool = False) -> None:
        """Send a heartbeat, after the one under way; one that waits is replaced by a newer one."""
        request = worker_pb2.HeartbeatRequest(completion_token=running.token, details=details, only_asks=only_asks)
        if running in self._under_way:
            if not only_asks:
                self._next[running] = request
            return
        task = asyncio.get_running_loop().create_task(self._send(running, request), name="antiphon heartbeat")
        self._under_way[running] = task
        task.add_done_callback(lambda _: self._sent(running))

    def _sent(self, running: Running) -> None:
        del self._under_way[running]
        request = self._next.pop(running, None)
        if request is not None and not running.over:
            self.send(running, request.details if request.HasField("details") else None)

    async def _send(self, running: Running, request: worker_pb2.HeartbeatRequest) -> None:
        try:
            reply = await self._call(request, metadata=self._metadata, timeout=_DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            _log.info("a heartbeat was not taken: %s %s", error.code().name, error.details())
            return
        if reply.cancelled:
            self._unwanted(running)

    async def close(self) -> None:
        """Give up what is under way."""
        self._next.clear()
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
