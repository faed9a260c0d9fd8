"""A process that joins the host of a store on its machine, and takes its place when it ends, however it ends.

Its apps have listeners of their own from the first moment, whose calls go on to the host's socket. The kernel gives
the lock that a host leaves to one of those who ask for it; that one opens store and runtime in place, and the others
join it. Listeners and worker streams of the processes that live on stay as they are all the while.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
import grpc.aio

from antiphon_names import errors as codes
from antiphon_names.hosts import without_password
from antiphon_proto import methods
from antiphon_proto.v1 import machine_pb2 as mc
from antiphon_sidecar.bootstrap.app import Listener, Listening, check_app_id, chosen, crash, listen
from antiphon_sidecar.bootstrap.host import Host, HostRunning, lock_path, open_host
from antiphon_sidecar.coordination.lock import FileLock, Held
from antiphon_sidecar.runtime.clock import SystemClock
from antiphon_sidecar.runtime.tasks import Tasks
from antiphon_sidecar.servers.forwarding import Forwarder
from antiphon_sidecar.servers.handlers import TokenCheck
from antiphon_sidecar.servers.holder import Holder, Line
from antiphon_sidecar.servers.listeners import PortInUse
from antiphon_sidecar.settings import Settings
from antiphon_sidecar.stores.errors import StoreError

logger = logging.getLogger(__name__)

#: Between two looks at the lock while nobody can be joined; twice as long after each failure to open the store.
_LOOK_S, _LOOK_MAX_S = 0.05, 5.0
#: How long the host may take to answer an app that joins, in seconds.
_JOIN_S = 30.0
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    # Of its own: a connection to the host before this one leaves no pause before the next attempt.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(slots=True)
class _Seat:
    """An app of this process; `joined` while a host serves it."""

    listener: Listener
    forwarder: Forwarder
    joined: asyncio.Event = field(default_factory=asyncio.Event)
    listening: Listening | None = None


class NamespaceHeld(Exception):
    """The store's holder serves another namespace than the process that would join it."""

    def __init__(self, settings: Settings, pid: int, namespace: str) -> None:
        super().__init__(
            f"{codes.NAMESPACE_MISMATCH}: process {pid} on this machine holds the store "
            f'{without_password(settings.store)} for namespace "{namespace}", not "{settings.namespace}". Give '
            f"--namespace {namespace}, or choose another store."
        )


