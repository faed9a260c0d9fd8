"""Which apps were ever seen in this store: they are waited for, not failed (design.md 5)."""

import json

from antiphon_sidecar.coordination.base import Registration
from antiphon_sidecar.stores.base import Store


class KnownApps:
    """A copy of the store's `apps` table, refreshed by the sweep and written when offers change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._records: dict[str, bytes] = {}

    def names(self) -> frozenset[str]:
        """Return the IDs of all apps ever seen."""
        return frozenset(self._records)

    def knows(self, app: str) -> bool:
        """Tell whether an app was ever seen."""
        return app in self._records

    async def remember(self, registration: Registration) -> None:
        """Note what an app offers, when it has changed; an app without workers keeps its last record."""
        if registration.workers == 0 and registration.app in self._records:
            return
        record = json.dumps(
            {
                "declares": registration.declares,
                "workflows": sorted(registration.workflows),
                "activities": sorted(registration.activities),
            },
            separators=(",", ":"),
        ).encode()
        if self._records.get(registration.app) != record:
            await self._store.remember_app(app=registration.app, record=record)
            self._records[registration.app] = record

    async def refresh(self) -> None:
        """Read what other processes have written."""
        for known in await self._store.known_apps():
            self._records[known.app] = known.record
