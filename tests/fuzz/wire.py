"""The real servicers of a simulated sidecar, called with bytes as grpc calls them, without a network.

What grpc does itself is done here: it reads the request, and turns an abort into a status.
"""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from antiphon_proto import methods
from antiphon_sidecar.runtime.calls import Calls
from antiphon_sidecar.servers.client import ClientService, Directory
from antiphon_sidecar.servers.handlers import TokenCheck, generic_handler
from antiphon_sidecar.servers.worker import WorkerService
from antiphon_sidecar.settings import Limits
from tests.simulation.apps import Sidecar
from tests.simulation.store_server import NAMESPACE


class Refused(Exception):
    """The call ended with a status."""

    def __init__(self, status: grpc.StatusCode, text: str) -> None:
        super().__init__(f"{status.name}: {text}")
        self.status = status


class _Context:
    """The part of grpc's context that servicers use."""

    def invocation_metadata(self) -> tuple[()]:
        return ()

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    async def abort(self, status: grpc.StatusCode, text: str) -> None:
        raise Refused(status, text)


class Listener:
    """What a sidecar serves its app."""

    def __init__(self, sidecar: Sidecar, calls: dict[str, Calls], *, limits: Limits) -> None:
        assert sidecar.replica is not None
        self.sidecar = sidecar
        directory = Directory(namespace=NAMESPACE, find=calls.get, apps=lambda: list(calls))
        client = ClientService(app=sidecar.pod.app, directory=directory, payload_bytes_max=limits.payload_bytes_max)
        workers = WorkerService(sidecar.replica, limits=limits)
        token = TokenCheck(None)
        self._handlers = (
            generic_handler(
                service=methods.TASK_HUB_SERVICE,
                methods=methods.TASK_HUB,
                implementations={**client.implementations(), **workers.task_hub()},
                token=token,
            ),
            generic_handler(
                service=methods.WORKER_SERVICE, methods=methods.WORKER, implementations=workers.own(), token=token
            ),
        )

    def _handler(self, path: str) -> Any:
        details: Any = SimpleNamespace(method=path, invocation_metadata=())
        return next(found for each in self._handlers if (found := each.service(details)) is not None)

    async def unary(self, path: str, raw: bytes) -> bytes:
        """Make a unary call.

        Raises:
            Refused: it ended with a status.
        """
        handler = self._handler(path)
        answer = await handler.unary_unary(_read(handler, raw), _Context())
        return bytes(handler.response_serializer(answer))

    async def stream(self, path: str, raw: bytes) -> AsyncIterator[bytes]:
        """Make a call that is answered by a stream.

        Raises:
            Refused: it ended with a status.
        """
        handler = self._handler(path)
        answers = handler.unary_stream(_read(handler, raw), _Context())
        try:
            async for answer in answers:
                yield handler.response_serializer(answer)
        finally:
            await answers.aclose()

    async def both(self, path: str, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Make a call of which both sides are streams; a request that cannot be read ends it.

        Raises:
            Refused: it ended with a status.
        """
        handler = self._handler(path)

        async def read() -> AsyncIterator[Any]:
            async for raw in requests:
                yield _read(handler, raw)

        answers = handler.stream_stream(read(), _Context())
        try:
            async for answer in answers:
                yield handler.response_serializer(answer)
        finally:
            await answers.aclose()


def _read(handler: Any, raw: bytes) -> Any:
    try:
        return handler.request_deserializer(raw)
    except DecodeError as error:
        raise Refused(grpc.StatusCode.INTERNAL, "Exception deserializing request!") from error
