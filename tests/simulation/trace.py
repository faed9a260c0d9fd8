"""What happened, in order: the last lines for a person, a digest of all lines for the determinism test."""

import hashlib
from collections import deque
from collections.abc import Callable


class Trace:
    """One run's trace."""

    def __init__(self, now: Callable[[], float], *, live: bool = False, keep: int = 400) -> None:
        self._now = now
        self._live = live
        self._lines: deque[str] = deque(maxlen=keep)
        self._digest = hashlib.blake2b(digest_size=16)

    def note(self, who: str, what: str, *facts: object) -> None:
        """Add a line."""
        line = f"{self._now():.6f} {who:<12} {what} " + " ".join(str(fact) for fact in facts)
        self._digest.update(line.encode())
        self._lines.append(line)
        if self._live:
            print(line)

    def digest(self) -> str:
        """Return the digest of all lines so far."""
        return self._digest.hexdigest()

    def tail(self, count: int) -> list[str]:
        """Return the last lines."""
        return list(self._lines)[-count:]
