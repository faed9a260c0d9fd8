"""What every process builds for an app: its replica's listeners, and the ways to ask about it."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import grpc
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from antiphon_names import errors as codes
from antiphon_names.hashing import APP_ID_PATTERN
from antiphon_proto import methods
from antiphon_sidecar.runtime.calls import Calls
from antiphon_sidecar.runtime.committer import Committer
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.servers import listeners
from antiphon_sidecar.servers.calls import CallService
from antiphon_sidecar.servers.client import ClientService, Directory
from antiphon_sidecar.servers.control import ControlService
from antiphon_sidecar.servers.handlers import Admission, GenericHandler, TokenCheck, generic_handler
from antiphon_sidecar.servers.http import app_health, process_health
from antiphon_sidecar.servers.metrics import CommitMetrics, PoolMetrics, ReplicaMetrics
from antiphon_sidecar.servers.worker import WorkerService
from antiphon_sidecar.settings import Settings
from antiphon_sidecar.stores.base import Store
from antiphon_sidecar.stores.pools import Pooled

logger = logging.getLogger(__name__)

#: How long calls may go on while a server stops.
STOP_S = 0.5
#: The exit code of a process that found itself broken (EX_SOFTWARE of sysexits.h).
_CRASHED = 70


class AppIdInvalid(Exception):
    """An app ID has a form that apps cannot have."""

    def __init__(self, app: str) -> None:
        super().__init__(
            f'{codes.APP_ID_INVALID}: "{app}" cannot be an app ID: 1 to 63 letters, digits, ".", "_" or "-". '
            "Choose another."
        )


def check_app_id(app: str) -> None:
    """Refuse what cannot be an app ID.

    Raises:
        AppIdInvalid: it has such a form.
    """
    if not APP_ID_PATTERN.fullmatch(app):
        raise AppIdInvalid(app)


@dataclass(frozen=True, slots=True)
class Listener:
    """Where an app finds its sidecar; both ports on loopback."""

    app: str
    grpc_port: int
    http_port: int


@dataclass(slots=True)
class Listening:
    """The listeners of an app in this process."""

    grpc_server: grpc.aio.Server
    http_server: web.AppRunner

    async def close(self) -> None:
        """Stop; streams that were not ended before are cut."""
        await self.grpc_server.stop(STOP_S)
        await self.http_server.cleanup()


@dataclass(slots=True)
class App:
    """An app that is served; its listeners are in this process, or where `listening` is None in another one."""

    replica: Replica
    calls: Calls
    workers: WorkerService
    listener: Listener
    listening: Listening | None = None
    _draining: asyncio.Event = field(default_factory=asyncio.Event)

    def drain(self) -> None:
        """End the streams of workers and clients with OK."""
        self._draining.set()
        self.workers.drain()

    async def close(self) -> None:
        """Stop the listeners, then the replica; call `replica.drain` first."""
        if self.listening is not None:
            await self.listening.close()
        await self.replica.stop()

    def handlers(self, directory: Directory, settings: Settings, admission: Admission) -> list[GenericHandler]:
        """Return what its listener serves; `admission` looks at each call first."""
        app = self.replica.identity.app
        limits = settings.limits
        client = ClientService(
            app=app, directory=directory, payload_bytes_max=limits.payload_bytes_max
        ).implementations()
        calls = CallService(client, draining=self._draining, message_bytes_max=limits.message_bytes_max)
        return [
            generic_handler(
                service=methods.TASK_HUB_SERVICE,
                methods=methods.TASK_HUB,
                implementations={**client, **self.workers.task_hub()},
                token=admission,
            ),
            generic_handler(
                service=methods.CLIENT_SERVICE,
                methods=methods.CLIENT,
                implementations=calls.implementations(),
                token=admission,
            ),
            generic_handler(
                service=methods.WORKER_SERVICE,
                methods=methods.WORKER,
                implementations=self.workers.own(),
                token=admission,
            ),
        ]


def chosen(app: str, *, grpc_port: int | None, http_port: int | None) -> Listener:
    """Choose where an app finds its sidecar; a port that is None or 0 is any free one.

    Raises:
        PortInUse: another process listens there; names the process when it can be found.
    """
    listener = Listener(app, grpc_port or listeners.free_port(), http_port or listeners.free_port())
    listeners.check_port(listener.grpc_port, f'the gRPC listener of app "{app}"')
    listeners.check_port(listener.http_port, f'the HTTP listener of app "{app}"')
    return listener


async def listen(listener: Listener, handlers: Sequence[GenericHandler], settings: Settings) -> Listening:
    """Open the listeners of an app."""
    server = await listeners.serve_grpc(
        [f"{listeners.LOOPBACK}:{listener.grpc_port}"],
        handlers,
        message_bytes_max=settings.limits.message_bytes_max,
    )
    http_server = await listeners.serve_http(app_health(), listener.http_port)
    logger.info("an app is served", extra={"app": listener.app, "grpc_port": listener.grpc_port})
    return Listening(server, http_server)


async def start_app(replica: Replica, settings: Settings, listener: Listener) -> App:
    """Start a replica without listeners."""
    app = App(replica, Calls(replica), WorkerService(replica, limits=settings.limits), listener)
    await replica.start()
    return app


async def open_app(
    replica: Replica, settings: Settings, *, directory: Directory, grpc_port: int | None, http_port: int | None
) -> App:
    """Start a replica with its listeners; a port that is None or 0 is any free one.

    Raises:
        PortInUse: another process listens there; names the process when it can be found.
    """
    listener = chosen(replica.identity.app, grpc_port=grpc_port, http_port=http_port)
    app = await start_app(replica, settings, listener)
    app.listening = await listen(listener, app.handlers(directory, settings, TokenCheck(settings.api_token)), settings)
    return app


def control_handlers(control: ControlService, directory: Directory, settings: Settings) -> list[GenericHandler]:
    """Return the handlers of clients of any app and of the control API."""
    token = TokenCheck(None)
    client = ClientService(app=None, directory=directory, payload_bytes_max=settings.limits.payload_bytes_max)
    return [
        generic_handler(
            service=methods.TASK_HUB_SERVICE,
            methods=methods.TASK_HUB,
            implementations=client.implementations(),
            token=token,
        ),
        generic_handler(
            service=methods.CONTROL_SERVICE,
            methods=methods.CONTROL,
            implementations=control.implementations(),
            token=token,
        ),
    ]


def common_metrics(
    replicas: Callable[[], Iterable[Replica]], committer: Committer, store: Store
) -> tuple[Collector, ...]:
    """Return what every process reports."""
    pools = (PoolMetrics(store),) if isinstance(store, Pooled) else ()
    return (ReplicaMetrics(replicas), CommitMetrics(committer.figures), *pools)


async def serve_metrics(
    stack: AsyncExitStack,
    collectors: Iterable[Collector],
    port: int,
    *,
    ready: Callable[[], bool],
    host: str | None = listeners.LOOPBACK,
) -> int:
    """Serve metrics and probes until the stack is closed; return the port, which 0 leaves free."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    port = port or listeners.free_port()
    listeners.check_port(port, "the metrics listener")
    runner = await listeners.serve_http(process_health(registry=registry, ready=ready), port, host=host)
    stack.push_async_callback(runner.cleanup)
    return port


def crash(task: str, error: BaseException) -> None:
    """End the process: a host that lacks a part would only look alive. What was acknowledged is in the store."""
    logger.critical("this process ends, because a part of it died", extra={"task": task, "error": repr(error)})
    logging.shutdown()
    os._exit(_CRASHED)
