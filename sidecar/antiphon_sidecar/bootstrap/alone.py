"""The store alone: what can be told by its rows, and asked for by writing rows, when no process is there to be asked.

Used by the command line. It takes no lock, owns nothing and runs nothing; the same services as in a sidecar answer,
from a process that sees nobody. What is written is what a replica of any other app would write: whoever
owns the instance finds the row, now or when it starts.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import Message

from antiphon_names.hosts import database_path, without_password
from antiphon_proto.v1 import control_pb2 as ct
from antiphon_sidecar.bootstrap.stores import POSTGRES, url_source
from antiphon_sidecar.codec.values import to_timestamp
from antiphon_sidecar.coordination.base import Registration, View
from antiphon_sidecar.coordination.local import LocalCoordinator, LocalRegistry
from antiphon_sidecar.peers.memory import MemoryNetwork, MemoryPeers
from antiphon_sidecar.runtime.calls import Calls
from antiphon_sidecar.runtime.clock import StoreClock, SystemClock
from antiphon_sidecar.runtime.committer import Committer
from antiphon_sidecar.runtime.errors import RuntimeFailure
from antiphon_sidecar.runtime.known import KnownApps
from antiphon_sidecar.runtime.parts import Identity, Parts
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.why import Scene
from antiphon_sidecar.servers.client import ClientService, Directory
from antiphon_sidecar.servers.control import ControlService
from antiphon_sidecar.servers.errors import Rejected, text_of
from antiphon_sidecar.servers.handlers import Unary
from antiphon_sidecar.servers.hostview import Etcd
from antiphon_sidecar.servers.others import OtherReplicas
from antiphon_sidecar.settings import Settings
from antiphon_sidecar.stores.base import Store
from antiphon_sidecar.stores.errors import StoreError

#: Calls of TaskHubSidecarService that write nothing, and those that write rows; the others need a process that waits.
_READING = frozenset({"Hello", "GetInstance", "GetInstanceHistory", "ListInstanceIDs"})
_WRITING = frozenset(
    {
        "StartInstance",
        "RaiseEvent",
        "TerminateInstance",
        "SuspendInstance",
        "ResumeInstance",
        "PurgeInstances",
        "RerunWorkflowFromEvent",
    }
)
_CONTROL = frozenset({"ListInstances", "ListApps", "ExportApps", "Why", "Check"})

ResponseT = TypeVar("ResponseT", bound=Message)


class Declined(Exception):
    """The store, or what is in it, does not allow a call; the text begins with a code."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A replica that wrote to the store within two leases, and when, in store time."""

    app: str
    replica: str
    at: int


