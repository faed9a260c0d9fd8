"""A way to an etcd cluster: one of its endpoints at a time, the next one when that fails.

Unary calls go through the etcd3 package in threads of their own; the loops of its users (watch, lease) run on
channels of the event loop. Every call has a deadline, and each is made so that a repeat is harmless: a call that
failed may have been carried out.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import grpc
import grpc.aio

from antiphon_proto.etcd import Unavailable
from antiphon_proto.etcd.stubs import etcd3, etcdrpc

T = TypeVar("T")

#: etcd3's names for what a caller may answer by trying again.
_FAILURES = (etcd3.exceptions.Etcd3Exception, grpc.RpcError)
#: Errors that have a status: those of threads and those of the event loop have no other base in common.
_CALLS = (grpc.Call, grpc.aio.AioRpcError)
#: A call may take this many deadlines, with the time to connect and log in, before it is left to itself.
_PATIENCE = 3
_OPTIONS = (
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    # Without it a dead connection is noticed by nobody for as long as the keep-alive's own default.
    ("grpc.http2.ping_timeout_ms", 2_000),
)


class LeaseGone(Exception):
    """etcd does not know the lease (any more): it ran out, or etcd has lost its data."""


@dataclass(frozen=True, slots=True)
class Access:
    """How etcd is reached: `endpoints` are URLs; files and names are None where they are not used."""

    endpoints: tuple[str, ...]
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    user: str | None = None
    password_file: str | None = None

    def password(self) -> str | None:
        """Read the password, at each connection anew: it may change."""
        return None if self.password_file is None else Path(self.password_file).read_text(encoding="utf-8").strip()


class Cluster:
    """The cluster, as one process reaches it."""

    def __init__(self, access: Access, *, deadline_s: float) -> None:
        self._access = access
        self._deadline_s = deadline_s
        self._place = 0
        self._client: Any = None
        self._threads = _threads()
        self._closed = False
        # One call at a time: the client of an endpoint is opened and dropped by whoever calls.
        self._calling = asyncio.Lock()

    @property
    def endpoint(self) -> str:
        """Return the endpoint that the next call goes to."""
        return self._access.endpoints[self._place]

    def turn(self) -> None:
        """Go to the next endpoint from now on."""
        self._place = (self._place + 1) % len(self._access.endpoints)

    async def call(self, make: Callable[[Any], T]) -> T:
        """Make a call with an etcd3 client, at each endpoint once if need be.

        Raises:
            LeaseGone: the call needs a lease that is gone.
            Unavailable: no endpoint answered; it may have been carried out.
        """
        loop = asyncio.get_running_loop()
        async with self._calling:
            failure = ""
            for _ in self._access.endpoints:
                if self._closed:
                    # It waited for its turn, or for another endpoint, while this was closed.
                    raise Unavailable("this process has left")
                try:
                    async with asyncio.timeout(self._deadline_s * _PATIENCE):
                        return await loop.run_in_executor(self._threads, self._called, make)
                except asyncio.CancelledError:
                    self._abandon()
                    raise
                except TimeoutError:
                    failure = f"{self.endpoint}: a call outlived its own deadline"
                    self._abandon()
                    self.turn()
                except (*_FAILURES, OSError) as error:
                    if code_of(error) is grpc.StatusCode.NOT_FOUND:
                        raise LeaseGone from error
                    failure = f"{self.endpoint}: {said(error)}"
                    await loop.run_in_executor(self._threads, self._hang_up)
                    self.turn()
            raise Unavailable(f"etcd does not answer ({failure})")

    def _abandon(self) -> None:
        """Leave a call to itself that gRPC does not end: its thread and its client are used no more."""
        self._threads.shutdown(wait=False)
        self._threads, self._client = _threads(), None

    def _called(self, make: Callable[[Any], T]) -> T:
        if self._client is None:
            self._client = self._open()
        return make(self._client)

    def _open(self) -> Any:  # noqa: ANN401 - etcd3 has no types
        url = urlsplit(self.endpoint)
        secure = {}
        if url.scheme == "https":
            secure = {
                "ca_cert": self._access.ca_file,
                "cert_cert": self._access.cert_file,
                "cert_key": self._access.key_file,
            }
        return etcd3.client(
            host=url.hostname,
            port=url.port,
            timeout=self._deadline_s,
            user=self._access.user,
            password=self._access.password(),
            grpc_options=_OPTIONS,
            **secure,
        )

    def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def channel(self) -> "Channel":
        """Open a channel of the event loop to the present endpoint.

        Raises:
            grpc.RpcError, OSError: the login was refused or not answered, or a file cannot be read.
        """
        url = urlsplit(self.endpoint)
        address = f"{url.hostname}:{url.port}"
        if url.scheme != "https":
            channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(
                _bytes_of(self._access.ca_file), _bytes_of(self._access.key_file), _bytes_of(self._access.cert_file)
            )
            channel = grpc.aio.secure_channel(address, credentials, options=_OPTIONS)
        password = self._access.password()
        if self._access.user is None or password is None:
            return Channel(channel, None)
        try:
            request = etcdrpc.AuthenticateRequest(name=self._access.user, password=password)
            login = await etcdrpc.AuthStub(channel).Authenticate(request, timeout=self._deadline_s)
        except BaseException:
            await channel.close(None)
            raise
        return Channel(channel, (("token", login.token),))

    async def close(self) -> None:
        """Hang up; no call goes through any more."""
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._threads, self._hang_up)
        self._threads.shutdown(wait=False)


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="etcd")


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel with the metadata that says who we are."""

    channel: grpc.aio.Channel
    metadata: tuple[tuple[str, str], ...] | None


def _bytes_of(path: str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()


def code_of(error: BaseException) -> grpc.StatusCode | None:
    """Return the status of a call that failed, None when it has none."""
    return error.code() if isinstance(error, _CALLS) else None


def said(error: BaseException) -> str:
    """Return an error of etcd3 or grpc in one line."""
    if isinstance(error, _CALLS):
        return f"{error.code().name} {error.details()}"
    return str(error) or type(error).__name__
