"""Timers that fire soon: a heap with one wake-up. Those further away stay rows until the sweep brings them."""

import asyncio
import heapq
from collections.abc import Callable, Hashable

from antiphon_sidecar.runtime.clock import StoreClock

#: Entries that nobody waits for, kept for cheapness.
_SPARE = 1_000


class Timers:
    """Calls back at store times; one entry per key."""

    def __init__(self, store_clock: StoreClock) -> None:
        self._store_clock = store_clock
        self._heap: list[tuple[int, int, Hashable]] = []
        #: By key: the number of its heap entry, so that one left behind by `disarm` calls nobody; and whom to call.
        self._calls: dict[Hashable, tuple[int, Callable[[], None]]] = {}
        self._count = 0
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, key: Hashable, at: int, call: Callable[[], None]) -> None:
        """Call back at or after a store time; an armed key stays as it is."""
        if key in self._calls:
            return
        self._count += 1
        self._calls[key] = (self._count, call)
        heapq.heappush(self._heap, (at, self._count, key))
        if self._heap[0][2] == key:
            self._schedule()

    def disarm(self, key: Hashable) -> None:
        """Forget a key."""
        self._calls.pop(key, None)
        # What was disarmed long before its time must not pile up.
        if len(self._heap) > 2 * len(self._calls) + _SPARE:
            self._heap = [entry for entry in self._heap if self._live(entry)]
            heapq.heapify(self._heap)

    def _live(self, entry: tuple[int, int, Hashable]) -> bool:
        armed = self._calls.get(entry[2])
        return armed is not None and armed[0] == entry[1]

    def next_at(self) -> int | None:
        """Return the store time of the earliest entry, None when there is none."""
        return min((at for at, number, key in self._heap if self._calls.get(key, (0,))[0] == number), default=None)

    def check(self) -> None:
        """Call back what is due by now: the store's time was moved, and the wake-up was set for the old one."""
        self._fire()

    def close(self) -> None:
        """Call nobody any more."""
        self._calls.clear()
        self._heap.clear()
        if self._handle is not None:
            self._handle.cancel()

    def _schedule(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._heap:
            delay = max(0.0, (self._heap[0][0] - self._store_clock.now()) / 1e9)
            self._handle = asyncio.get_running_loop().call_later(min(delay, 60.0), self._fire)

    def _fire(self) -> None:
        self._handle = None
        now = self._store_clock.now()
        try:
            while self._heap and self._heap[0][0] <= now:
                _, number, key = heapq.heappop(self._heap)
                armed = self._calls.get(key)
                if armed is not None and armed[0] == number:
                    del self._calls[key]
                    armed[1]()
        finally:
            # A callback that breaks is reported by the event loop and costs the others a moment, not their call.
            self._schedule()
