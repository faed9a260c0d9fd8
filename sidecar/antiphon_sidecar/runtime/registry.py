"""What the operator says of apps: by etcd's keys, or while etcd has none, by the store's copy of them.

Whoever decides about calls, starts, limits and retention asks here. Without an operator it says nothing, and nothing
is waited for. Every replica keeps the copy up to date, so that it holds when etcd is emptied; the last writer wins, and
all write the same.
"""

from collections.abc import Callable, Mapping

from antiphon_names import registry as keys
from antiphon_names.registry import AppRecord, EntryRecord
from antiphon_sidecar.coordination.base import View
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.stores.base import Store

_APP = "apps/"
_SYNCED = "synced"
#: What the words of a retention mean: whatever did not complete has failed.
_ENDS = {
    "completed": (Status.COMPLETED,),
    "failed": (Status.FAILED, Status.CANCELED, Status.TERMINATED),
}


class Registry:
    """One process's reading of the operator's word; without `operator` there is none."""

    def __init__(self, store: Store | None = None, view: Callable[[], View] = View, *, operator: bool = False) -> None:
        self._store = store if operator else None
        self._view = view
        self._copied: dict[str, AppRecord] = {}
        self._copied_synced = False
        self._copy: Mapping[str, bytes] = {}

    @property
    def speaks(self) -> bool:
        """Tell whether there is an operator."""
        return self._store is not None

    @property
    def synced(self) -> bool:
        """Tell whether an app that is not in here does not exist; until the operator has spoken, that is open."""
        return self._store is None or self._copied_synced or self._view().synced is not None

    def record(self, app: str) -> AppRecord | None:
        """Return what the operator says of an app."""
        if self._store is None:
            return None
        view = self._view()
        found = view.apps.get(app)
        if found is not None or view.synced is not None:
            return found
        return self._copied.get(app)

    def apps(self) -> frozenset[str]:
        """Return the apps that have a registration."""
        if self._store is None:
            return frozenset()
        view = self._view()
        return frozenset(view.apps) if view.synced is not None else frozenset({*view.apps, *self._copied})

    def unsure_of(self, app: str) -> bool:
        """Tell whether the operator may still say something of an app that it has not said."""
        return not self.synced and self.record(app) is None

    def declares(self, app: str, *, workflow: str | None = None, activity: str | None = None) -> bool:
        """Tell whether the app's owners declare a name, so that it is waited for."""
        record = self.record(app)
        if record is None or not record.declared:
            return False
        return any(each.name == workflow for each in record.workflows) or any(
            each.name == activity for each in record.activities
        )

    def entry(self, app: str, workflow: str) -> EntryRecord | None:
        """Return the verdict on starts of a workflow."""
        record = self.record(app)
        return None if record is None else record.entries.get(workflow)

    def retention(self, app: str) -> Mapping[Status, Mapping[str, float]]:
        """Return for how many seconds finished runs of workflows are kept, by how they ended and by name."""
        record = self.record(app)
        found: dict[Status, dict[str, float]] = {}
        for name, entry in record.entries.items() if record is not None else ():
            for end, statuses in _ENDS.items():
                if end in entry.retention:
                    for status in statuses:
                        found.setdefault(status, {})[name] = entry.retention[end]
        return found

    async def refresh(self) -> None:
        """Read the store's copy, and bring it up to date.

        Raises:
            StoreError: the store does not answer.
        """
        if self._store is None:
            return
        self._copy = await self._store.registry_copy()
        self._read(self._copy)
        view = self._view()
        wanted = {_APP + app: keys.record(record.fields()) for app, record in view.apps.items()}
        gone: list[str] = []
        if view.synced is not None:
            wanted[_SYNCED] = keys.record(view.synced.fields())
            # Only then does an absent key say that an app was given up; in an emptied etcd it says nothing.
            gone = [key for key in self._copy if key not in wanted]
        changed = {key: record for key, record in wanted.items() if self._copy.get(key) != record}
        if changed or gone:
            await self._store.copy_registry(changed, gone=gone)
            self._copy = {key: record for key, record in {**self._copy, **changed}.items() if key not in gone}
            self._read(self._copy)

    def _read(self, copy: Mapping[str, bytes]) -> None:
        self._copied_synced = _SYNCED in copy
        self._copied = {}
        for key, value in copy.items():
            found = keys.app_record(value) if key.startswith(_APP) else None
            if found is not None:
                self._copied[key.removeprefix(_APP)] = found
