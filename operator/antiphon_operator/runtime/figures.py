"""What sidecars count and say of their stores, asked at most every so often, and what the operator counts of itself."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from antiphon_operator.clock import Clock
from antiphon_operator.contracts.apps import App
from antiphon_operator.contracts.replicas import Replica
from antiphon_operator.control.client import Counted, NotAnswered
from antiphon_operator.reconcile.observed import Backlog, Instances, StoreReport
from antiphon_operator.registry.view import View

logger = logging.getLogger(__name__)

#: Replicas of one store that are asked in turn before it is given up for this round.
_TRIES = 3
#: Stores that are asked at a time.
_AT_A_TIME = 8
_NONE = Instances(0, 0, 0, 0)
_IDLE = Backlog(0, 0)


@dataclass(slots=True)
class Tally:
    """Since the start: objects judged, statuses written, tries that failed, failures that are bugs."""

    reconciled: int = 0
    written: int = 0
    failures: int = 0
    defects: int = 0


class Control(Protocol):
    """What `control` is asked."""

    async def counts(self, address: str) -> Counted:
        """Return what the store of a replica holds."""

    async def store_status(self, address: str) -> StoreReport:
        """Return what a replica says of its store."""


class Figures:
    """The newest figures, by namespace and identity of the store."""

    def __init__(self) -> None:
        self.stores: dict[str, StoreReport] = {}
        self._counted: dict[tuple[str, str], Counted] = {}

    def keep(self, namespace: str, identity: str, counted: Counted) -> bool:
        """Keep what was counted; tell whether a status may look different by it."""
        known = self._counted.get((namespace, identity))
        self._counted[namespace, identity] = counted
        # What is under way grows older although its numbers stay.
        return known != counted or any(each.oldest_created for each in counted.instances.values())

    def report(self, identity: str, report: StoreReport) -> bool:
        """Keep what is said of a store; tell whether it is anything else than before."""
        known = self.stores.get(identity)
        self.stores[identity] = report
        return known != report

    def instances(self, namespace: str, app: App | None, workflow: str) -> Instances | None:
        """Return how many instances of a workflow there are; None while nobody has counted."""
        counted = self._of(namespace, app)
        return None if counted is None or app is None else counted.instances.get((app.app_id, workflow), _NONE)

    def backlog(self, namespace: str, app: App) -> Backlog | None:
        """Return how much work waits for an app; None while nobody has counted."""
        counted = self._of(namespace, app)
        return None if counted is None else counted.backlogs.get(app.app_id, _IDLE)

    def store(self, app: App) -> StoreReport | None:
        """Return what is said of the store of an app."""
        return next((self.stores[each] for each in identities(app) if each in self.stores), None)

    def _of(self, namespace: str, app: App | None) -> Counted | None:
        stores = () if app is None else identities(app)
        return next((self._counted[namespace, each] for each in stores if (namespace, each) in self._counted), None)


def identities(app: App) -> list[str]:
    """Return the stores that an app uses: as its replicas say, else as its StateStore did."""
    if app.live.stores:
        return sorted(app.live.stores)
    return [app.store.identity] if app.store is not None and app.store.identity else []


class Counting:
    """Asks one replica of each store and namespace, a new store at once and each one again after `period_s`."""

    def __init__(
        self,
        *,
        control: Control,
        view: Callable[[], View],
        figures: Figures,
        clock: Clock,
        period_s: float,
        changed: Callable[[str], None],
    ) -> None:
        self._control = control
        self._view = view
        self._figures = figures
        self._clock = clock
        self._period_s = period_s
        self._changed = changed
        self._asked: dict[tuple[str, str], float] = {}
        self._slots = asyncio.Semaphore(_AT_A_TIME)

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            due = self._due()
            if due:
                async with asyncio.TaskGroup() as questions:
                    for place, replicas in due.items():
                        questions.create_task(self._ask(place, replicas), name=f"count-{'/'.join(place)}")
            await asyncio.sleep(min(1.0, self._period_s))

    def _due(self) -> Mapping[tuple[str, str], list[Replica]]:
        """Return what is to be asked now, with the replicas that can be asked."""
        found: dict[tuple[str, str], list[Replica]] = {}
        now, view = self._clock.monotonic(), self._view()
        for namespace in view.namespaces():
            for replica in view.replicas(namespace).values():
                if replica.store and replica.address:
                    found.setdefault((namespace, replica.store), []).append(replica)
        self._asked = {place: at for place, at in self._asked.items() if place in found}
        due = {
            place: found[place] for place in found if now - self._asked.get(place, -self._period_s) >= self._period_s
        }
        self._asked |= dict.fromkeys(due, now)
        return due

    async def _ask(self, place: tuple[str, str], replicas: Iterable[Replica]) -> None:
        namespace, identity = place
        failure = ""
        async with self._slots:
            for replica in sorted(replicas, key=_spread)[:_TRIES]:
                try:
                    report = await self._control.store_status(replica.address)
                    changed = self._figures.report(identity, report)
                    if not report.error:
                        changed |= self._figures.keep(namespace, identity, await self._control.counts(replica.address))
                except NotAnswered as error:
                    failure = str(error)
                    continue
                if changed:
                    self._changed(namespace)
                return
        logger.info(
            "no sidecar of a store answers", extra={"namespace": namespace, "store": identity, "error": failure}
        )


def _spread(replica: Replica) -> bytes:
    """Order replicas so that it is not the first app that is always asked."""
    return hashlib.blake2b(replica.replica.encode(), digest_size=8).digest()
