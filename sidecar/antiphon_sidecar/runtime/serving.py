"""Whether a replica wants its share of the partitions: one without workers leaves it to those that have some.

Without this, instances would wait at a replica whose app process crashes again and again, beside others that could
run them. A worker that is away for less than a lease (a deployment, a crash) moves nothing.
"""

from collections.abc import Callable

from antiphon_sidecar.coordination.base import View
from antiphon_sidecar.runtime.clock import Clock
from antiphon_sidecar.runtime.workers import Workers


class Serving:
    """The decision of one replica; `leaving` once it drains."""

    def __init__(
        self, *, app: str, replica: str, clock: Clock, lease_s: float, workers: Workers, view: Callable[[], View]
    ) -> None:
        self._app = app
        self._replica = replica
        self._clock = clock
        self._lease_s = lease_s
        self._workers = workers
        self._view = view
        self._serves = True
        #: Since when others have workers and this replica has none, in monotonic seconds.
        self._idle_since: float | None = None
        self.leaving = False

    def look(self) -> bool:
        """Decide anew: whenever workers come or go, the view changes, or a while has passed."""
        if self.leaving:
            return False
        others = [r for r in self._view().of_app(self._app) if r.replica != self._replica]
        now = self._clock.monotonic()
        if self._workers.streams:
            self._idle_since, self._serves = None, True
        elif any(r.workers > 0 for r in others):
            self._idle_since = now if self._idle_since is None else self._idle_since
            self._serves = self._serves and now - self._idle_since < self._lease_s
        else:
            # A replica that serves may have lost its worker for a moment: its partitions stay where they are.
            self._idle_since = None
            self._serves = self._serves or not any(r.serving for r in others)
        return self._serves
