"""A sidecar: one app, one process, beside others that it finds by etcd. What a pod runs."""

import asyncio
import contextlib
import ipaddress
import logging
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import grpc
from prometheus_client.registry import Collector

from antiphon_names import errors as codes
from antiphon_names.hosts import without_password
from antiphon_proto import methods
from antiphon_proto.etcd.cluster import Access
from antiphon_sidecar.bootstrap.app import (
    App,
    Listener,
    check_app_id,
    common_metrics,
    control_handlers,
    crash,
    open_app,
    serve_metrics,
)
from antiphon_sidecar.bootstrap.stores import POSTGRES, open_store, url_source
from antiphon_sidecar.bootstrap.tracing import span_writer
from antiphon_sidecar.coordination.base import View
from antiphon_sidecar.coordination.etcd import EtcdCoordinator
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.peers.grpc import Certificates, GrpcPeers, Self
from antiphon_sidecar.runtime.calls import Calls
from antiphon_sidecar.runtime.clock import StoreClock, SystemClock
from antiphon_sidecar.runtime.committer import Committer
from antiphon_sidecar.runtime.dispatch import UnknownApps
from antiphon_sidecar.runtime.known import KnownApps
from antiphon_sidecar.runtime.parts import Identity, Parts
from antiphon_sidecar.runtime.registry import Registry
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.spans import Spans
from antiphon_sidecar.runtime.tasks import Tasks
from antiphon_sidecar.runtime.why import Scene
from antiphon_sidecar.servers import listeners
from antiphon_sidecar.servers.client import Directory
from antiphon_sidecar.servers.control import ControlService
from antiphon_sidecar.servers.errors import Rejected
from antiphon_sidecar.servers.handlers import TokenCheck, generic_handler
from antiphon_sidecar.servers.hostview import Etcd
from antiphon_sidecar.servers.metrics import FleetMetrics
from antiphon_sidecar.servers.others import OtherReplicas
from antiphon_sidecar.servers.peer import PeerService
from antiphon_sidecar.settings import Settings
from antiphon_sidecar.stores.base import Store
from antiphon_sidecar.stores.errors import Unreachable

logger = logging.getLogger(__name__)

#: IPv6, and IPv4 through it.
_EVERYWHERE = "[::]"
_STORE_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of a sidecar's app: 0 is any free one."""

    grpc_port: int
    http_port: int


