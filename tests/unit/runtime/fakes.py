"""Time for the runtime's tests: a clock that moves when told, and an event loop that runs on it."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from antiphon_sidecar.runtime.clock import StoreClock

T = TypeVar("T")
EPOCH_NS = 1_700_000_000_000_000_000


class FakeClock:
    """A `Clock`; both its times begin at 0 s and move together."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._ids = 0

    def advance(self, seconds: float) -> None:
        self.seconds += seconds

    def monotonic(self) -> float:
        return self.seconds

    def wall_ns(self) -> int:
        return EPOCH_NS + int(self.seconds * 1e9)

    def new_id(self) -> bytes:
        self._ids += 1
        return self._ids.to_bytes(16, "big")

    def jitter(self) -> float:
        return 0.5

    def store_clock(self) -> StoreClock:
        return StoreClock(self)


class _Waiting(selectors.SelectSelector):
    """Waits by moving the clock instead of the calendar."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("everything waits for something that will not come")
        self._clock.advance(max(timeout, 0.0))
        return super().select(0)


class _FakeLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: FakeClock) -> None:
        super().__init__(_Waiting(clock))
        self._fake_clock = clock

    def time(self) -> float:
        return self._fake_clock.seconds


def run(main: Callable[[FakeClock], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on a loop whose waits take no time."""
    clock = FakeClock()
    with asyncio.Runner(loop_factory=lambda: _FakeLoop(clock)) as runner:
        return runner.run(main(clock))
