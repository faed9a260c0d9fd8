"""What etcd's keys say, as a fold of readings and changes. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from antiphon_names import registry
from antiphon_operator.contracts.replicas import Replica, read


@dataclass(frozen=True, slots=True)
class Change:
    """One key at one revision; `value` is None when it was deleted."""

    key: str
    value: bytes | None
    revision: int


class View:
    """Replicas by namespace, app and ID; and what is there of the keys that the operator writes."""

    def __init__(self) -> None:
        self._revisions: dict[str, int] = {}
        self._newest = 0
        self._replicas: dict[str, dict[str, Replica]] = defaultdict(dict)
        #: Keys of `apps` and `synced`, as they stand in etcd.
        self.written: dict[str, bytes] = {}

    def replicas(self, namespace: str) -> Mapping[str, Replica]:
        """Return the live replicas of a namespace, by key."""
        return self._replicas.get(namespace, {})

    def namespaces(self) -> set[str]:
        """Return the namespaces in which replicas live."""
        return {namespace for namespace, replicas in self._replicas.items() if replicas}

    def reset(self, found: Iterable[Change], *, revision: int, prefix: str) -> set[str]:
        """Take a whole reading of a prefix, made at `revision`; return the namespaces whose replicas are others.

        A revision below one seen before is an etcd that lost its data: nothing known before counts then.
        """
        if revision < self._newest:
            self._revisions.clear()
            self._newest = revision
        changes = {change.key: change for change in found}
        known = [*self.written, *(key for replicas in self._replicas.values() for key in replicas)]
        gone = [key for key in known if key.startswith(prefix) and key not in changes]
        return self.apply([*changes.values(), *(Change(key, None, revision) for key in gone)])

    def apply(self, changes: Iterable[Change]) -> set[str]:
        """Fold changes in; return the namespaces whose replicas are others."""
        touched = set()
        for change in changes:
            self._newest = max(self._newest, change.revision)
            namespace = registry.namespace_of(change.key)
            if namespace is None:
                continue
            match registry.parse(namespace, change.key):
                case registry.ReplicaKey() as key:
                    if self._fold(namespace, key, change):
                        touched.add(namespace)
                case registry.AppKey() | registry.SyncedKey():
                    self._note(change)
                case _:
                    pass
        return touched

    def _fold(self, namespace: str, key: registry.ReplicaKey, change: Change) -> bool:
        replicas = self._replicas[namespace]
        found = None if change.value is None else read(key, change.value)
        if replicas.get(change.key) == found:
            return False
        if found is None:
            del replicas[change.key]
        else:
            replicas[change.key] = found
        return True

    def _note(self, change: Change) -> None:
        # Writes of ours are folded in when they are answered, so an older change may still come by the watch.
        if change.revision < self._revisions.get(change.key, 0):
            return
        self._revisions[change.key] = change.revision
        if change.value is None:
            self.written.pop(change.key, None)
        else:
            self.written[change.key] = change.value