class Member:
    """A process that has joined; made by `open_member`."""

    def __init__(self, settings: Settings, running: HostRunning) -> None:
        self.settings = settings
        self._running = running
        self._socket = running.socket_path
        self._lock = lock_path(running.socket_path)
        self._clock = SystemClock()
        self._holder = Holder()
        self._seats: dict[str, _Seat] = {}
        self._adding = asyncio.Lock()
        #: Apps that the host has not been told of; None while there is none to tell.
        self._news: asyncio.Queue[_Seat] | None = None
        self._host: Host | None = None
        #: That this process is part of it for the first time, or why it cannot be.
        self._begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closing = asyncio.Event()
        self._ended = asyncio.Event()
        self._tasks = Tasks(crash)

    async def start(self) -> None:
        """Join, or take over at once.

        Raises:
            HostRunning: the host cannot be joined: it does not answer, or is of a release that knows no joining.
            NamespaceHeld: it serves another namespace.
        """
        self._tasks.spawn(self._run(), "member")
        try:
            async with asyncio.timeout(_JOIN_S):
                await self._begun
        except TimeoutError:
            raise self._running from None

    async def add_app(self, app: str, *, grpc_port: int | None = None, http_port: int | None = None) -> Listener:
        """Open the listeners of an app, once it has joined; None picks any free port.

        Raises:
            PortInUse: another process listens there; names the process when it can be found.
            AppIdInvalid: the ID has a form that apps cannot have.
            HostRunning: the host does not answer.
        """
        check_app_id(app)
        async with self._adding:
            if app in self._seats:
                return self._seats[app].listener
            listener = chosen(app, grpc_port=grpc_port, http_port=http_port)
            seat = _Seat(listener, Forwarder(app, self._holder, TokenCheck(self.settings.api_token)))
            self._seats[app] = seat
            if self._host is not None:
                await self._serve_here(self._host, seat)
            elif self._news is not None:
                self._news.put_nowait(seat)
        try:
            async with asyncio.timeout(_JOIN_S):
                await seat.joined.wait()
        except TimeoutError:
            del self._seats[app]
            raise self._running from None
        seat.listening = await listen(listener, [seat.forwarder], self.settings)
        return listener

    async def close(self) -> None:
        """End worker streams with OK and stop; a process that holds the store hands it over."""
        for seat in self._seats.values():
            seat.forwarder.drain()
        if self._host is None:
            await self._stop_listening()
        self._closing.set()
        await self._ended.wait()
        await self._tasks.close()

    async def _stop_listening(self) -> None:
        for seat in self._seats.values():
            if seat.listening is not None:
                listening, seat.listening = seat.listening, None
                await listening.close()

    async def _run(self) -> None:
        """Hold the store or forward to who does, turn by turn, until this process ends."""
        look_s = _LOOK_S
        while not self._closing.is_set():
            match await self._held():
                case None:
                    look_s = min(2 * look_s, _LOOK_MAX_S)
                case False:
                    look_s = _LOOK_S
                    await self._forward()
            await self._pause(look_s * (0.5 + self._clock.jitter()))
        await self._stop_listening()
        self._ended.set()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    # holding

    async def _held(self) -> bool | None:
        """Hold the store until this process ends; False when another one does, None when it cannot be opened."""
        try:
            with FileLock(self._lock):
                await self._hold()
        except Held:
            return False
        except PortInUse as error:
            # Metrics are not worth the apps.
            logger.warning("this process will hold the store without metrics", extra={"error": str(error)})
            self.settings = replace(self.settings, metrics_port=None)
            return None
        except (StoreError, HostRunning, OSError) as error:
            # Another process may do better, and so may this one later.
            logger.warning("the store could not be taken over; trying again", extra={"error": str(error)})
            return None
        return True

    async def _hold(self) -> None:
        async with open_host(self.settings, locked=self._lock) as host:
            async with self._adding:
                for seat in self._seats.values():
                    await self._serve_here(host, seat)
                self._host = host
            self._come(self._line())
            logger.info("this process holds the store now", extra={"pid": os.getpid()})
            await self._closing.wait()
            host.hand_over()
            await self._stop_listening()
            self._holder.went()

    async def _serve_here(self, host: Host, seat: _Seat) -> None:
        """Let an app's new calls go straight to the runtime of this process."""
        await host.join(seat.listener)
        seat.forwarder.direct = host.app_handlers(seat.listener.app, TokenCheck(self.settings.api_token))
        seat.joined.set()

    # forwarding

    def _line(self) -> Line:
        line = Line(grpc.aio.insecure_channel(f"unix:{self._socket}", _OPTIONS))
        self._tasks.spawn(line.close_when_over(), "line")
        return line

    def _come(self, line: Line) -> None:
        self._holder.came(line)
        if not self._begun.done():
            self._begun.set_result(None)

    async def _forward(self) -> None:
        """Join whoever holds the store, until it is gone."""
        line, method = self._line(), methods.MACHINE["Join"]
        with line.used() as channel:
            begin: Any = channel.stream_stream(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.response.FromString,
            )
            call = begin()
            news: asyncio.Queue[_Seat] = asyncio.Queue()
            self._news = news
            for seat in self._seats.values():
                seat.joined.clear()
                news.put_nowait(seat)
            tell = asyncio.create_task(_tell(call, news), name="join-writer")
            leave = asyncio.create_task(self._leave(call), name="join-leaver")
            try:
                async for reply in call:
                    if reply.namespace not in ("", self.settings.namespace):
                        self._refuse(NamespaceHeld(self.settings, self._running.pid, reply.namespace))
                        return
                    self._serves(reply.app_id, line)
            except grpc.aio.AioRpcError as error:
                self._note(error)
            except asyncio.CancelledError:
                if not self._closing.is_set():
                    raise
            finally:
                self._news = None
                tell.cancel()
                leave.cancel()
                call.cancel()
                if self._holder.now() is line:
                    self._holder.went()
                    if not self._closing.is_set():
                        logger.info("the process that held the store is gone; calls wait for the next")
                line.end()

    def _serves(self, app: str, line: Line) -> None:
        """Note that the host serves an app; once it does so for all of them, calls go to it."""
        if app in self._seats:
            self._seats[app].joined.set()
        if self._holder.now() is not line and all(seat.joined.is_set() for seat in self._seats.values()):
            self._come(line)

    async def _leave(self, call: Any) -> None:  # noqa: ANN401  (grpc's call)
        await self._closing.wait()
        call.cancel()

    def _refuse(self, why: Exception) -> None:
        """Say that there is nobody to join, to a caller that still waits for it."""
        if not self._begun.done():
            self._begun.set_exception(why)

    def _note(self, error: grpc.aio.AioRpcError) -> None:
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            self._refuse(self._running)
        logger.debug("the host cannot be joined, or is gone", extra={"error": error.details()})


async def _tell(call: Any, news: "asyncio.Queue[_Seat]") -> None:  # noqa: ANN401  (grpc's call)
    """Tell the host of apps; what fails here, the call's reader hears of too."""
    with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        while True:
            listener = (await news.get()).listener
            await call.write(
                mc.JoinRequest(app_id=listener.app, grpc_port=listener.grpc_port, http_port=listener.http_port)
            )


@asynccontextmanager
async def open_member(settings: Settings, running: HostRunning) -> AsyncIterator[Member]:
    """Join the host that was found running, and be ready to take its place, until the block ends.

    Raises:
        HostRunning, NamespaceHeld: it cannot be joined.
    """
    member = Member(settings, running)
    try:
        await member.start()
        yield member
    finally:
        await member.close()
