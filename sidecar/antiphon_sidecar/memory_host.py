"""A host in memory whose time stands still until it is moved: the same engine and runtime, for tests of apps.

Used by `antiphon.testing`. Leases, pauses and deadlines of calls pass in real time; what workflows see as time,
the store's clock, is moved by whoever opened the host.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from antiphon_sidecar.bootstrap import Host, Listener
from antiphon_sidecar.runtime import quiet
from antiphon_sidecar.runtime.clock import StandingClock, StoreClock
from antiphon_sidecar.runtime.tasks import Died
from antiphon_sidecar.runtime.why import why
from antiphon_sidecar.settings import Limits, Settings
from antiphon_sidecar.stores.base import InstanceFilter
from antiphon_sidecar.stores.memory import MemoryStore

_OPEN_MAX = 20


@dataclass(frozen=True, slots=True)
class Waiting:
    """An instance that has not ended, and what it waits for."""

    app: str
    instance_id: str
    workflow: str
    reasons: tuple[str, ...]


class MemoryHost:
    """A host and its time; made by `open_memory_host`."""

    def __init__(self, host: Host, store_clock: StoreClock, time: "_Time") -> None:
        self._host = host
        self._store_clock = store_clock
        self._time = time

    @property
    def now_ns(self) -> int:
        """The store's time, in nanoseconds since 1970."""
        return self._time.ns

    async def add_app(self, app: str) -> Listener:
        """Serve an app on free ports of this machine.

        Raises:
            AppIdInvalid: the ID has a form that apps cannot have.
        """
        return await self._host.add_app(app)

    def workers(self, app: str) -> int:
        """Return how many workers of an app are connected."""
        replica = self._host.replica_of(app)
        return 0 if replica is None else len(replica.workers.streams)

    async def under_way(self) -> str | None:
        """Say what has to end before time may move; None when everything waits."""
        for replica in self._host.replicas():
            found = await quiet.under_way(replica)
            if found is not None:
                return found
        return None

    async def next_due(self) -> int | None:
        """Return the next store time at which anything happens by itself; None: never."""
        found = [await quiet.next_due(replica) for replica in self._host.replicas()]
        return min((at for at in found if at is not None), default=None)

    async def move_to(self, ns: int) -> None:
        """Move time forward to this moment, and let happen what is due by then."""
        assert ns >= self._time.ns, "time never goes back"
        self._time.ns = ns
        await self._store_clock.refresh(self._host.store)
        for replica in self._host.replicas():
            await quiet.time_moved(replica)

    async def waiting(self) -> Sequence[Waiting]:
        """Return instances that have not ended, with what they wait for; not more than a person would read."""
        rows, _ = await self._host.store.list_instances(InstanceFilter(), limit=_OPEN_MAX)
        found = []
        for row in rows:
            waits = await why(row, self._host.scene())
            if waits:
                reasons = tuple(wait.message for wait in waits)
                found.append(Waiting(row.app, row.instance_id, row.name, reasons))
        return found


@dataclass(slots=True)
class _Time:
    ns: int

    def read(self) -> int:
        return self.ns


@asynccontextmanager
async def open_memory_host(*, start_ns: int, died: Died, limits: Limits | None = None) -> AsyncIterator[MemoryHost]:
    """Open a host without apps at this store time; `died` hears of a part of it that broke."""
    time = _Time(start_ns)
    store = MemoryStore(clock=time.read)
    store_clock = StoreClock(StandingClock(time.read))
    # Names that nobody offers fail at once: apps are added before anything is started.
    settings = Settings(
        store="memory:", unknown_app_grace_s=0.0, limits=limits or Limits(names_settle_s=0.0, sweep_s=0.1)
    )
    host = Host(settings, store, socket=None, store_clock=store_clock, died=died)
    await host.start()
    try:
        yield MemoryHost(host, store_clock, time)
    finally:
        await host.close()
