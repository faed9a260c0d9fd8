"""A host: one process with one store and any number of apps, each with its own listeners, on one machine."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from antiphon_names import errors as codes
from antiphon_names.hosts import identity_path, socket_path, without_password
from antiphon_proto import methods
from antiphon_proto.v1 import machine_pb2 as mc
from antiphon_sidecar.bootstrap.app import (
    STOP_S,
    App,
    Listener,
    check_app_id,
    chosen,
    common_metrics,
    control_handlers,
    crash,
    listen,
    serve_metrics,
    start_app,
)
from antiphon_sidecar.bootstrap.stores import MEMORY, POSTGRES, open_store, url_source
from antiphon_sidecar.bootstrap.tracing import span_writer
from antiphon_sidecar.coordination.base import View
from antiphon_sidecar.coordination.local import LocalCoordinator, LocalRegistry
from antiphon_sidecar.coordination.lock import FileLock, Held
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.peers.memory import MemoryNetwork, MemoryPeers
from antiphon_sidecar.runtime.calls import Calls
from antiphon_sidecar.runtime.clock import StoreClock, SystemClock
from antiphon_sidecar.runtime.committer import Committer
from antiphon_sidecar.runtime.dispatch import UnknownApps
from antiphon_sidecar.runtime.known import KnownApps
from antiphon_sidecar.runtime.parts import Identity, Parts
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.spans import Spans
from antiphon_sidecar.runtime.tasks import Died, Tasks
from antiphon_sidecar.runtime.why import Scene
from antiphon_sidecar.servers import listeners
from antiphon_sidecar.servers.client import Directory
from antiphon_sidecar.servers.control import ControlService
from antiphon_sidecar.servers.handlers import Admission, GenericHandler, TokenCheck, generic_handler
from antiphon_sidecar.servers.hostview import Etcd
from antiphon_sidecar.servers.joining import Forwarded, JoinService, answered
from antiphon_sidecar.servers.others import OtherReplicas
from antiphon_sidecar.settings import Settings
from antiphon_sidecar.stores.base import Store
from antiphon_sidecar.stores.errors import StoreError, StoreNotWritable

if TYPE_CHECKING:
    from antiphon_sidecar.coordination.advisory import StoreLock

logger = logging.getLogger(__name__)

#: How long the server may take to notice that the process that had the store's lock is dead.
_RELEASED_S = 1.0


class HostRunning(Exception):
    """Another process on this machine holds the store; `socket_path` is where to join it."""

    def __init__(self, store: str, socket_path: str, pid: int, *, holder: str = "") -> None:
        where = f"process {pid} on this machine already holds"
        join = f"Join it (its socket is {socket_path}), end it"
        if holder:
            where, join = f"{holder} already holds", "End it"
        super().__init__(f"{codes.HOST_RUNNING}: {where} the store {store}. {join}, or choose another store.")
        self.socket_path = socket_path
        self.pid = pid
        #: It is on another machine, or another user's, where nobody here can join it.
        self.elsewhere = bool(holder)


class Host:
    """A running host process; made by `open_host`."""

    replica_id = ""
    others: OtherReplicas | None = None

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        socket: str | None,
        store_clock: StoreClock | None = None,
        died: Died | None = None,
        spans: Spans | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.store_text = without_password(settings.store)
        self.namespace = settings.namespace
        self.socket_path = socket
        self.metrics_port: int | None = None
        self.draining = False
        self._clock = SystemClock()
        self._store_clock = store_clock or StoreClock(self._clock)
        self._died = died or crash
        self._spans = spans
        self._registry = LocalRegistry(self._clock.monotonic)
        self._network = MemoryNetwork()
        self._known = KnownApps(store)
        self._committer = Committer(store)
        self._tasks = Tasks(self._died)
        self._apps: dict[str, App] = {}
        self._adding = asyncio.Lock()
        #: By app, what is served to processes that forward its calls.
        self._forwarded: dict[str, list[GenericHandler]] = {}
        self._joining = JoinService(self._join, namespace=settings.namespace)
        self._directory = Directory(namespace=settings.namespace, find=self._calls_of, apps=lambda: list(self._apps))

    async def start(self) -> None:
        """Begin to commit; apps may be added then."""
        await self._store_clock.refresh(self.store)
        await self._known.refresh()
        self._tasks.spawn(self._committer.run(), "committer")

    async def add_app(self, app: str, *, grpc_port: int | None = None, http_port: int | None = None) -> Listener:
        """Start the runtime and the listeners of an app; None picks any free port.

        An app that is there already keeps its listeners, whatever ports are asked for.

        Raises:
            PortInUse: another process listens there; names the process when it can be found.
            AppIdInvalid: the ID has a form that apps cannot have.
        """
        check_app_id(app)
        async with self._adding:
            entry = self._apps.get(app)
            if entry is not None and entry.listening is not None:
                return entry.listener
            listener = chosen(app, grpc_port=grpc_port, http_port=http_port)
            entry = await self._started(listener)
            handlers = entry.handlers(self._directory, self.settings, TokenCheck(self.settings.api_token))
            entry.listener, entry.listening = listener, await listen(listener, handlers, self.settings)
            return listener

    async def join(self, listener: Listener) -> None:
        """Start the runtime of an app whose listeners are in another process, or elsewhere in this one.

        Raises:
            AppIdInvalid: the ID has a form that apps cannot have.
        """
        check_app_id(listener.app)
        async with self._adding:
            entry = await self._started(listener)
            if entry.listening is None:
                entry.listener = listener

    async def _started(self, listener: Listener) -> App:
        """Return an app, whose replica is started if it is new here."""
        app = listener.app
        if app not in self._apps:
            self._apps[app] = await start_app(self._build_replica(app), self.settings, listener)
            self._forwarded[app] = self.app_handlers(app, answered)
        return self._apps[app]

    def app_handlers(self, app: str, admission: Admission) -> list[GenericHandler]:
        """Return what the listener of an app serves that was added or has joined, wherever it is."""
        return self._apps[app].handlers(self._directory, self.settings, admission)

    def _build_replica(self, app: str) -> Replica:
        replica_id = f"{app}-{self._clock.new_id().hex()[:12]}"
        settings = self.settings
        return Replica(
            Identity(app=app, replica=replica_id, namespace=self.namespace, nonce=self._clock.new_id().hex()),
            Parts(
                store=self.store,
                committer=self._committer,
                coordinator=LocalCoordinator(self._registry, replica_id),
                peers=MemoryPeers(self._network, replica_id),
                clock=self._clock,
                store_clock=self._store_clock,
                known_apps=self._known,
                limits=settings.limits,
                concurrency=settings.concurrency_of(app),
                unknown_apps=UnknownApps(settings.unknown_app == "fail", settings.unknown_app_grace_s),
                retention={Status[name.upper()]: seconds for name, seconds in settings.retention},
                spans=self._spans,
                died=self._died,
            ),
        )

    def socket_handlers(self) -> list[GenericHandler]:
        """Return what is served on the host's socket: what others forward, clients of any app, the control API."""
        forwarded = Forwarded(self._forwarded)
        joining = generic_handler(
            service=methods.MACHINE_SERVICE,
            methods=methods.MACHINE,
            implementations=self._joining.implementations(),
            token=TokenCheck(None),
        )
        control = ControlService(self, register=self._register)
        directory = Directory(namespace=self.namespace, find=self._calls_of_any, apps=self._all_apps)
        return [forwarded, joining, *control_handlers(control, directory, self.settings)]

    async def _register(self, app: str, grpc_port: int | None, http_port: int | None) -> tuple[int, int]:
        listener = await self.add_app(app, grpc_port=grpc_port, http_port=http_port)
        return listener.grpc_port, listener.http_port

    async def _join(self, request: mc.JoinRequest) -> None:
        await self.join(Listener(request.app_id, request.grpc_port, request.http_port))

    def _calls_of(self, app: str) -> Calls | None:
        entry = self._apps.get(app)
        return entry.calls if entry is not None else None

    def _calls_of_any(self, app: str) -> Calls | None:
        """Return the calls of an app that runs here or once ran: what they ask of one that is away are rows."""
        if (calls := self._calls_of(app)) is not None:
            return calls
        entry = next(iter(self._apps.values()), None)
        return Calls(entry.replica, app=app) if entry is not None and self._known.knows(app) else None

    def _all_apps(self) -> list[str]:
        return sorted({*self._apps, *self._known.names()})

    def keep(self, lock: "StoreLock") -> None:
        """Own instances only while the store's lock is held."""
        every_s = self.settings.limits.lease_s / 3
        self._tasks.spawn(lock.keep(every_s=every_s, lost=self._pause, back=self._go_on), "store-lock")

    async def _pause(self) -> None:
        for entry in self._apps.values():
            await entry.replica.ownership.drain()

    def _go_on(self) -> None:
        for entry in self._apps.values():
            entry.replica.ownership.resume()

    def listeners(self) -> tuple[Listener, ...]:
        """Return the apps of this host in the order they were added."""
        return tuple(entry.listener for entry in self._apps.values())

    def metrics(self) -> Iterable[Collector]:
        """Return what is reported of this process."""
        return common_metrics(self.replicas, self._committer, self.store)

    def replicas(self) -> list[Replica]:
        """Return the runtimes of this host's apps."""
        return [entry.replica for entry in self._apps.values()]

    def view(self) -> View:
        """Return the newest view of all apps."""
        return self._registry.view

    def replica_of(self, app: str) -> Replica | None:
        """Return this process's replica of an app."""
        entry = self._apps.get(app)
        return entry.replica if entry is not None else None

    def scene(self) -> Scene:
        """Return what can be seen from here of what instances wait for."""
        return Scene(self.store, self.view(), self.replica_of, self._known, self._store_clock.now())

    def etcd(self) -> Etcd | None:
        """Return None: this process coordinates itself."""
        return None

    def grpc_address(self, app: str) -> str:
        """Return where the app finds its sidecar, empty when not in this process."""
        entry = self._apps.get(app)
        return "" if entry is None else f"{listeners.LOOPBACK}:{entry.listener.grpc_port}"

    def hand_over(self) -> None:
        """Begin to drain: end worker streams with OK, and let those who forward keep new calls for the next host."""
        self.draining = True
        self._joining.leave()
        for entry in self._apps.values():
            entry.drain()

    async def close(self) -> None:
        """Drain: end worker streams with OK, give up partitions, finish commits, then stop."""
        self.hand_over()
        for entry in self._apps.values():
            await entry.replica.drain()
        for entry in self._apps.values():
            await entry.close()
        await self._tasks.close()


