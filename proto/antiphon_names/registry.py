"""What etcd holds: keys and records that sidecars and the operator agree on (docs/internals/coordination.md).

Everything lies below `/antiphon/v1/<namespace>/`. Values are JSON objects; a reader ignores keys it does not know.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ROOT = "/antiphon/v1"
_REPLICAS = "replicas"
_PARTITIONS = "partitions"

#: What this release speaks to other replicas, and the oldest that it still understands.
PROTOCOL = 1
OLDEST_PROTOCOL = 1


def prefix(namespace: str) -> str:
    """Return what all keys of a namespace begin with."""
    return f"{_ROOT}/{namespace}/"


def replica_key(namespace: str, app: str, replica: str) -> str:
    """Return the key of a replica's registration."""
    return f"{prefix(namespace)}{_REPLICAS}/{app}/{replica}"


def partition_key(namespace: str, app: str, partition: int) -> str:
    """Return the key that says who should own a partition."""
    return f"{prefix(namespace)}{_PARTITIONS}/{app}/{partition}"


@dataclass(frozen=True, slots=True)
class ReplicaKey:
    """The key of a registration, taken apart."""

    app: str
    replica: str


@dataclass(frozen=True, slots=True)
class PartitionKey:
    """The key of a partition, taken apart."""

    app: str
    partition: int


def parse(namespace: str, key: str) -> ReplicaKey | PartitionKey | None:
    """Take a key apart; None for what this release does not know."""
    parts = key.removeprefix(prefix(namespace)).split("/")
    match parts:
        case [kind, app, replica] if kind == _REPLICAS and app and replica:
            return ReplicaKey(app, replica)
        case [kind, app, number] if kind == _PARTITIONS and app and number.isdecimal():
            return PartitionKey(app, int(number))
    return None


def record(fields: Mapping[str, object]) -> bytes:
    """Return an object as it is written: equal objects give equal bytes."""
    return json.dumps(fields, separators=(",", ":"), sort_keys=True).encode()


def read(value: bytes) -> Mapping[str, Any] | None:
    """Read a record; None when it is no JSON object."""
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
