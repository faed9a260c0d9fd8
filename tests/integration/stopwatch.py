"""How long a fleet had for something: time for which it wanted a CPU and got none does not count.

What Antiphon promises in seconds cannot hold where the machine does not run it. The kernel says of every thread for how
long it was ready to run and had to wait; that is taken off. What is waited for in any other way counts in full: leases,
back-off, sweeps, locks, sleep.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tests.integration.fleets import Fleet


class Stopwatch:
    """Runs from when it is made; counts on those processes of a fleet that are ready by then, and on the tests' own."""

    def __init__(self, made: Fleet) -> None:
        # The proxies run in the tests' own process. What only starts takes its time, and others do the work meanwhile.
        self._processes = [os.getpid(), *(each.running.pid for each in made.programs() if each.is_ready())]
        self._before = _waited(self._processes)
        self._began = time.monotonic()

    def wall_s(self) -> float:
        """Return how long it has run."""
        return time.monotonic() - self._began

    def fair_s(self) -> float:
        """Return how long it has run without the time for which that thread had to wait which had to wait longest."""
        waited = _waited(self._processes)
        longest = max((ns - self._before.get(thread, 0) for thread, ns in waited.items()), default=0)
        return self.wall_s() - longest / 1e9


def _waited(processes: Iterable[int]) -> dict[Path, int]:
    """Return for how many nanoseconds each thread has been ready to run without running."""
    found: dict[Path, int] = {}
    for process in processes:
        for thread in Path(f"/proc/{process}/task").glob("*"):
            # It has ended, or this kernel does not count: nothing is taken off then.
            with suppress(OSError):
                found[thread] = int((thread / "schedstat").read_text().split()[1])
    return found