class SettingsClash(Exception):
    """Two settings, each fine by itself, do not go together."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{codes.SETTING_INVALID}: {message}")


class Sidecar:
    """A running sidecar; made by `open_sidecar`."""

    def __init__(self, app: str, settings: Settings, store: Store, spans: Spans | None) -> None:
        self._spans = spans
        self.app = app
        self.settings = settings
        self.store = store
        self.store_text = without_password(settings.store)
        self.namespace = settings.namespace
        self.metrics_port: int | None = None
        self.peer_port = settings.peer_port or listeners.free_port()
        self.draining = False
        self._clock = SystemClock()
        self._store_clock = StoreClock(self._clock)
        self._known = KnownApps(store)
        self._registry = Registry(store, self.view, operator=settings.registry == "operator")
        self._committer = Committer(store)
        self._tasks = Tasks(crash)
        self._served: App | None = None
        self.replica_id = replica_id = f"{app}-{self._clock.new_id().hex()[:12]}"
        self._coordinator = EtcdCoordinator(
            _access(settings),
            namespace=settings.namespace,
            replica=replica_id,
            lease_s=settings.limits.lease_s,
            monotonic=self._clock.monotonic,
            died=crash,
        )
        self._certificates = _certificates(settings)
        self.others: OtherReplicas | None = OtherReplicas(self._certificates)
        self._peers = GrpcPeers(
            Self(settings.namespace, app, replica_id), address=self._address_of, certificates=self._certificates
        )
        self._identity = Identity(
            app=app,
            replica=replica_id,
            namespace=settings.namespace,
            nonce=self._clock.new_id().hex(),
            address=published_address(settings.peer_address or listeners.LOOPBACK, self.peer_port),
        )
        self._directory = Directory(namespace=settings.namespace, find=self._calls_of, apps=self._apps)

    @property
    def listener(self) -> Listener:
        """Return where the app finds this sidecar."""
        assert self._served is not None, "not started"
        return self._served.listener

    async def start(self, ports: Ports) -> None:
        """Begin to serve the app."""
        await self._store_clock.refresh(self.store)
        await self._known.refresh()
        self._tasks.spawn(self._committer.run(), "committer")
        await self._coordinator.start()
        await self._registry.refresh()
        self._served = await open_app(
            self._replica(),
            self.settings,
            directory=self._directory,
            grpc_port=ports.grpc_port,
            http_port=ports.http_port,
        )

    def _replica(self) -> Replica:
        settings = self.settings
        return Replica(
            self._identity,
            Parts(
                store=self.store,
                committer=self._committer,
                coordinator=self._coordinator,
                peers=self._peers,
                clock=self._clock,
                store_clock=self._store_clock,
                known_apps=self._known,
                registry=self._registry,
                limits=settings.limits,
                concurrency=settings.concurrency_of(self.app),
                retention={Status[name.upper()]: seconds for name, seconds in settings.retention},
                unknown_apps=UnknownApps(settings.unknown_app == "fail", settings.unknown_app_grace_s),
                spans=self._spans,
                died=crash,
            ),
        )

    async def serve_peers(self) -> grpc.aio.Server:
        """Open the peer port, with the control API beside it."""
        listeners.check_port(self.peer_port, "the peer listener")
        token = TokenCheck(None)
        peers = generic_handler(
            service=methods.PEER_SERVICE,
            methods=methods.PEER,
            implementations=PeerService(self._peers).implementations(),
            token=token,
        )
        control = control_handlers(ControlService(self, register=_register), self._directory, self.settings)
        return await listeners.serve_grpc(
            [f"{_bound_to(self.settings.peer_address)}:{self.peer_port}"],
            [peers, *control],
            message_bytes_max=self.settings.limits.message_bytes_max,
            credentials=None if self._certificates is None else self._certificates.for_server(),
        )

    def _address_of(self, replica: str) -> str | None:
        found = self._coordinator.view().replicas.get(replica)
        return found.address or None if found is not None else None

    def _calls_of(self, app: str) -> Calls | None:
        """Return the calls of this app, or of another one of the same store: what they ask for are rows."""
        if self._served is None:
            raise Rejected(
                grpc.StatusCode.UNAVAILABLE,
                codes.SIDECAR_STARTING,
                f'the sidecar of app "{self.app}" is starting. Try again in a moment; if it lasts, its log says why.',
            )
        if app == self.app:
            return self._served.calls
        if self._served.replica.rules.is_elsewhere(app):
            raise Rejected(
                grpc.StatusCode.FAILED_PRECONDITION,
                codes.STATE_STORE_MISMATCH,
                f'the sidecars of app "{app}" keep their state in another store than this one of "{self.app}". Ask a '
                f"sidecar of {app}, or give both apps the same state store.",
            )
        return Calls(self._served.replica, app=app) if self._known_app(app) else None

    def _known_app(self, app: str) -> bool:
        return self._known.knows(app) or app in self._registry.apps() or bool(self.view().of_app(app))

    def _apps(self) -> list[str]:
        seen = (r.app for r in self.view().replicas.values())
        return sorted({self.app, *seen, *self._known.names(), *self._registry.apps()})

    def metrics(self) -> Iterable[Collector]:
        """Return what is reported of this process."""
        common = common_metrics(self.replicas, self._committer, self.store)
        return (*common, FleetMetrics(self._coordinator, self._peers))

    def replicas(self) -> list[Replica]:
        """Return this process's runtime."""
        return [] if self._served is None else [self._served.replica]

    def view(self) -> View:
        """Return the newest view of all apps."""
        return self._coordinator.view()

    def scene(self) -> Scene:
        """Return what can be seen from here of what instances wait for."""
        etcd = self.etcd()
        return Scene(
            self.store,
            self.view(),
            self.replica_of,
            self._known,
            self._store_clock.now(),
            others=self.others,
            lease_s=self.settings.limits.lease_s,
            etcd_away_since=etcd.away_since,
            registry=self._registry,
        )

    def etcd(self) -> Etcd:
        """Return how etcd is, as seen from here."""
        since = self._coordinator.away_since()
        away = None if since is None else self._store_clock.now() - int((self._clock.monotonic() - since) * 1e9)
        return Etcd(self.settings.etcd or "", away, self._coordinator.holds_lease())

    def replica_of(self, app: str) -> Replica | None:
        """Return this process's replica of an app."""
        return self._served.replica if self._served is not None and app == self.app else None

    def grpc_address(self, app: str) -> str:
        """Return where the app finds its sidecar, empty when not in this process."""
        if app != self.app or self._served is None:
            return ""
        return f"{listeners.LOOPBACK}:{self._served.listener.grpc_port}"

    async def close(self) -> None:
        """Drain: take nothing new, end worker streams with OK, give up partitions, finish commits, then stop."""
        self.draining = True
        if self._served is not None:
            self._served.drain()
            await self._served.replica.drain()
            await self._served.close()
        await self._coordinator.leave()
        await self._tasks.close()