@asynccontextmanager
async def open_host(settings: Settings, *, locked: str | None = None) -> AsyncIterator[Host]:
    """Open the store, take this machine's lock for it, and serve until the block ends; then drain.

    `locked`: the path of a lock that the caller holds already.

    Raises:
        HostRunning: another process holds this store; carries its socket path, so that a caller can join it.
        StoreError: the store cannot be used.
    """
    source = url_source(settings)
    settings = replace(settings, store=source())
    async with AsyncExitStack() as stack:
        store = open_store(settings, source)
        named = {"schema": settings.store_schema, "namespace": settings.namespace}
        link = socket = None if settings.store == MEMORY else socket_path(settings.store, **named)
        by_identity = settings.store.startswith(POSTGRES)
        if socket is not None and not by_identity:
            _take_lock(stack, settings, socket, locked)
        await store.open()
        stack.push_async_callback(store.close)
        if by_identity:
            socket = identity_path(store.identity, **named)
            _take_lock(stack, settings, socket, locked)
        lock = await _take_store_lock(stack, settings, source, socket)
        writer = span_writer(os.environ)
        if writer is not None:
            stack.push_async_callback(writer.close)
        host = Host(settings, store, socket=socket, spans=writer)
        await host.start()
        stack.push_async_callback(host.close)
        if lock is not None:
            host.keep(lock)
        if socket is not None and link is not None:
            await _serve_socket(stack, host, socket)
            if link != socket:
                _link(stack, link, socket)
        if settings.metrics_port is not None:
            host.metrics_port = await serve_metrics(
                stack, host.metrics(), settings.metrics_port, ready=lambda: not host.draining
            )
        # Before the socket closes: worker streams that come through it end with OK too.
        stack.callback(host.hand_over)
        yield host


