"""Talks to the host process of a store, over its unix socket or over an address.

Used by every command that asks about apps and instances. Turns what gRPC raises into what a person is told;
decides nothing about the answers.
"""

import asyncio
import shlex
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import Message

from antiphon_cli.failures import Misused, Refused
from antiphon_names import errors as codes
from antiphon_names import hosts
from antiphon_proto import methods
from antiphon_sidecar import bootstrap
from antiphon_sidecar.settings import Settings

#: How long one call may take, in seconds. Calls that wait by their nature say their own.
CALL_S = 30.0
_CONNECT_S = 5.0

_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),
)

ResponseT = TypeVar("ResponseT", bound=Message)


class Unreachable(Refused):
    """Nothing answers there, or it went away."""


class TimedOut(Refused):
    """The answer did not come in time."""


class Connection:
    """A channel to a host; made by `connected`."""

    def __init__(self, channel: grpc.Channel, *, token: str | None, place: str) -> None:
        self.place = place
        self._channel = channel
        self._metadata = (("dapr-api-token", token),) if token else ()

    def task_hub(
        self, name: str, request: Message, response: type[ResponseT], *, timeout_s: float = CALL_S
    ) -> ResponseT:
        """Call a method of TaskHubSidecarService.

        Raises:
            TimedOut: no answer within `timeout_s`.
            Unreachable: nobody answers.
            Refused: the host said no; its text is the message.
        """
        return self._call(methods.TASK_HUB[name], request, response, timeout_s=timeout_s)

    def control(
        self, name: str, request: Message, response: type[ResponseT], *, timeout_s: float = CALL_S
    ) -> ResponseT:
        """Call a method of antiphon.v1.Control; raises what `task_hub` raises."""
        return self._call(methods.CONTROL[name], request, response, timeout_s=timeout_s)

    def _call(
        self, method: methods.Method, request: Message, response: type[ResponseT], *, timeout_s: float
    ) -> ResponseT:
        call = self._channel.unary_unary(
            method.path, request_serializer=method.request.SerializeToString, response_deserializer=response.FromString
        )
        try:
            answer: ResponseT = call(request, timeout=timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise self._refusal(error, method=method, timeout_s=timeout_s) from error
        return answer

    def _refusal(self, error: grpc.RpcError, *, method: methods.Method, timeout_s: float) -> Refused:
        details = error.details() or ""
        match error.code():
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                return TimedOut(f"{self.place} did not answer within {timeout_s:g}s.")
            case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.CANCELLED:
                lost = (
                    f"{codes.HOST_NOT_FOUND}: the connection to {self.place} failed: {details}. "
                    "Look whether it still runs."
                )
                return Unreachable(details if details.startswith("AN") else lost)
            case grpc.StatusCode.UNIMPLEMENTED:
                name = method.path.rpartition("/")[2]
                return Refused(
                    details if details.startswith("AN") else f"{self.place} does not know {name}: {details}."
                )
            case status:
                return Refused(details or f"{self.place} answered {status.name} without a reason.")


@contextmanager
def connected(settings: Settings, *, address: str | None) -> Iterator[Connection]:
    """Connect to `address` (host:port), or else to the socket that the store's host listens on.

    Raises:
        Unreachable: nothing listens there.
        Misused: no socket belongs to this store.
    """
    place = address or _socket(settings)
    with grpc.insecure_channel(address or f"unix:{place}", options=_OPTIONS) as channel:
        if address:
            _await_ready(channel, address)
        yield Connection(channel, token=settings.api_token, place=place)


def _await_ready(channel: grpc.Channel, address: str) -> None:
    try:
        grpc.channel_ready_future(channel).result(timeout=_CONNECT_S)
    except grpc.FutureTimeoutError as error:
        raise Unreachable(
            f"{codes.HOST_NOT_FOUND}: nothing answers at {address}. Start a host or sidecar there, "
            "or correct the address."
        ) from error


def _socket(settings: Settings) -> str:
    try:
        path = hosts.socket_path(settings.store, schema=settings.store_schema, namespace=settings.namespace)
    except ValueError as error:
        raise Misused(
            f"{codes.STORE_URL_INVALID}: {error}. Give --address HOST:PORT to ask a process directly."
        ) from error
    if not _listening(path):
        elsewhere = _by_identity(settings)
        if elsewhere is not None and _listening(elsewhere):
            return elsewhere
        shown = hosts.without_password(settings.store)
        if _in_postgres(settings):
            shown += f', schema "{settings.store_schema}" and namespace "{settings.namespace}"'
        raise Unreachable(
            f"{codes.HOST_NOT_FOUND}: nothing runs on this machine with the store {shown} (no process listens on "
            f"{path}). Start it with: antiphon dev{_store_flag(settings)}\n"
            "If it runs with another store, name that one with --store or ANTIPHON_STORE"
            f"{', its namespace with --namespace' if _in_postgres(settings) else ''}."
        )
    return path


def _by_identity(settings: Settings) -> str | None:
    """Return where the host of a PostgreSQL store listens that was started with another spelling of its URL."""
    if not _in_postgres(settings):
        return None
    identity = asyncio.run(bootstrap.store_identity(settings))
    if identity is None:
        return None
    return hosts.identity_path(identity, schema=settings.store_schema, namespace=settings.namespace)


def _in_postgres(settings: Settings) -> bool:
    return urlsplit(settings.store).scheme in hosts.POSTGRES_SCHEMES


def _store_flag(settings: Settings) -> str:
    if settings.store == Settings().store:
        return ""
    return f" --store {shlex.quote(hosts.without_password(settings.store))}"


def _listening(path: str) -> bool:
    """Return whether a process accepts connections there: a file alone may be left over from a killed one."""
    try:
        if not stat.S_ISSOCK(Path(path).stat().st_mode):
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_CONNECT_S)
            probe.connect(path)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return False
    except PermissionError as error:
        raise Unreachable(
            f"{codes.HOST_NOT_FOUND}: {path} belongs to another user: only the user who started the host may use it. "
            "Run this as that user, or start a host of your own."
        ) from error
    return True
