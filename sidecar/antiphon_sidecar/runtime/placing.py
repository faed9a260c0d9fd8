"""Which of the replicas that can run an activity gets the next one; used by the dispatcher.

The least busy one, as far as this owner's own tasks tell. But what takes hardly any time is kept here: to hand it to
another replica and to bring its result back would cost more than the activity, and in messages of one task each.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from antiphon_sidecar.coordination.base import Registration

#: What waits here behind other tasks of its name must not wait longer than this, in seconds.
_WAIT_S = 0.25
_MORE_MOST = 24
_NAMES_MOST = 1_000
#: How much of what is known of a name one more run of it replaces.
_WEIGHT = 0.2


class Placing:
    """One replica of an app as the place that tasks leave from; how long its own workers take, by name."""

    def __init__(self, app: str, replica: str) -> None:
        self.app = app
        self._me = replica
        self._took_s: OrderedDict[str, float] = OrderedDict()

    def took(self, name: str, seconds: float) -> None:
        """Note how long a worker of this replica had an activity in hand."""
        known = self._took_s.pop(name, seconds)
        self._took_s[name] = known + _WEIGHT * (seconds - known)
        if len(self._took_s) > _NAMES_MOST:
            self._took_s.popitem(last=False)

    def choose(self, name: str, free: Sequence[Registration], busy: Mapping[str, int]) -> Registration:
        """Return one of `free`, which is not empty; `busy`: how many tasks each has from here."""
        best = min(free, key=lambda replica: busy.get(replica.replica, 0))
        if best.replica == self._me or len(free) == 1:
            return best
        here = next((replica for replica in free if replica.replica == self._me), None)
        if here is None:
            return best
        more = busy.get(self._me, 0) - busy.get(best.replica, 0)
        return here if more < self._more(name) else best

    def _more(self, name: str) -> int:
        """Return how many more tasks than the least busy replica this one may have."""
        took_s = self._took_s.get(name)
        return 0 if took_s is None else min(int(_WAIT_S / max(took_s, 1e-6)), _MORE_MOST)
