"""Finds who answers a command: a process at an address, the host of a store by its socket, or the store by itself.

Used by every command that asks about apps and instances. `channels` speaks with processes, `addresses` with those that
are named, `alone` with the store.
"""

import asyncio
import shlex
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import Message

from antiphon_cli import addresses as named
from antiphon_cli import alone, output
from antiphon_cli.certificates import Certificates
from antiphon_cli.channels import CALL_S, OPTIONS, ChannelConnection
from antiphon_cli.failures import Misused, Unreachable
from antiphon_names import errors as codes
from antiphon_names import hosts
from antiphon_sidecar import bootstrap
from antiphon_sidecar.settings import Settings

_CONNECT_S = 5.0

ResponseT = TypeVar("ResponseT", bound=Message)


class Connection(Protocol):
    """Who answers a command; `place` says where, for people."""

    place: str

    def task_hub(
        self, name: str, request: Message, response: type[ResponseT], *, timeout_s: float = CALL_S
    ) -> ResponseT:
        """Call a method of TaskHubSidecarService.

        Raises:
            TimedOut: no answer within `timeout_s`.
            Unreachable: nobody answers.
            Refused: the answer is no; its text is the message.
        """

    def control(
        self, name: str, request: Message, response: type[ResponseT], *, timeout_s: float = CALL_S
    ) -> ResponseT:
        """Call a method of antiphon.v1.Control; raises what `task_hub` raises."""

    def later(self, app: str) -> str:
        """Say who will carry out what was asked for in an app; empty when it is done with the answer."""


class Without(Enum):
    """What a command may do with a store that no process serves."""

    NOTHING = "nothing"
    READ = "read"
    WRITE = "write"


@contextmanager
def connected(
    settings: Settings,
    *,
    addresses: Sequence[str] = (),
    certificates: Certificates | None = None,
    namespace: str | None = None,
    without: Without = Without.NOTHING,
) -> Iterator[Connection]:
    """Connect to the first of `addresses` that answers, or else to whoever serves the store on this machine.

    `namespace`: what a process at an address has to serve, None for any.

    Raises:
        Unreachable, Refused: nobody can be asked; the text says why and what would help.
        Misused: the settings lead nowhere.
    """
    if addresses:
        with named.answering(
            addresses, certificates=certificates, token=settings.api_token, namespace=namespace
        ) as found:
            yield found
        return
    with ExitStack() as stack:
        yield _served(stack, settings, certificates) or _unserved(stack, settings, without)


def _served(stack: ExitStack, settings: Settings, certificates: Certificates | None) -> Connection | None:
    """Connect to the store's host, or to the sidecar that has these settings; None when neither runs here."""
    path = _socket(settings)
    if path is not None:
        channel = stack.enter_context(grpc.insecure_channel(f"unix:{path}", options=OPTIONS))
        return ChannelConnection(channel, token=settings.api_token, place=path)
    if settings.etcd is None:
        return None
    mine = certificates or _own_certificates(settings)
    address = f"127.0.0.1:{settings.peer_port or named.PEER_PORT}"
    found = named.answering([address], certificates=mine, token=settings.api_token, namespace=settings.namespace)
    try:
        return stack.enter_context(found)
    except Unreachable:
        return None


def _own_certificates(settings: Settings) -> Certificates | None:
    """Return those of the sidecar that has these settings: it is asked by the name that others call it by."""
    files = (settings.peer_ca_file, settings.peer_cert_file, settings.peer_key_file)
    name = urlsplit(f"//{settings.peer_address}").hostname if settings.peer_address else None
    return Certificates.given(*files, name=name)


def _unserved(stack: ExitStack, settings: Settings, without: Without) -> Connection:
    if without is Without.NOTHING:
        raise Unreachable(_nothing_runs(settings))
    try:
        found = stack.enter_context(alone.opened(settings, writes=without is Without.WRITE))
    except bootstrap.StoreAbsent as error:
        raise Unreachable(_nothing_runs(settings)) from error
    except bootstrap.StoreError as error:
        raise Unreachable(f"{_nothing_runs(settings)}\nNor can the store be read without: {error}") from error
    output.say(found.note())
    return found


def _socket(settings: Settings) -> str | None:
    """Return where the host of this store listens, None when there is none."""
    try:
        path = hosts.socket_path(settings.store, schema=settings.store_schema, namespace=settings.namespace)
    except ValueError as error:
        raise Misused(
            f"{codes.STORE_URL_INVALID}: {error}. Give --address HOST:PORT to ask a process directly."
        ) from error
    if _listening(path):
        return path
    elsewhere = _by_identity(settings)
    return elsewhere if elsewhere is not None and _listening(elsewhere) else None


def _nothing_runs(settings: Settings) -> str:
    path = hosts.socket_path(settings.store, schema=settings.store_schema, namespace=settings.namespace)
    shown = hosts.without_password(settings.store)
    if _in_postgres(settings):
        shown += f', schema "{settings.store_schema}" and namespace "{settings.namespace}"'
    return (
        f"{codes.HOST_NOT_FOUND}: nothing runs on this machine with the store {shown} (no process listens on "
        f"{path}). Start it with: antiphon dev{_store_flag(settings)}\n"
        "If it runs with another store, name that one with --store or ANTIPHON_STORE"
        f"{', its namespace with --namespace' if _in_postgres(settings) else ''}. A sidecar elsewhere is asked with "
        "--address HOST:PORT."
    )


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