@asynccontextmanager
async def open_sidecar(app: str, settings: Settings, ports: Ports) -> AsyncIterator[Sidecar]:
    """Serve an app beside other sidecars until the block ends; then drain.

    A store that does not answer is waited for, so that pods may start before their database.

    Raises:
        AppIdInvalid, SettingsClash: the settings cannot be used.
        StoreError: the store cannot be used.
        PortInUse: another process listens on one of the ports.
    """
    check_app_id(app)
    source = url_source(settings)
    settings = replace(settings, store=source())
    if not settings.store.startswith(POSTGRES):
        raise SettingsClash(
            "--etcd is for sidecars on several machines, and those need a PostgreSQL store, not "
            f"{without_password(settings.store)}. Give --store postgresql://..., or leave --etcd out."
        )
    async with AsyncExitStack() as stack:
        store = open_store(settings, source)
        await _opened(store)
        stack.push_async_callback(store.close)
        writer = span_writer(os.environ)
        if writer is not None:
            stack.push_async_callback(writer.close)
        sidecar = Sidecar(app, settings, store, writer)
        server = await sidecar.serve_peers()
        stack.push_async_callback(server.stop, None)
        stack.push_async_callback(sidecar.close)
        await sidecar.start(ports)
        if settings.metrics_port is not None:
            sidecar.metrics_port = await serve_metrics(
                stack,
                sidecar.metrics(),
                settings.metrics_port,
                ready=lambda: not sidecar.draining,
                host=_served_at(settings.peer_address),
            )
        yield sidecar


async def _opened(store: Store) -> None:
    """Open the store, waiting for one that does not answer."""
    while True:
        try:
            await store.open()
        except Unreachable as error:
            logger.warning("the state store does not answer; trying again", extra={"error": str(error)})
            await asyncio.sleep(_STORE_AGAIN_S)
        else:
            return


async def _register(app: str, grpc_port: int | None, http_port: int | None) -> tuple[int, int]:
    raise Rejected(
        grpc.StatusCode.UNIMPLEMENTED,
        codes.NOT_SUPPORTED,
        f'a sidecar serves one app. Start another one for "{app}": antiphon sidecar --app {app}.',
    )


def _access(settings: Settings) -> Access:
    assert settings.etcd is not None, "checked by whoever chose to open a sidecar"
    return Access(
        tuple(settings.etcd.split(",")),
        ca_file=settings.etcd_ca_file,
        cert_file=settings.etcd_cert_file,
        key_file=settings.etcd_key_file,
        user=settings.etcd_user,
        password_file=settings.etcd_password_file,
    )


def _certificates(settings: Settings) -> Certificates | None:
    files = (settings.peer_ca_file, settings.peer_cert_file, settings.peer_key_file)
    match files:
        case (None, None, None):
            return None
        case (str(ca), str(cert), str(key)):
            return Certificates(ca, cert, key)
        case _:
            raise SettingsClash(
                "--peer-ca-file, --peer-cert-file and --peer-key-file belong together: give all three, or none."
            )


def _host_of(peer_address: str) -> str:
    """Return a peer address without its port; addresses of IPv6 may stand without brackets."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(peer_address))
    return urlsplit(f"//{peer_address}").hostname or peer_address


def published_address(peer_address: str, port: int) -> str:
    """Return what others connect to; a port that the address names itself wins (a proxy before this process).

    Raises:
        SettingsClash: the address names a port that is none.
    """
    host = _host_of(peer_address)
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{_port_of(peer_address) or port}"


def _port_of(peer_address: str) -> int | None:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(peer_address)
        return None
    try:
        return urlsplit(f"//{peer_address}").port
    except ValueError as error:
        raise SettingsClash(
            f'--peer-address "{peer_address}" names a port that is no number from 1 to 65535. Give HOST or HOST:PORT.'
        ) from error


def _served_at(peer_address: str | None) -> str | None:
    """Return the host for HTTP, None for every address: an IPv6 socket of asyncio takes no calls by IPv4."""
    bound = _bound_to(peer_address)
    return None if bound == _EVERYWHERE else bound


def _bound_to(peer_address: str | None) -> str:
    """Return the address to listen on: loopback when that is what others are told, else all."""
    host = listeners.LOOPBACK if peer_address is None else _host_of(peer_address)
    if host == "localhost":
        return listeners.LOOPBACK
    try:
        return listeners.LOOPBACK if ipaddress.ip_address(host).is_loopback else _EVERYWHERE
    except ValueError:
        return _EVERYWHERE
