"""What the runtime counts while it works, for whoever reads metrics; nothing is decided by it.

Only what cannot be read off at a scrape is counted here: how long things took, and what came and went.
"""

from collections import Counter

from prometheus_client import Histogram

from antiphon_sidecar.engine.events import TERMINAL, Status

_TURN_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)
_COMMIT_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_GROUP = (1, 2, 4, 8, 16, 32, 64, 128)


class AppFigures:
    """One app's at this replica."""

    def __init__(self) -> None:
        #: From handing a turn to a worker to its answer.
        self.turn_s = Histogram("turn_s", "", registry=None, buckets=_TURN_S)
        self.started = 0
        self.ended: Counter[Status] = Counter()
        #: Rows that a sweep found, by table.
        self.swept: Counter[str] = Counter()

    def landed(self, status: Status, *, first: bool) -> None:
        """Count a commit: the first of a run, and the one that ended it."""
        self.started += first
        if status in TERMINAL:
            self.ended[status] += 1


class CommitFigures:
    """One process's commits."""

    def __init__(self) -> None:
        #: From sending a group of commits to the store's answer, and how many were in it.
        self.commit_s = Histogram("commit_s", "", registry=None, buckets=_COMMIT_S)
        self.group = Histogram("group", "", registry=None, buckets=_GROUP)
        #: By what became of them, `unknown` too.
        self.outcomes: Counter[str] = Counter()
