"""What a replica is made of: who it is, and what it works with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from antiphon_sidecar.coordination.base import Coordinator
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.peers.base import Peers
from antiphon_sidecar.runtime.clock import Clock, StoreClock
from antiphon_sidecar.runtime.committer import Committer
from antiphon_sidecar.runtime.dispatch import UnknownApps
from antiphon_sidecar.runtime.known import KnownApps
from antiphon_sidecar.runtime.registry import Registry
from antiphon_sidecar.runtime.spans import Spans
from antiphon_sidecar.runtime.tasks import Died
from antiphon_sidecar.settings import Concurrency, Limits
from antiphon_sidecar.stores.base import Store


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a replica is."""

    app: str
    replica: str
    namespace: str
    nonce: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a replica works with; bootstrap chooses the implementations."""

    store: Store
    committer: Committer
    coordinator: Coordinator
    peers: Peers
    clock: Clock
    store_clock: StoreClock
    known_apps: KnownApps
    registry: Registry = field(default_factory=Registry)
    limits: Limits = field(default_factory=Limits)
    concurrency: Concurrency = field(default_factory=Concurrency)
    unknown_apps: UnknownApps = field(default_factory=UnknownApps)
    #: How many seconds runs are kept after their end, by how they ended; those that are not named are kept.
    retention: Mapping[Status, float] = field(default_factory=dict)
    #: Takes the spans of instances that are in a trace; None: nobody wants them.
    spans: Spans | None = None
    #: Hears of a background task that died: what it did is done by nobody then.
    died: Died | None = None
