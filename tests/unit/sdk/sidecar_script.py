"""A scripted sidecar behind real gRPC on loopback: hands out what a test puts in, notes what comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from antiphon_proto import methods
from antiphon_proto.v1 import client_pb2, worker_pb2


class ScriptedSidecar:
    """Settles every batch at once unless told otherwise."""

    def __init__(self, *, streams: bool = True) -> None:
        self.streams = streams
        self.settles = True
        self.items: asyncio.Queue[worker_pb2.WorkItem | None] = asyncio.Queue()
        self.batches: asyncio.Queue[worker_pb2.CompleteRequest] = asyncio.Queue()
        self.single: asyncio.Queue[Any] = asyncio.Queue()
        self.hellos: asyncio.Queue[worker_pb2.GetWorkItemsRequest] = asyncio.Queue()
        self.heartbeats: asyncio.Queue[worker_pb2.HeartbeatRequest] = asyncio.Queue()
        #: Tokens of activities that nobody waits for.
        self.unwanted: set[str] = set()
        self.metadata: dict[str, str] = {}
        self.histories: dict[str, list[bytes]] = {}
        self.replies: dict[str, Any] = {}
        self.requests: list[Any] = []
        self.asked = asyncio.Event()
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["ScriptedSidecar"]:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(methods.TASK_HUB_SERVICE, self._task_hub()),
                grpc.method_handlers_generic_handler(methods.WORKER_SERVICE, self._worker() if self.streams else {}),
            )
        )
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        await server.start()
        try:
            yield self
        finally:
            await server.stop(None)

    async def batch(self) -> worker_pb2.CompleteRequest:
        return await asyncio.wait_for(self.batches.get(), 10)

    def _worker(self) -> dict[str, grpc.RpcMethodHandler]:
        return {
            "Heartbeat": grpc.unary_unary_rpc_method_handler(
                self._heartbeat,
                worker_pb2.HeartbeatRequest.FromString,
                worker_pb2.HeartbeatReply.SerializeToString,
            ),
            "Complete": grpc.stream_stream_rpc_method_handler(
                self._complete,
                worker_pb2.CompleteRequest.FromString,
                worker_pb2.CompleteReply.SerializeToString,
            ),
        }

    def _task_hub(self) -> dict[str, grpc.RpcMethodHandler]:
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                self._unary(name), method.request.FromString, method.response.SerializeToString
            )
            for name, method in methods.TASK_HUB.items()
            if not method.server_streaming
        }
        handlers["GetWorkItems"] = grpc.unary_stream_rpc_method_handler(
            self._work,
            worker_pb2.GetWorkItemsRequest.FromString,
            worker_pb2.WorkItem.SerializeToString,
        )
        return handlers

    async def _work(self, request: worker_pb2.GetWorkItemsRequest, context: Any) -> AsyncIterator[worker_pb2.WorkItem]:
        self.metadata = dict(context.invocation_metadata())
        self.hellos.put_nowait(request)
        while (item := await self.items.get()) is not None:
            yield item

    async def _complete(
        self, requests: AsyncIterator[worker_pb2.CompleteRequest], context: Any
    ) -> AsyncIterator[worker_pb2.CompleteReply]:
        async for request in requests:
            self.batches.put_nowait(request)
            if self.settles:
                yield worker_pb2.CompleteReply(settled=[request.sequence])

    async def _heartbeat(self, request: worker_pb2.HeartbeatRequest, context: Any) -> worker_pb2.HeartbeatReply:
        self.heartbeats.put_nowait(request)
        return worker_pb2.HeartbeatReply(cancelled=request.completion_token in self.unwanted)

    def _unary(self, name: str) -> Any:
        method = methods.TASK_HUB[name]

        async def handle(request: Any, context: Any) -> Any:
            self.requests.append(request)
            self.asked.set()
            if name == "GetInstanceHistory" and request.instance_id in self.histories:
                events = self.histories[request.instance_id]
                return client_pb2.GetInstanceHistoryResponse(events=events)
            if name.startswith("Complete"):
                self.single.put_nowait(request)
                return method.response()
            reply = self.replies.get(name, method.response())
            if isinstance(reply, tuple):
                await context.abort(*reply)
            return reply

        return handle
