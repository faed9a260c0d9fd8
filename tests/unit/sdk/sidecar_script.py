"""A scripted sidecar behind real gRPC on loopback: hands out what a test puts in, notes what comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from antiphon import Client
from antiphon_proto import methods
from antiphon_proto.v1 import client_pb2, worker_pb2

#: Calls as a stream names them: the method, and the field of its response.
ON_STREAM = {
    "start": ("StartInstance", "started"),
    "get": ("GetInstance", "instance"),
    "wait_started": ("WaitForInstanceStart", "instance"),
    "wait_finished": ("WaitForInstanceCompletion", "instance"),
    "raise_event": ("RaiseEvent", "raised"),
    "terminate": ("TerminateInstance", "terminated"),
    "suspend": ("SuspendInstance", "suspended"),
    "resume": ("ResumeInstance", "resumed"),
}


class _Aborted(Exception):
    def __init__(self, status: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class _Aborts:
    async def abort(self, status: grpc.StatusCode, text: str) -> None:
        raise _Aborted(status, text)


class ScriptedSidecar:
    """Settles every batch at once unless told otherwise."""

    def __init__(self, *, streams: bool = True) -> None:
        self.streams = streams
        #: What clients send on their stream of calls, and how many of these were asked for.
        self.calls: asyncio.Queue[client_pb2.CallsRequest] = asyncio.Queue()
        self.call_streams = 0
        #: Takes calls on streams and never says so.
        self.silent = False
        #: What is put in goes out on the newest such stream; None ends it.
        self.answers: asyncio.Queue[client_pb2.CallsReply | None] = asyncio.Queue()
        self.metadata_of_calls: dict[str, str] = {}
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
                grpc.method_handlers_generic_handler(methods.CLIENT_SERVICE, self._client()),
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

    def _client(self) -> dict[str, grpc.RpcMethodHandler]:
        method = methods.CLIENT["Calls"]
        handler = grpc.stream_stream_rpc_method_handler(
            self._calls, method.request.FromString, method.response.SerializeToString
        )
        return {"Calls": handler}

    async def _calls(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        self.call_streams += 1
        if not self.streams:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no such method")
        self.metadata_of_calls = dict(context.invocation_metadata())
        answers = self.answers = asyncio.Queue()
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(self._take_calls(requests, answers))
            if not self.silent:
                yield client_pb2.CallsReply()
            while (reply := await answers.get()) is not None:
                yield reply
            reader.cancel()

    async def _take_calls(self, requests: AsyncIterator[Any], answers: "asyncio.Queue[Any]") -> None:
        async with asyncio.TaskGroup() as tasks:
            async for request in requests:
                self.calls.put_nowait(request)
                for call in request.calls:
                    tasks.create_task(self._answer(call)).add_done_callback(
                        lambda done: (
                            done.cancelled() or answers.put_nowait(client_pb2.CallsReply(answers=[done.result()]))
                        )
                    )
        answers.put_nowait(None)

    async def _answer(self, call: client_pb2.ClientCall) -> client_pb2.ClientAnswer:
        name, field = ON_STREAM[str(call.WhichOneof("request"))]
        try:
            reply = await self._unary(name)(getattr(call, str(call.WhichOneof("request"))), _Aborts())
        except _Aborted as aborted:
            error = client_pb2.CallError(status=aborted.status.value[0], text=aborted.text)
            return client_pb2.ClientAnswer(id=call.id, error=error)
        return client_pb2.ClientAnswer(id=call.id, **{field: reply})

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
            if isinstance(reply, asyncio.Event):
                await reply.wait()
                return method.response()
            if isinstance(reply, tuple):
                await context.abort(*reply)
            return reply

        return handle


async def on_stream(client: Client, sidecar: ScriptedSidecar) -> None:
    """Make calls until they travel on a stream, and forget them."""
    sidecar.replies["GetInstance"] = client_pb2.GetInstanceResponse(exists=True, workflow_state={"workflow_status": 1})
    async with asyncio.timeout(10):
        while sidecar.calls.empty():
            await client.get("first")
    del sidecar.replies["GetInstance"]
    sidecar.requests.clear()
    sidecar.asked.clear()
    sidecar.calls.get_nowait()
