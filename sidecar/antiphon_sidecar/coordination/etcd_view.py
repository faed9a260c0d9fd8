"""The view that etcd's keys give: a fold of reads and changes, each key at its newest revision. Pure.

A replica's own writes are folded in as soon as they are answered, before the watch brings them; that is why every
key has its revision here, so that an older change that arrives later does not undo a newer one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass

from antiphon_names import registry
from antiphon_sidecar.coordination.base import Contract, Registration, View


@dataclass(frozen=True, slots=True)
class Change:
    """One key at one revision; `value` is None when it was deleted."""

    key: str
    value: bytes | None
    revision: int


def owner_record(replica: str) -> bytes:
    """Return what a partition's key holds."""
    return registry.record({"replica": replica})


def registration_record(registration: Registration) -> bytes:
    """Return what a replica's key holds."""
    return registry.record(
        {
            "protocol": registry.PROTOCOL,
            "nonce": registration.nonce,
            "address": registration.address,
            "store": registration.store_identity,
            "workers": registration.workers,
            "declares": registration.declares,
            "workflows": sorted(registration.workflows),
            "activities": sorted(registration.activities),
            "serving": registration.serving,
            "apart": sorted(registration.apart),
            "contracts": [astuple(contract) for contract in sorted(registration.contracts)],
        }
    )


def _registration(key: registry.ReplicaKey, value: bytes) -> Registration | None:
    found = registry.read(value)
    if found is None:
        return None
    try:
        return Registration(
            app=key.app,
            replica=key.replica,
            nonce=str(found.get("nonce", "")),
            address=str(found.get("address", "")),
            store_identity=str(found.get("store", "")),
            workers=int(found.get("workers", 0)),
            declares=bool(found.get("declares", False)),
            workflows=frozenset(map(str, found.get("workflows", ()))),
            activities=frozenset(map(str, found.get("activities", ()))),
            contracts=frozenset(Contract(*map(str, contract)) for contract in found.get("contracts", ())),
            # A release that does not say so wants its share always.
            serving=bool(found.get("serving", True)),
            apart=frozenset(map(str, found.get("apart", ()))),
        )
    except (TypeError, ValueError):
        return None


class Registry:
    """What is known of a namespace's keys."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._revisions: dict[str, int] = {}
        self._newest = 0
        self._replicas: dict[str, Registration] = {}
        self._owners: dict[tuple[str, int], str] = {}
        self._changed_at: dict[str, float] = {}
        self._apps: dict[str, registry.AppRecord] = {}
        self._synced: registry.SyncedRecord | None = None
        self.view = View()

    def reset(self, found: Iterable[Change], *, revision: int, now: float) -> bool:
        """Take a whole reading made at `revision`; tell whether the view is another one.

        A revision below one seen before is an etcd that lost its data: nothing known before counts then.
        """
        if revision < self._newest:
            self._revisions.clear()
        self._newest = revision
        changes = {change.key: change for change in found}
        gone = [key for key in self._known_keys() if key not in changes]
        return self.apply([*changes.values(), *(Change(key, None, revision) for key in gone)], now=now)

    def _known_keys(self) -> list[str]:
        replicas = (registry.replica_key(self._namespace, r.app, r.replica) for r in self._replicas.values())
        partitions = (registry.partition_key(self._namespace, *key) for key in self._owners)
        apps = (registry.app_key(self._namespace, app) for app in self._apps)
        synced = () if self._synced is None else (registry.synced_key(self._namespace),)
        return [*replicas, *partitions, *apps, *synced]

    def apply(self, changes: Iterable[Change], *, now: float) -> bool:
        """Fold changes in; tell whether the view is another one. `now` in monotonic seconds."""
        changed = False
        for change in changes:
            if change.revision < self._revisions.get(change.key, 0):
                continue
            self._newest = max(self._newest, change.revision)
            self._revisions[change.key] = change.revision
            changed |= self._fold(change, now)
        if changed:
            self.view = View(
                dict(self._replicas), dict(self._owners), dict(self._changed_at), dict(self._apps), self._synced
            )
        return changed

    def _fold(self, change: Change, now: float) -> bool:
        match registry.parse(self._namespace, change.key):
            case registry.ReplicaKey() as key:
                return self._fold_replica(key, change.value, now)
            case registry.PartitionKey() as key:
                return self._fold_partition(key, change.value)
            case registry.AppKey() as key:
                return self._fold_app(key, change.value)
            case registry.SyncedKey():
                return self._fold_synced(change.value)
            case None:
                return False

    def _fold_replica(self, key: registry.ReplicaKey, value: bytes | None, now: float) -> bool:
        known = self._replicas.get(key.replica)
        found = None if value is None else _registration(key, value)
        if found == known:
            return False
        self._changed_at[key.app] = now
        if found is None:
            del self._replicas[key.replica]
        else:
            self._replicas[key.replica] = found
        return True

    def _fold_partition(self, key: registry.PartitionKey, value: bytes | None) -> bool:
        place = key.app, key.partition
        known = self._owners.get(place)
        record: Mapping[str, object] = {} if value is None else registry.read(value) or {}
        owner = record.get("replica")
        if owner == known:
            return False
        if isinstance(owner, str):
            self._owners[place] = owner
        else:
            self._owners.pop(place, None)
        return True

    def _fold_app(self, key: registry.AppKey, value: bytes | None) -> bool:
        known = self._apps.get(key.app)
        found = None if value is None else registry.app_record(value)
        if found is None and value is not None:
            # Written by a release that is too new: what was said before holds, a policy is not dropped.
            return False
        if found == known:
            return False
        if found is None:
            del self._apps[key.app]
        else:
            self._apps[key.app] = found
        return True

    def _fold_synced(self, value: bytes | None) -> bool:
        record = None if value is None else registry.read(value)
        found = None if record is None else registry.SyncedRecord.read(record)
        if found == self._synced:
            return False
        self._synced = found
        return True
