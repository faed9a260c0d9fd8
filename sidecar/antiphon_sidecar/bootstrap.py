"""The only module that knows every part: builds stores, coordination, runtimes and listeners from settings.

`open_host` is what `antiphon dev`, `antiphon run` and tests use: one process, one store, any number of apps, each
with its own listeners.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import grpc
from aiohttp import web
from prometheus_client import CollectorRegistry

from antiphon_names import errors as codes
from antiphon_names.hashing import APP_ID_PATTERN
from antiphon_names.hosts import database_path, socket_path, without_password
from antiphon_proto import methods
from antiphon_sidecar.coordination.base import View
from antiphon_sidecar.coordination.local import LocalCoordinator, LocalRegistry
from antiphon_sidecar.coordination.lock import FileLock, Held
from antiphon_sidecar.peers.memory import MemoryNetwork, MemoryPeers
from antiphon_sidecar.runtime.calls import Calls
from antiphon_sidecar.runtime.clock import StoreClock, SystemClock
from antiphon_sidecar.runtime.committer import Committer
from antiphon_sidecar.runtime.dispatch import UnknownApps
from antiphon_sidecar.runtime.known import KnownApps
from antiphon_sidecar.runtime.parts import Identity, Parts
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.tasks import Died, Tasks
from antiphon_sidecar.servers import listeners
from antiphon_sidecar.servers.client import ClientService, Directory
from antiphon_sidecar.servers.control import ControlService
from antiphon_sidecar.servers.handlers import GenericHandler, TokenCheck, generic_handler
from antiphon_sidecar.servers.http import app_health, process_health
from antiphon_sidecar.servers.listeners import PortInUse
from antiphon_sidecar.servers.metrics import ReplicaMetrics
from antiphon_sidecar.servers.worker import WorkerService
from antiphon_sidecar.settings import Settings
from antiphon_sidecar.stores.base import Store
from antiphon_sidecar.stores.errors import StoreError, StoreNotWritable, StoreUrlInvalid

if TYPE_CHECKING:
    from antiphon_sidecar.coordination.advisory import StoreLock

logger = logging.getLogger(__name__)

_DRAIN_S = 5.0
_POSTGRES = ("postgresql://", "postgres://")
_MEMORY = "memory:"
#: The exit code of a process that found itself broken (EX_SOFTWARE of sysexits.h).
_CRASHED = 70


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


class AppIdInvalid(Exception):
    """An app ID has a form that apps cannot have."""

    def __init__(self, app: str) -> None:
        super().__init__(
            f'{codes.APP_ID_INVALID}: "{app}" cannot be an app ID: 1 to 63 letters, digits, ".", "_" or "-". '
            "Choose another."
        )


@dataclass(frozen=True, slots=True)
class Listener:
    """Where an app finds its sidecar; both ports on loopback."""

    app: str
    grpc_port: int
    http_port: int


@dataclass(slots=True)
class _App:
    replica: Replica
    calls: Calls
    workers: WorkerService
    listener: Listener
    grpc_server: grpc.aio.Server
    http_server: web.AppRunner


class Host:
    """A running host process; made by `open_host`."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        socket: str | None,
        store_clock: StoreClock | None = None,
        died: Died | None = None,
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
        self._died = died or _crash
        self._registry = LocalRegistry(self._clock.monotonic)
        self._network = MemoryNetwork()
        self._known = KnownApps(store)
        self._committer = Committer(store)
        self._tasks = Tasks(self._died)
        self._apps: dict[str, _App] = {}
        self._adding = asyncio.Lock()
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
        if not APP_ID_PATTERN.fullmatch(app):
            raise AppIdInvalid(app)
        async with self._adding:
            if app not in self._apps:
                self._apps[app] = await self._open_app(app, grpc_port, http_port)
            return self._apps[app].listener

    async def _open_app(self, app: str, grpc_port: int | None, http_port: int | None) -> _App:
        listener = Listener(app, grpc_port or listeners.free_port(), http_port or listeners.free_port())
        listeners.check_port(listener.grpc_port, f'the gRPC listener of app "{app}"')
        listeners.check_port(listener.http_port, f'the HTTP listener of app "{app}"')
        replica = self._build_replica(app)
        calls = Calls(replica)
        workers = WorkerService(replica, limits=self.settings.limits)
        await replica.start()
        server = await listeners.serve_grpc(
            [f"{listeners.LOOPBACK}:{listener.grpc_port}"],
            self._app_handlers(app, workers),
            message_bytes_max=self.settings.limits.message_bytes_max,
        )
        http_server = await listeners.serve_http(app_health(), listener.http_port)
        logger.info("an app is served", extra={"app": app, "grpc_port": listener.grpc_port})
        return _App(replica, calls, workers, listener, server, http_server)

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
                unknown_apps=UnknownApps(settings.unknown_app == "fail", settings.unknown_app_grace_s),
                died=self._died,
            ),
        )

    def _app_handlers(self, app: str, workers: WorkerService) -> list[GenericHandler]:
        token = TokenCheck(self.settings.api_token)
        client = self._client(app)
        return [
            generic_handler(
                service=methods.TASK_HUB_SERVICE,
                methods=methods.TASK_HUB,
                implementations={**client.implementations(), **workers.task_hub()},
                token=token,
            ),
            generic_handler(
                service=methods.WORKER_SERVICE, methods=methods.WORKER, implementations=workers.own(), token=token
            ),
        ]

    def control_handlers(self) -> list[GenericHandler]:
        """Return what is served on the host's socket: clients of any app, and the control API."""
        token = TokenCheck(None)
        control = ControlService(self, register=self._register)
        return [
            generic_handler(
                service=methods.TASK_HUB_SERVICE,
                methods=methods.TASK_HUB,
                implementations=self._client(None).implementations(),
                token=token,
            ),
            generic_handler(
                service=methods.CONTROL_SERVICE,
                methods=methods.CONTROL,
                implementations=control.implementations(),
                token=token,
            ),
        ]

    def _client(self, app: str | None) -> ClientService:
        return ClientService(
            app=app, directory=self._directory, payload_bytes_max=self.settings.limits.payload_bytes_max
        )

    async def _register(self, app: str, grpc_port: int | None, http_port: int | None) -> tuple[int, int]:
        listener = await self.add_app(app, grpc_port=grpc_port, http_port=http_port)
        return listener.grpc_port, listener.http_port

    def _calls_of(self, app: str) -> Calls | None:
        entry = self._apps.get(app)
        return entry.calls if entry is not None else None

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

    def grpc_address(self, app: str) -> str:
        """Return where the app finds its sidecar, empty when not in this process."""
        entry = self._apps.get(app)
        return "" if entry is None else f"{listeners.LOOPBACK}:{entry.listener.grpc_port}"

    async def close(self) -> None:
        """Drain: end worker streams with OK, give up partitions, finish commits, then stop."""
        self.draining = True
        for entry in self._apps.values():
            entry.workers.drain()
        for entry in self._apps.values():
            await entry.replica.drain()
        for entry in self._apps.values():
            await entry.grpc_server.stop(_DRAIN_S / 10)
            await entry.http_server.cleanup()
            await entry.replica.stop()
        await self._tasks.close()


