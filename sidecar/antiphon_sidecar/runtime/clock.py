"""The one place that reads clocks and draws IDs; everything else is handed these."""

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from antiphon_sidecar.stores.base import Store

logger = logging.getLogger(__name__)


class Clock(Protocol):
    """Time and IDs of one process."""

    def monotonic(self) -> float:
        """Return seconds that never go back, for leases and waits."""

    def wall_ns(self) -> int:
        """Return the host's clock, nanoseconds since 1970."""

    def new_id(self) -> bytes:
        """Return 16 bytes that no one else ever gets."""

    def jitter(self) -> float:
        """Return a number from 0 to 1."""


#: A store's time that took longer than this to come is not used: the process may have been stopped meanwhile.
_ANSWER_S = 1.0


class SystemClock:
    """The machine's clock and randomness."""

    def __init__(self) -> None:
        # Drawn in blocks: one system call each would cost more than what the ID is for.
        self._ids: Iterator[bytes] = iter(())

    def monotonic(self) -> float:
        """Return the machine's monotonic clock."""
        return time.monotonic()

    def wall_ns(self) -> int:
        """Return the machine's wall clock."""
        return time.time_ns()

    def new_id(self) -> bytes:
        """Return 16 random bytes."""
        drawn = next(self._ids, None)
        if drawn is None:
            block = secrets.token_bytes(16 * 256)
            self._ids = iter([block[start : start + 16] for start in range(0, len(block), 16)])
            drawn = next(self._ids)
        return drawn

    def jitter(self) -> float:
        """Return a random number."""
        return secrets.randbelow(1 << 20) / (1 << 20)


class StandingClock:
    """The machine's randomness, and a time that stands still between the moments it is handed."""

    def __init__(self, wall_ns: Callable[[], int]) -> None:
        self._wall_ns = wall_ns
        self._ids = SystemClock()

    def monotonic(self) -> float:
        """Return zero: nothing passes by itself."""
        return 0.0

    def wall_ns(self) -> int:
        """Return the time that was handed in."""
        return self._wall_ns()

    def new_id(self) -> bytes:
        """Return 16 random bytes."""
        return self._ids.new_id()

    def jitter(self) -> float:
        """Return a random number."""
        return self._ids.jitter()


#: A store's clock that is behind by more than this was set back, by nanoseconds.
_SET_BACK_NS = 1_000_000_000


class StoreClock:
    """The engine's time: the store's clock, read now and then and carried on by the monotonic one.

    It never goes back: a store's clock that is set back would keep every timer waiting for the difference.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._base = clock.wall_ns() - int(clock.monotonic() * 1e9)
        self._read = False
        self._set_back = False

    def now(self) -> int:
        """Return the store's time, in nanoseconds, as far as it is known."""
        return self._base + int(self._clock.monotonic() * 1e9)

    async def refresh(self, store: Store) -> None:
        """Ask the store for its time; an answer that was long on its way says less than the one before."""
        asked = self._clock.monotonic()
        stamp = await store.now()
        answered = self._clock.monotonic()
        if self._read and answered - asked >= _ANSWER_S:
            return
        base = stamp - int(answered * 1e9)
        behind = self._base - base
        if not self._read or behind <= 0:
            self._base, self._read, self._set_back = base, True, False
        elif behind > _SET_BACK_NS and not self._set_back:
            self._set_back = True
            logger.warning("the store's clock was set back; time goes on from here", extra={"behind_s": behind / 1e9})
