"""Pauses between attempts to reach the sidecar. Used by worker, outbox and client."""

import asyncio
import random

_FIRST_S = 0.05
# Short: the sidecar is on this machine, and whoever comes back late holds up all that waits for this app.
_MOST_S = 1.0


class Backoff:
    """Doubling pauses with jitter, 1 s at most; the first after a success is short."""

    def __init__(self) -> None:
        self._next_s = _FIRST_S
        self._random = random.Random()

    def reset(self) -> None:
        """Begin again with the shortest pause: the other side has answered."""
        self._next_s = _FIRST_S

    def draw(self) -> float:
        """Return the seconds to wait before the next attempt; each call makes the next one longer."""
        pause = self._next_s * self._random.uniform(0.5, 1.0)
        self._next_s = min(self._next_s * 2, _MOST_S)
        return pause

    async def wait(self) -> None:
        """Pause before the next attempt."""
        await asyncio.sleep(self.draw())
