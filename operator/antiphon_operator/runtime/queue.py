"""A queue of keys: a key waits once however often it is added, and is never in two hands at a time."""

import asyncio
import heapq
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class KeyedQueue(Generic[K]):
    """Keys with the time at which each is due; the earliest of two times counts."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0
        self._in_hand: set[K] = set()
        self._held: dict[K, float] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    @property
    def busy(self) -> int:
        """Return how many keys are in hand."""
        return len(self._in_hand)

    def add(self, key: K, after_s: float = 0.0) -> None:
        """Have a key looked at after some time, at the latest; one that is in hand is looked at again afterwards."""
        due = self._monotonic() + after_s
        waiting = self._held if key in self._in_hand else self._due
        if waiting.get(key, due + 1) <= due:
            return
        waiting[key] = due
        if waiting is self._due:
            self._push(due, key)

    def _push(self, due: float, key: K) -> None:
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, key))
        self._changed.set()

    async def next(self) -> K:
        """Wait for a key that is due and take it in hand."""
        while True:
            self._changed.clear()
            key, wait_s = self._first()
            if key is not None:
                return key
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _first(self) -> tuple[K | None, float | None]:
        """Take the first key if it is due, else say in how many seconds it is."""
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) != due:
                # It was added again for an earlier time, or taken since.
                heapq.heappop(self._heap)
                continue
            wait_s = due - self._monotonic()
            if wait_s > 0:
                return None, wait_s
            heapq.heappop(self._heap)
            del self._due[key]
            self._in_hand.add(key)
            if self._heap:
                # Another one who waits may take the next.
                self._changed.set()
            return key, None
        return None, None

    def done(self, key: K) -> None:
        """Put a key down; what was added meanwhile is due then."""
        self._in_hand.discard(key)
        due = self._held.pop(key, None)
        if due is not None:
            self._due[key] = due
            self._push(due, key)