@asynccontextmanager
async def open_host(settings: Settings) -> AsyncIterator[Host]:
    """Open the store, take this machine's lock for it, and serve until the block ends; then drain.

    Raises:
        HostRunning: another process holds this store; carries its socket path, so that a caller can join it.
        StoreError: the store cannot be used.
    """
    source = _url_source(settings)
    settings = replace(settings, store=source())
    async with AsyncExitStack() as stack:
        store = open_store(settings, source)
        socket = None if settings.store == _MEMORY else socket_path(settings.store)
        if socket is not None:
            _take_lock(stack, settings, socket)
        await store.open()
        stack.push_async_callback(store.close)
        lock = await _take_store_lock(stack, settings, source, socket)
        host = Host(settings, store, socket=socket)
        await host.start()
        stack.push_async_callback(host.close)
        if lock is not None:
            host.keep(lock)
        if socket is not None:
            await _serve_socket(stack, host, socket)
        if settings.metrics_port is not None:
            await _serve_metrics(stack, host, settings.metrics_port)
        yield host


def _crash(task: str, error: BaseException) -> None:
    """End the process: a host that lacks a part would only look alive. What was acknowledged is in the store."""
    logger.critical("this process ends, because a part of it died", extra={"task": task, "error": repr(error)})
    logging.shutdown()
    os._exit(_CRASHED)


