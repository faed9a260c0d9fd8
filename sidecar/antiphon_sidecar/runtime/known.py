"""Which apps were ever seen in this store: they are waited for, not failed (design.md 5)."""

import json
from dataclasses import astuple, dataclass

from antiphon_sidecar.coordination.base import Contract, Registration
from antiphon_sidecar.stores.base import Store


@dataclass(frozen=True, slots=True)
class Offered:
    """What an app offered when it was last seen with a worker."""

    workflows: tuple[str, ...]
    activities: tuple[str, ...]
    contracts: tuple[Contract, ...]

    @classmethod
    def read(cls, record: bytes) -> "Offered":
        """Read a record; those of older releases have no contracts."""
        known = json.loads(record)
        return cls(
            workflows=tuple(known.get("workflows", ())),
            activities=tuple(known.get("activities", ())),
            contracts=tuple(Contract(*contract) for contract in known.get("contracts", ())),
        )


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

    def offers(self, app: str) -> tuple[frozenset[str], frozenset[str]]:
        """Return the workflows and activities that an app was last seen to offer; nothing for an unknown one."""
        record = self._records.get(app)
        if record is None:
            return frozenset(), frozenset()
        names = json.loads(record)
        return frozenset(names.get("workflows", ())), frozenset(names.get("activities", ()))

    async def remember(self, registration: Registration) -> None:
        """Note what an app offers, when it has changed; an app without workers keeps its last record."""
        if registration.workers == 0 and registration.app in self._records:
            return
        record = json.dumps(
            {
                "declares": registration.declares,
                "workflows": sorted(registration.workflows),
                "activities": sorted(registration.activities),
                "contracts": [astuple(contract) for contract in sorted(registration.contracts)],
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