def lock_path(socket: str) -> str:
    """Return the path of the lock that belongs to a host's socket."""
    return socket.removesuffix(".sock") + ".lock"


def _take_lock(stack: AsyncExitStack, settings: Settings, socket: str, locked: str | None) -> None:
    path = lock_path(socket)
    if path == locked:
        return
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        stack.enter_context(FileLock(path))
    except Held as held:
        raise HostRunning(without_password(settings.store), socket, held.pid) from held
    except OSError as error:
        raise StoreNotWritable(
            f"{path} cannot be created ({error.strerror}). Choose a folder that this user may write to."
        ) from error


async def _serve_socket(stack: AsyncExitStack, host: Host, socket: str) -> None:
    _remove(socket)
    mask = os.umask(0o177)
    try:
        server = await listeners.serve_grpc(
            [f"unix:{socket}"], host.socket_handlers(), message_bytes_max=host.settings.limits.message_bytes_max
        )
    finally:
        os.umask(mask)

    async def stop() -> None:
        await server.stop(STOP_S)
        _remove(socket)

    stack.push_async_callback(stop)


def _link(stack: AsyncExitStack, link: str, socket: str) -> None:
    """Let the settings lead to the socket, in one step: whoever looks meanwhile finds the old or the new one."""
    made = Path(f"{socket}.link")
    made.unlink(missing_ok=True)
    made.symlink_to(socket)
    made.replace(link)

    def remove() -> None:
        with contextlib.suppress(OSError):
            if os.readlink(link) == socket:
                _remove(link)

    stack.callback(remove)


def _remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)


async def _take_store_lock(
    stack: AsyncExitStack, settings: Settings, source: Callable[[], str], socket: str | None
) -> "StoreLock | None":
    """Take the server-wide lock of a PostgreSQL store; other stores are on this machine alone."""
    if not settings.store.startswith(POSTGRES):
        return None
    from antiphon_sidecar.coordination.advisory import StoreLock, holder_name
    from antiphon_sidecar.stores.postgres_address import Address
    from antiphon_sidecar.stores.postgres_sessions import Sessions

    sessions = Sessions(Address(source), lock_timeout_s=settings.limits.lease_s / 2, name=holder_name())
    lock = StoreLock(sessions.open, schema=settings.store_schema, namespace=settings.namespace, failures=(StoreError,))
    try:
        await lock.take(within_s=_RELEASED_S)
    except Held as held:
        raise HostRunning(without_password(settings.store), socket or "", held.pid, holder=held.path) from held
    stack.push_async_callback(lock.release)
    return lock
