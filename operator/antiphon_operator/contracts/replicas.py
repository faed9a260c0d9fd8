"""What a live replica says of itself in etcd, and what all replicas of an app offer together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from antiphon_names import registry

Kind = Literal["workflow", "activity"]


class Name(NamedTuple):
    """A workflow or an activity of some app."""

    kind: str
    name: str


class Contract(NamedTuple):
    """What a worker says of a name: its version and the digests of its schemas, empty where it declares none."""

    kind: str
    name: str
    version: str
    input_digest: str
    output_digest: str


@dataclass(frozen=True, slots=True)
class Replica:
    """One sidecar, as it registered itself.

    `declares`: all its workers say which names they have. `store`: the identity of its state store. `apart`: replicas
    whose store has the same identity and is another database all the same.
    """

    app: str
    replica: str
    nonce: str = ""
    address: str = ""
    store: str = ""
    workers: int = 0
    declares: bool = True
    workflows: frozenset[str] = frozenset()
    activities: frozenset[str] = frozenset()
    contracts: frozenset[Contract] = frozenset()
    apart: frozenset[str] = frozenset()


def read(key: registry.ReplicaKey, value: bytes) -> Replica | None:
    """Read a registration; None when it cannot be understood."""
    found = registry.read(value)
    if found is None:
        return None
    try:
        return Replica(
            app=key.app,
            replica=key.replica,
            nonce=str(found.get("nonce", "")),
            address=str(found.get("address", "")),
            store=str(found.get("store", "")),
            workers=int(found.get("workers", 0)),
            declares=bool(found.get("declares", False)),
            workflows=frozenset(map(str, found.get("workflows", ()))),
            activities=frozenset(map(str, found.get("activities", ()))),
            contracts=_contracts(found),
            apart=frozenset(map(str, found.get("apart", ()))),
        )
    except (TypeError, ValueError):
        return None


def _contracts(found: Mapping[str, Any]) -> frozenset[Contract]:
    return frozenset(Contract(*map(str, contract)) for contract in found.get("contracts", ()))


@dataclass(frozen=True, slots=True)
class Live:
    """What the replicas of one app say together.

    `connected`: how many have a worker. `silent`: some worker does not say which names it has. `offered`: by name, what
    workers say of it; nothing where they say no more than the name.
    """

    replicas: frozenset[str] = frozenset()
    connected: int = 0
    silent: bool = False
    offered: Mapping[Name, frozenset[Contract]] = field(default_factory=dict)
    stores: frozenset[str] = frozenset()
    apart: frozenset[str] = frozenset()

    def names(self, kind: str) -> list[str]:
        """Return the names of a kind that are offered, sorted."""
        return sorted(name.name for name in self.offered if name.kind == kind)


def merged(replicas: Iterable[Replica]) -> Live:
    """Return what the replicas of one app say together."""
    found = list(replicas)
    connected = [replica for replica in found if replica.workers > 0]
    offered: dict[Name, set[Contract]] = {}
    for replica in connected:
        for workflow in replica.workflows:
            offered.setdefault(Name("workflow", workflow), set())
        for activity in replica.activities:
            offered.setdefault(Name("activity", activity), set())
        for contract in replica.contracts:
            offered.setdefault(Name(contract.kind, contract.name), set()).add(contract)
    return Live(
        replicas=frozenset(replica.replica for replica in found),
        connected=len(connected),
        silent=any(not replica.declares for replica in connected),
        offered={name: frozenset(contracts) for name, contracts in offered.items()},
        stores=frozenset(replica.store for replica in found if replica.store),
        apart=frozenset(other for replica in found for other in replica.apart),
    )
