"""What the control API sees of its process; bootstrap's hosts and sidecars are such."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.why import Scene
from antiphon_sidecar.servers.others import OtherReplicas
from antiphon_sidecar.stores.base import Store


@dataclass(frozen=True, slots=True)
class Etcd:
    """How etcd is, as seen from a sidecar; `away_since` in store time, None while it answers."""

    endpoints: str
    away_since: int | None
    lease: bool


class HostView(Protocol):
    """A process that serves the control API; `replica_id` is empty for one of several apps."""

    store: Store
    store_text: str
    namespace: str
    metrics_port: int | None
    replica_id: str
    #: How other processes are asked; None where there are none.
    others: OtherReplicas | None

    def replicas(self) -> Sequence[Replica]:
        """Return this process's replicas of all apps."""

    def scene(self) -> Scene:
        """Return what can be seen from here of what instances wait for."""

    def grpc_address(self, app: str) -> str:
        """Return where the app finds its sidecar, empty when not in this process."""

    def etcd(self) -> Etcd | None:
        """Return how etcd is, None where this process coordinates itself."""