def _take_lock(stack: AsyncExitStack, settings: Settings, socket: str) -> None:
    path = socket.removesuffix(".sock") + ".lock"
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
            [f"unix:{socket}"], host.control_handlers(), message_bytes_max=host.settings.limits.message_bytes_max
        )
    finally:
        os.umask(mask)

    async def stop() -> None:
        await server.stop(_DRAIN_S / 10)
        _remove(socket)

    stack.push_async_callback(stop)


def _remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)


async def _serve_metrics(stack: AsyncExitStack, host: Host, port: int) -> None:
    registry = CollectorRegistry()
    registry.register(ReplicaMetrics(host.replicas))
    host.metrics_port = port or listeners.free_port()
    listeners.check_port(host.metrics_port, "the metrics listener")
    runner = await listeners.serve_http(
        process_health(registry=registry, ready=lambda: not host.draining), host.metrics_port
    )
    stack.push_async_callback(runner.cleanup)


def _url_source(settings: Settings) -> Callable[[], str]:
    """Return what gives the store's URL: of a file, it is read anew each time, since passwords change."""
    if settings.store_file is None:
        return lambda: settings.store
    path = Path(settings.store_file).expanduser()

    def read() -> str:
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise StoreUrlInvalid(
                f"the file {path} that should hold the store's URL cannot be read ({error.strerror}). "
                "Fix the path or its rights."
            ) from error

    return read


async def _take_store_lock(
    stack: AsyncExitStack, settings: Settings, source: Callable[[], str], socket: str | None
) -> "StoreLock | None":
    """Take the server-wide lock of a PostgreSQL store; other stores are on this machine alone."""
    if not settings.store.startswith(_POSTGRES):
        return None
    from antiphon_sidecar.coordination.advisory import StoreLock, holder_name
    from antiphon_sidecar.stores.postgres_connections import Address

    async def connect() -> asyncpg.Connection:
        url, timeout_s = Address(source).options()
        return await asyncpg.connect(url, timeout=timeout_s, server_settings={"application_name": holder_name()})

    lock = StoreLock(connect, schema=settings.store_schema, namespace=settings.namespace)
    try:
        await lock.take()
    except Held as held:
        raise HostRunning(without_password(settings.store), socket or "", held.pid, holder=held.path) from held
    stack.push_async_callback(lock.release)
    return lock


def open_store(settings: Settings, source: Callable[[], str] | None = None) -> Store:
    """Build the store that the URL names; it is not connected yet. `source` gives the URL anew per connection.

    Raises:
        StoreUrlInvalid: no such kind of store.
    """
    url = settings.store
    if url.startswith("sqlite:///"):
        from antiphon_sidecar.stores.sqlite import SqliteStore

        return SqliteStore(Path(database_path(url)), namespace=settings.namespace)
    if url.startswith(_POSTGRES):
        from antiphon_sidecar.stores.postgres import PostgresStore

        return PostgresStore(
            source or url,
            namespace=settings.namespace,
            schema=settings.store_schema,
            pool_size=settings.store_pool_size,
        )
    if url == _MEMORY:
        from antiphon_sidecar.stores.memory import MemoryStore

        return MemoryStore(settings.namespace, clock=SystemClock().wall_ns)
    raise StoreUrlInvalid(
        f'"{without_password(url)}" names no kind of store. Use sqlite:///FILE or postgresql://USER@HOST/DATABASE.'
    )


__all__ = ["AppIdInvalid", "Host", "HostRunning", "Listener", "PortInUse", "StoreError", "open_host"]
