"""What is to be written to etcd, given what should be there and what is. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from antiphon_names import registry
from antiphon_names.registry import AppRecord, SyncedRecord


@dataclass(frozen=True, slots=True)
class Write:
    """One key; `value` is None to delete it."""

    key: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The records of a namespace's apps, and the word that these are all."""

    namespace: str
    apps: Mapping[str, AppRecord]
    synced: SyncedRecord


def writes(wanted: Wanted, there: Mapping[str, bytes]) -> tuple[list[Write], Write | None]:
    """Return what to write first, in any order, and what after that: `synced` stands when all else does.

    A `synced` that is there already stays as it is, whoever wrote it.
    """
    namespace = wanted.namespace
    records = {
        registry.app_key(namespace, app): registry.record(record.fields()) for app, record in wanted.apps.items()
    }
    first = [Write(key, value) for key, value in records.items() if there.get(key) != value]
    beginning = registry.app_key(namespace, "")
    first += [Write(key, None) for key in there if key.startswith(beginning) and key not in records]
    key = registry.synced_key(namespace)
    last = None if key in there else Write(key, registry.record(wanted.synced.fields()))
    return first, last
