"""Deletes runs that ended long ago, in the partitions that this replica owns, where a person has asked for it.

The settings say so for an app, by how runs ended; the operator for a workflow, which wins for its runs.

A background task of `replica`: small batches, each a transaction of its own, with pauses between them that are
longer than the batches, so that whatever there is to delete takes a small share of the store's time. What may go and
what must stay is the store's business (`retire`).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping

from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.runtime.clock import Clock, StoreClock
from antiphon_sidecar.stores.base import Cursor, Old, Store
from antiphon_sidecar.stores.errors import StoreError

logger = logging.getLogger(__name__)

#: Runs that one transaction looks at.
BATCH = 50
#: A pause between batches is so many times as long as the batch was: a tenth of the time at most is spent here.
PAUSES = 9
#: Between two rounds; longer and longer while everything that is old must stay.
ROUND_S = 10.0
ROUND_MOST_S = 600.0
_NS = 1_000_000_000
#: No run has ended at or before it.
_FOR_EVER = -(1 << 63)


class Retention:
    """One replica's retention.

    `keep_s`: how long runs are kept after their end, by status; the others for ever. `named`: the same for runs of some
    workflows, by status and name.
    """

    def __init__(
        self,
        *,
        app: str,
        store: Store,
        clock: Clock,
        store_clock: StoreClock,
        epochs: Mapping[int, int],
        keep_s: Mapping[Status, float],
        named: Callable[[], Mapping[Status, Mapping[str, float]]],
    ) -> None:
        self._app = app
        self._store = store
        self._clock = clock
        self._store_clock = store_clock
        self._epochs = epochs
        self._keep_s = keep_s
        self._named = named
        #: Runs that were deleted here.
        self.deleted: Counter[Status] = Counter()

    async def run(self) -> None:
        """Delete until cancelled."""
        round_s = ROUND_S
        while True:
            # The pause first: a replica that starts has better things to do.
            await asyncio.sleep(round_s * (0.75 + 0.5 * self._clock.jitter()))
            try:
                wasted = await self.once()
            except StoreError as error:
                logger.warning("runs that ended long ago cannot be deleted now", extra={"error": str(error)})
                continue
            round_s = min(2 * round_s, ROUND_MOST_S) if wasted else ROUND_S

    async def once(self) -> bool:
        """Look through all that is old enough; tell whether that was more than a batch, and nothing of it could go."""
        before, batches = self.deleted.total(), 0
        named = self._named()
        statuses = [*self._keep_s, *(status for status in named if status not in self._keep_s)]
        for status in statuses:
            now = self._store_clock.now()
            until = now - int(self._keep_s[status] * _NS) if status in self._keep_s else _FOR_EVER
            of_names = {name: now - int(keep_s * _NS) for name, keep_s in named.get(status, {}).items()}
            batches += await self._delete(status, until=until, named=of_names)
        return self.deleted.total() == before and batches > len(statuses)

    async def _delete(self, status: Status, *, until: int, named: Mapping[str, int]) -> int:
        after: Cursor | None = None
        batches = 0
        while self._epochs:
            began = self._clock.monotonic()
            # Asked for anew each time: partitions come and go.
            old = Old(self._app, sorted(self._epochs), int(status), until, BATCH, after, named)
            answer = await self._store.retire(old)
            self.deleted[status] += answer.deleted
            batches += 1
            if answer.cursor is None:
                break
            after = answer.cursor
            await asyncio.sleep(PAUSES * (self._clock.monotonic() - began))
        return batches
