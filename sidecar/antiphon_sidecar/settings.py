"""The sidecar's settings: frozen values, read once at the start and passed down, never global.

Sources, each winning over the next: command-line flags, environment, a YAML file (`ANTIPHON_CONFIG`), defaults.
A leaf module: it imports nothing of the sidecar.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_ANY_NUMBER: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that a person may move; sizes in bytes, times in seconds."""

    #: Largest gRPC message from or to an app.
    message_bytes_max: int = 128 * 1024 * 1024
    #: Largest single input, output or event payload.
    payload_bytes_max: int = 4 * 1024 * 1024
    #: Largest message that a worker receives; None: by its kind, which is all that there is to go by.
    worker_message_bytes_max: int | None = None
    #: Turns, and as many activities, in flight on one worker stream, unless the worker says otherwise. Of workers in
    #: JavaScript both together.
    items_per_stream_max: int = 100
    #: Instances kept in memory per app, least recently used first out.
    hot_instances_max: int = 10_000
    #: Bytes of history kept in memory per app.
    hot_history_bytes_max: int = 64 * 1024 * 1024
    #: Dispatched tasks per app that have no result yet.
    tasks_in_memory_max: int = 10_000
    #: Tasks that one target replica takes from one caller at once.
    tasks_per_caller_max: int = 1_000
    #: How long a lease lives without being renewed.
    lease_s: float = 10.0
    #: Time between two sweeps of the store for due rows.
    sweep_s: float = 1.0
    #: Time without a join or leave after which a name that nobody offers counts as not registered.
    names_settle_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many of a name may run at once in one app, over all of its replicas; names that are not here: any number."""

    activities: Mapping[str, int] = field(default_factory=lambda: _ANY_NUMBER)
    workflows: Mapping[str, int] = field(default_factory=lambda: _ANY_NUMBER)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a sidecar or host process is told; the field docs are shown by `--help`."""

    #: State store: `sqlite:///FILE`, `postgresql://...`, or `memory:` in tests.
    store: str = "sqlite:///~/.antiphon/state.db"
    #: Namespace that apps and instances belong to.
    namespace: str = "default"
    #: PostgreSQL schema.
    store_schema: str = "antiphon"
    #: PostgreSQL connections.
    store_pool_size: int = 4
    #: File that holds the store's URL, read again at each new connection.
    store_file: str | None = None
    #: Port for /metrics, /startupz, /livez and /readyz; None: none, 0: any free one.
    metrics_port: int | None = None
    #: Required in `dapr-api-token` when set.
    api_token: str | None = None
    #: What happens to calls to an app that was never seen: `fail` after the grace, or `wait`.
    unknown_app: str = "fail"
    #: Grace for apps that are starting up, in seconds.
    unknown_app_grace_s: float = 5.0
    #: etcd's endpoints, `http://host:2379,...`; none: local coordination.
    etcd: str | None = None
    #: Authority, certificate and key for etcd over TLS.
    etcd_ca_file: str | None = None
    etcd_cert_file: str | None = None
    etcd_key_file: str | None = None
    #: Who etcd is told that this is; the password is read from its file at each connection.
    etcd_user: str | None = None
    etcd_password_file: str | None = None
    #: Who says which apps there are and what may be called: `none`, or the `operator`, through etcd.
    registry: str = "none"
    #: What other replicas are told to connect to; its port is `peer_port` unless it names one.
    peer_address: str | None = None
    #: Port for other replicas and the control API; 0: any free one.
    peer_port: int = 50002
    #: Authority, certificate and key of the peer port; without them it speaks no TLS.
    peer_ca_file: str | None = None
    peer_cert_file: str | None = None
    peer_key_file: str | None = None
    #: How many seconds finished runs are kept, by how they ended: `completed`, `failed`, `canceled`, `terminated`.
    #: Those of a status that is not named are kept for ever.
    retention: tuple[tuple[str, float], ...] = ()
    limits: Limits = field(default_factory=Limits)
    #: Concurrency limits of every app of this process, and by app ID of one app, whose names win.
    concurrency: Concurrency = field(default_factory=Concurrency)
    app_concurrency: Mapping[str, Concurrency] = field(default_factory=dict)

    def concurrency_of(self, app: str) -> Concurrency:
        """Return the limits that hold for an app."""
        own = self.app_concurrency.get(app, Concurrency())
        return Concurrency(
            {**self.concurrency.activities, **own.activities}, {**self.concurrency.workflows, **own.workflows}
        )
