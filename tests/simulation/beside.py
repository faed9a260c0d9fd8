"""What is beside poison: instances that share workers, and replicas, with those of whose turns workers die.

How long such an instance takes says nothing: replicas and workers die around it, and what they ran begins again. What
it is promised is that it loses few workers in a row, is never set aside itself, and that what it could go on with
does not lie about while its owner has a worker.
"""

from collections.abc import Callable, Iterator, Sequence

from antiphon_names import errors as codes
from antiphon_names.hashing import partition_of
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.stores.base import InstanceRow
from antiphon_sidecar.stores.memory_tables import Run, Tables
from tests.simulation.apps import Pod
from tests.simulation.model import Model
from tests.simulation.releases import POISON, Releases

#: From the second loss on an instance is a suspect and is alone with its worker; a loss that takes the sidecar along
#: is counted by nobody; in hundreds of runs four in a row were seen once.
LOSSES_MAX = 5
#: How long a message may wait that could be applied: a sweep, a turn, and what a suspect waits.
WAITS_S = 5.0
#: What runs, or has not begun.
_READY = frozenset({ev.Status.PENDING, ev.Status.RUNNING})


class Beside:
    """The watch of one run; `now` in seconds of the loop, `store_now` in nanoseconds of the store."""

    def __init__(
        self,
        *,
        tables: Tables,
        model: Model,
        pods: Sequence[Pod],
        releases: Releases,
        now: Callable[[], float],
        store_now: Callable[[], int],
    ) -> None:
        self._tables = tables
        self._model = model
        self._pods = pods
        self._releases = releases
        self._now = now
        self._store_now = store_now
        #: By row: since when it has been seen.
        self._seen: dict[object, float] = {}
        self._judged: set[tuple[str, str]] = set()

    def look(self) -> None:
        """Note what is delayed; to be called every second or so."""
        waiting = {}
        for run in self._tables.runs.values():
            row = run.row
            if row is None or row.instance_id.startswith(POISON) or (row.app, row.instance_id) in self._judged:
                continue
            since = {key: self._seen.get(key, self._now()) for key in self._ready(run, row)}
            waiting.update(since)
            self._judge(row, since)
        self._seen = waiting

    def _judge(self, row: InstanceRow, since: dict[object, float]) -> None:
        where = f"{row.app}/{row.instance_id}"
        served = self._served_since(row)
        before = len(self._model.broken)
        if row.waiting_on == codes.INSTANCE_POISONED.name:
            self._model.breaks("delayed", f"{where} was set aside, and no worker dies of it")
        if self._releases.beside.get(row.instance_id, 0) > LOSSES_MAX:
            self._model.breaks("delayed", f"{where} lost more than {LOSSES_MAX} workers in a row to poison beside it")
        if since and served is not None and self._now() - max(served, min(since.values())) > WAITS_S:
            self._model.breaks("delayed", f"{where} could go on, and its owner has a worker")
        if len(self._model.broken) > before:
            self._judged.add((row.app, row.instance_id))

    def _ready(self, run: Run, row: InstanceRow) -> Iterator[object]:
        """Yield the messages and timers that the instance could go on with."""
        now = self._store_now()
        if row.status not in _READY or (row.scheduled_at or 0) > now:
            return
        yield from (row_id for row_id in run.inbox if self._tables.inbox[row_id].incarnation == row.incarnation)
        yield from (ref for ref in run.timers if self._tables.timers[ref].due_at <= now)

    def _served_since(self, row: InstanceRow) -> float | None:
        """Return since when the instance has had its owner, and that a worker; None when it has none."""
        taken = self._model.taken_by(row.app, partition_of(row.slot))
        for pod in self._pods:
            if taken is not None and pod.link is not None and pod.link.sidecar.replica_id == taken[0]:
                return max(taken[1], pod.link.since)
        return None