class StoreAlone:
    """A store that is read, and written to, without a process that serves it; made by `open_store_alone`."""

    replica_id = ""
    others: OtherReplicas | None = None
    metrics_port: int | None = None

    def __init__(self, settings: Settings, store: Store, *, writes: bool) -> None:
        self.store = store
        self.store_text = without_password(settings.store)
        self.namespace = settings.namespace
        #: Replicas that run elsewhere, by what they wrote lately.
        self.heard: tuple[Heard, ...] = ()
        self._settings = settings
        self._clock = SystemClock()
        self._store_clock = StoreClock(self._clock)
        self._known = KnownApps(store)
        self._replica = self._nobody()
        directory = Directory(namespace=self.namespace, find=self._calls_of, apps=lambda: sorted(self._known.names()))
        client = ClientService(
            app=None, directory=directory, payload_bytes_max=settings.limits.payload_bytes_max
        ).implementations()
        control = {**ControlService(self, register=_register).implementations(), "Check": self._check}
        self._checked = ControlService(self, register=_register).check
        self._calls: Mapping[str, Unary] = {
            **{name: client[name] for name in (_READING | _WRITING if writes else _READING)},
            **{name: control[name] for name in _CONTROL},
        }

    def _nobody(self) -> Replica:
        """Return a replica of no app, which is never started: client calls need one to write rows for others."""
        registry = LocalRegistry(self._clock.monotonic)
        return Replica(
            Identity(app="", replica="", namespace=self.namespace),
            Parts(
                store=self.store,
                committer=Committer(self.store),
                coordinator=LocalCoordinator(registry, ""),
                peers=MemoryPeers(MemoryNetwork(), ""),
                clock=self._clock,
                store_clock=self._store_clock,
                known_apps=self._known,
                limits=self._settings.limits,
            ),
        )

    async def look(self) -> None:
        """Read the store's time, the apps it knows, and who wrote to it lately."""
        await self._store_clock.refresh(self.store)
        await self._known.refresh()
        since = self._store_clock.now() - int(self._settings.limits.lease_s * 2e9)
        beats = await self.store.heartbeats()
        self.heard = tuple(
            Heard(app, who, beat.written_at) for (app, who), beat in sorted(beats.items()) if beat.written_at >= since
        )

    async def call(self, name: str, request: Message, response: type[ResponseT]) -> ResponseT:
        """Answer a call of TaskHubSidecarService or of the control API, by its name.

        Raises:
            Declined: the store does not answer, or does not allow it.
        """
        try:
            answer = await self._calls[name](request, None)
        except (RuntimeFailure, StoreError, Rejected) as error:
            raise Declined(text_of(error)) from error
        assert isinstance(answer, response)
        return answer

    def _calls_of(self, app: str) -> Calls | None:
        return Calls(self._replica, app=app, patience_s=0.0) if self._known.knows(app) else None

    async def _check(self, request: ct.CheckRequest, context: object) -> ct.CheckResponse:
        answer = await self._checked(request, None)  # type: ignore[arg-type]  # there is no call behind it
        answer.pid = 0
        answer.coordination.CopyFrom(ct.Coordination(kind=ct.Coordination.KIND_NONE))
        del answer.unowned[:]
        for heard in self.heard:
            answer.replicas.add(app_id=heard.app, replica_id=heard.replica, heard_at=to_timestamp(heard.at))
        return answer

    # what the services see of this process (servers.hostview)

    def replicas(self) -> list[Replica]:
        """Return nobody."""
        return []

    def scene(self) -> Scene:
        """Return what the store shows; replicas that wrote lately count as having workers, which nobody can tell."""
        now, replicas, changed = self._store_clock.now(), {}, {}
        for heard in self.heard:
            workflows, activities = self._known.offers(heard.app)
            replicas[heard.replica] = Registration(
                app=heard.app,
                replica=heard.replica,
                store_identity=self.store.identity,
                workers=1,
                declares=False,
                workflows=workflows,
                activities=activities,
            )
            changed[heard.app] = self._clock.monotonic() - (now - heard.at) / 1e9
        view = View(replicas, {}, changed)
        return Scene(self.store, view, lambda app: None, self._known, now, alone=True)

    def grpc_address(self, app: str) -> str:
        """Return nothing: no app is served."""
        return ""

    def etcd(self) -> Etcd | None:
        """Return None: etcd is not asked."""
        return None


async def _register(app: str, grpc_port: int | None, http_port: int | None) -> tuple[int, int]:
    raise AssertionError("nobody registers an app with a store")


@asynccontextmanager
async def open_store_alone(settings: Settings, *, writes: bool) -> AsyncIterator[StoreAlone]:
    """Open a store that is there, as it is; without `writes` nothing is written to it.

    Raises:
        StoreError: it cannot be used; `StoreAbsent` when there is none.
    """
    source = url_source(settings)
    settings = replace(settings, store=source())
    store = await _attached(settings, writes=writes)
    try:
        alone = StoreAlone(settings, store, writes=writes)
        await alone.look()
        yield alone
    finally:
        await store.close()


async def _attached(settings: Settings, *, writes: bool) -> Store:
    url = settings.store
    if url.startswith(POSTGRES):
        from antiphon_sidecar.stores.postgres import PostgresStore

        postgres = PostgresStore(
            url_source(settings), namespace=settings.namespace, schema=settings.store_schema, pool_size=2
        )
        await postgres.attach()
        return postgres
    from antiphon_sidecar.stores.sqlite import SqliteStore

    sqlite = SqliteStore(Path(database_path(url)), namespace=settings.namespace)
    await sqlite.attach(writes=writes)
    return sqlite
