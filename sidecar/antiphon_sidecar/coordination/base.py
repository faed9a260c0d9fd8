"""The coordination contract: registrations under a lease, partition keys, and a view of both.

Nothing here is trusted for safety: epochs are issued by the store, so a stale view costs time, never a result.
Implementations: `local` (one process) and `etcd`; the simulator has a twin that can be emptied and cut off.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from antiphon_names.registry import AppRecord, SyncedRecord
from antiphon_proto.etcd import Unavailable

__all__ = ["Contract", "Coordinator", "Registration", "Unavailable", "View"]


@dataclass(frozen=True, slots=True, order=True)
class Contract:
    """What a worker says of a name: digests of JSON schemas, empty when it declares none."""

    kind: str
    name: str
    version: str
    input_digest: str
    output_digest: str


@dataclass(frozen=True, slots=True)
class Registration:
    """What a replica publishes about itself.

    `declares`: every connected worker declares its names, so `workflows` and `activities` are all there is.
    `workers`: how many are connected. `serving`: it wants its share of the partitions; False while it has no worker and
    others have, and while it drains. `apart`: the replicas whose store has the identity of this one's and is another
    all the same, a copy.
    """

    app: str
    replica: str
    nonce: str = ""
    address: str = ""
    store_identity: str = ""
    workers: int = 0
    declares: bool = True
    workflows: frozenset[str] = frozenset()
    activities: frozenset[str] = frozenset()
    contracts: frozenset[Contract] = frozenset()
    serving: bool = True
    apart: frozenset[str] = frozenset()

    def offers_activity(self, name: str) -> bool:
        """Tell whether this replica may be handed the activity."""
        return self.workers > 0 and (not self.declares or name in self.activities)

    def offers_workflow(self, name: str) -> bool:
        """Tell whether this replica can run the workflow."""
        return self.workers > 0 and (not self.declares or name in self.workflows)


@dataclass(frozen=True, slots=True)
class View:
    """A snapshot: replicas by ID, owners by (app, partition), and when each app's replicas last changed.

    `changed_at` is in the monotonic seconds of the reader's clock. `apps` and `synced` are the operator's word: what it
    says of each app, and that it has said so of all; empty and None where there is none.
    """

    replicas: Mapping[str, Registration] = field(default_factory=dict)
    owners: Mapping[tuple[str, int], str] = field(default_factory=dict)
    changed_at: Mapping[str, float] = field(default_factory=dict)
    apps: Mapping[str, AppRecord] = field(default_factory=dict)
    synced: SyncedRecord | None = None
    _of_app: dict[str, Sequence[Registration]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def of_app(self, app: str) -> Sequence[Registration]:
        """Return the live replicas of an app, ordered by replica ID."""
        found = self._of_app.get(app)
        if found is None:
            # Kept, as every call to another app asks: a view of other replicas is another object.
            found = sorted((r for r in self.replicas.values() if r.app == app), key=lambda r: r.replica)
            self._of_app[app] = found
        return found


class Coordinator(Protocol):
    """One replica's access to coordination; each replica has its own."""

    def view(self) -> View:
        """Return the newest snapshot; cheap, called for every decision."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Call back, on the event loop, after each change of the view."""

    def holds_lease(self) -> bool:
        """Tell whether the lease is alive by this replica's own clock."""

    async def publish(self, registration: Registration) -> None:
        """Write the replica's registration under its lease, or renew it.

        Raises:
            Unavailable: coordination cannot be reached.
        """

    async def claim(self, *, app: str, partition: int) -> bool:
        """Create the partition's key under the lease if there is none; True when it is this replica's.

        Raises:
            Unavailable: coordination cannot be reached; the key may or may not be there.
        """

    async def release(self, *, app: str, partition: int) -> None:
        """Delete the partition's key if it is still this replica's.

        Raises:
            Unavailable: coordination cannot be reached.
        """

    async def leave(self) -> None:
        """Give up the lease with everything under it; never raises."""
