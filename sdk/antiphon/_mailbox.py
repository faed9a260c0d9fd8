"""Events raised for one workflow instance: those that came early, and the waits that came first.

Names match whatever their case, as with every SDK of this protocol. What was not taken keeps its
original bytes, because continue-as-new hands it to the next generation. Used by _commands and _replay.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

Deliver = Callable[[str | None], None]


@dataclass(frozen=True, slots=True)
class _Letter:
    number: int
    raw: bytes
    payload: str | None


class Mailbox:
    """First come, first served, per name."""

    __slots__ = ("_letters", "_received", "_waits")

    def __init__(self) -> None:
        self._letters: dict[str, deque[_Letter]] = {}
        self._waits: dict[str, deque[tuple[str, Deliver]]] = {}
        self._received = 0

    def put(self, name: str, *, payload: str | None, raw: bytes) -> None:
        """Hand an event to the oldest wait for its name, or keep it."""
        key = name.casefold()
        waits = self._waits.get(key)
        if waits:
            _, deliver = waits.popleft()
            deliver(payload)
            return
        self._received += 1
        self._letters.setdefault(key, deque()).append(_Letter(self._received, raw, payload))

    def take(self, name: str, deliver: Deliver) -> bool:
        """Deliver the oldest kept event now and return True, or wait for the next one."""
        key = name.casefold()
        letters = self._letters.get(key)
        if letters:
            deliver(letters.popleft().payload)
            return True
        self._waits.setdefault(key, deque()).append((name, deliver))
        return False

    def forget(self, name: str, deliver: Deliver) -> None:
        """Give up a wait, so that it takes no event from a later one."""
        self._waits[name.casefold()].remove((name, deliver))

    def awaited(self) -> list[str]:
        """Return the names that are waited for, as they were written, each once."""
        if not self._waits:
            return []
        return list(dict.fromkeys(name for waits in self._waits.values() for name, _ in waits))

    def close(self) -> None:
        """Give up all waits: from here on events are kept for the next generation."""
        self._waits.clear()

    def kept(self) -> list[bytes]:
        """Return the events that nobody took, in the order in which they came."""
        letters = [letter for queue in self._letters.values() for letter in queue]
        return [letter.raw for letter in sorted(letters, key=lambda letter: letter.number)]
