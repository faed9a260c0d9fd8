"""What etcd holds: keys and records that sidecars and the operator agree on (docs/internals/coordination.md).

Everything lies below `/antiphon/v1/<namespace>/`. Values are JSON objects; a reader ignores keys it does not know.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple, dataclass, field
from typing import Any

_ROOT = "/antiphon/v1"
_REPLICAS = "replicas"
_PARTITIONS = "partitions"
_APPS = "apps"
_SYNCED = "synced"

#: What this release speaks to other replicas, and the oldest that it still understands.
PROTOCOL = 1
OLDEST_PROTOCOL = 1


def prefix(namespace: str) -> str:
    """Return what all keys of a namespace begin with."""
    return f"{_ROOT}/{namespace}/"


def everything() -> str:
    """Return what all keys of all namespaces begin with."""
    return f"{_ROOT}/"


def namespace_of(key: str) -> str | None:
    """Return the namespace of a key, None when it is none of ours."""
    namespace, separator, _ = key.removeprefix(everything()).partition("/")
    return namespace if separator and namespace and key.startswith(everything()) else None


def replica_key(namespace: str, app: str, replica: str) -> str:
    """Return the key of a replica's registration."""
    return f"{prefix(namespace)}{_REPLICAS}/{app}/{replica}"


def partition_key(namespace: str, app: str, partition: int) -> str:
    """Return the key that says who should own a partition."""
    return f"{prefix(namespace)}{_PARTITIONS}/{app}/{partition}"


def app_key(namespace: str, app: str) -> str:
    """Return the key of what the operator says of an app."""
    return f"{prefix(namespace)}{_APPS}/{app}"


def synced_key(namespace: str) -> str:
    """Return the key that says that every app of the namespace has been written."""
    return f"{prefix(namespace)}{_SYNCED}"


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


@dataclass(frozen=True, slots=True)
class AppKey:
    """The key of an app's record, taken apart."""

    app: str


@dataclass(frozen=True, slots=True)
class SyncedKey:
    """The key of the operator's word that all apps are written."""


Key = ReplicaKey | PartitionKey | AppKey | SyncedKey


def parse(namespace: str, key: str) -> Key | None:
    """Take a key apart; None for what this release does not know."""
    parts = key.removeprefix(prefix(namespace)).split("/")
    match parts:
        case [kind, app, replica] if kind == _REPLICAS and app and replica:
            return ReplicaKey(app, replica)
        case [kind, app, number] if kind == _PARTITIONS and app and number.isdecimal():
            return PartitionKey(app, int(number))
        case [kind, app] if kind == _APPS and app:
            return AppKey(app)
        case [kind] if kind == _SYNCED:
            return SyncedKey()
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


@dataclass(frozen=True, slots=True)
class DeclaredName:
    """A workflow or activity that an app's owners declare; digests of its schemas, empty when it has none."""

    name: str
    version: str = ""
    input: str = ""
    output: str = ""


@dataclass(frozen=True, slots=True)
class EntryRecord:
    """Whether new instances of a workflow are admitted, and for how long finished ones are kept.

    `reason` and `message` say why not. `retention`: seconds by `completed` and `failed`; absent: kept for ever.
    """

    admit: bool = True
    reason: str = ""
    message: str = ""
    retention: Mapping[str, int] = field(default_factory=dict)

    def fields(self) -> dict[str, object]:
        """Return the record as it is written."""
        return {
            "admit": self.admit,
            "reason": self.reason,
            "message": self.message,
            **({"retention": dict(self.retention)} if self.retention else {}),
        }

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> "EntryRecord":
        """Read the record.

        Raises:
            TypeError, ValueError: a field has another type.
        """
        return cls(
            admit=bool(found.get("admit", True)),
            reason=str(found.get("reason", "")),
            message=str(found.get("message", "")),
            retention=_numbers(found.get("retention")),
        )


@dataclass(frozen=True, slots=True)
class AppRecord:
    """What the operator says of an app: what its owners declare and allow, and what starts there are admitted.

    `declared`: the app says what it offers; when not, `workflows` and `activities` mean nothing. `allow_from`: the
    apps that may call it besides itself; None: every app of the namespace. Limits: how many of a name run at once.
    """

    declared: bool = False
    workflows: tuple[DeclaredName, ...] = ()
    activities: tuple[DeclaredName, ...] = ()
    allow_from: tuple[str, ...] | None = None
    activity_limits: Mapping[str, int] = field(default_factory=dict)
    workflow_limits: Mapping[str, int] = field(default_factory=dict)
    entries: Mapping[str, EntryRecord] = field(default_factory=dict)

    def fields(self) -> dict[str, object]:
        """Return the record as it is written."""
        return {
            "declared": self.declared,
            "workflows": [asdict(each) for each in sorted(self.workflows, key=astuple)],
            "activities": [asdict(each) for each in sorted(self.activities, key=astuple)],
            "allowFrom": None if self.allow_from is None else sorted(self.allow_from),
            "limits": {"activities": dict(self.activity_limits), "workflows": dict(self.workflow_limits)},
            "entries": {name: entry.fields() for name, entry in self.entries.items()},
        }

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> "AppRecord":
        """Read the record.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: a field has another type.
        """
        allowed = found.get("allowFrom")
        limits = found.get("limits") or {}
        return cls(
            declared=bool(found.get("declared", False)),
            workflows=_declared(found.get("workflows") or ()),
            activities=_declared(found.get("activities") or ()),
            allow_from=None if allowed is None else tuple(map(str, allowed)),
            activity_limits=_numbers(limits.get("activities")),
            workflow_limits=_numbers(limits.get("workflows")),
            entries={str(name): EntryRecord.read(entry) for name, entry in (found.get("entries") or {}).items()},
        )


@dataclass(frozen=True, slots=True)
class SyncedRecord:
    """Who has written all apps of the namespace, and when (RFC 3339)."""

    operator: str
    at: str

    def fields(self) -> dict[str, object]:
        """Return the record as it is written."""
        return asdict(self)

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> "SyncedRecord":
        """Read the record."""
        return cls(operator=str(found.get("operator", "")), at=str(found.get("at", "")))


def _declared(found: Iterable[Mapping[str, Any]]) -> tuple[DeclaredName, ...]:
    names = (
        DeclaredName(
            name=str(each["name"]),
            version=str(each.get("version", "")),
            input=str(each.get("input", "")),
            output=str(each.get("output", "")),
        )
        for each in found
    )
    return tuple(sorted(names, key=astuple))


def _numbers(found: Mapping[str, Any] | None) -> dict[str, int]:
    return {str(name): int(number) for name, number in (found or {}).items()}


def app_record(value: bytes) -> AppRecord | None:
    """Read what is written of an app; None when it has another shape."""
    found = read(value)
    if found is None:
        return None
    try:
        return AppRecord.read(found)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
