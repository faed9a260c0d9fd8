"""Group commit: turns of different instances travel to the store together while the previous group is in flight.

One committer serves all replicas of a process. Whoever submits is called back with the outcome, on the event
loop, in the order of the group.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from antiphon_sidecar.runtime.figures import CommitFigures
from antiphon_sidecar.stores.base import Commit, Outcome, Store
from antiphon_sidecar.stores.errors import OutcomeUnknown, StoreError

logger = logging.getLogger(__name__)

#: None stands for an unknown outcome: the commit may or may not have landed.
Callback = Callable[[Outcome | None], None]
#: What a group that is in flight at the end is given to come home, in seconds.
_LAST_S = 5.0


@dataclass(frozen=True, slots=True)
class Submitted:
    """A commit and who waits for its outcome."""

    commit: Commit
    done: Callback
    #: To be called instead when the store refuses the group for now: the commit is not tried again.
    refused: Callable[[], None] | None = None


class Committer:
    """Drains what is submitted, one group after another."""

    def __init__(self, store: Store, *, group_max: int = 128, retry_s: float = 0.2) -> None:
        self._store = store
        self._group_max = group_max
        self._retry_s = retry_s
        self._pending: list[Submitted] = []
        self._wake = asyncio.Event()
        self.figures = CommitFigures()
        #: Whether the store took the last group.
        self.writes = True

    def submit(self, commit: Commit, done: Callback, refused: Callable[[], None] | None = None) -> None:
        """Queue a commit. At most one of an instance may be under way: lanes see to that.

        Where `refused` is given, it is called instead of `done` when the store cannot write at the moment.
        """
        self._pending.append(Submitted(commit, done, refused))
        self._wake.set()

    async def run(self) -> None:
        """Commit groups until cancelled; a group in flight is finished first."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                group = self._pending[: self._group_max]
                del self._pending[: self._group_max]
                await self._commit(group)

    async def _commit(self, group: list[Submitted]) -> None:
        figures, begin = self.figures, asyncio.get_running_loop().time()
        while group:
            commits = [item.commit for item in group]
            try:
                outcomes = await _finished(asyncio.ensure_future(self._store.commit(commits)))
            except OutcomeUnknown:
                self.writes = False
                logger.warning("the outcome of a group of commits is unknown", extra={"commits": len(group)})
                figures.outcomes["unknown"] += len(group)
                for item in group:
                    item.done(None)
                return
            except StoreError as error:
                self.writes = False
                logger.warning("the store refuses commits for now", extra={"error": str(error)})
                for item in group:
                    if item.refused is not None:
                        item.refused()
                group = [item for item in group if item.refused is None]
                await asyncio.sleep(self._retry_s)
            else:
                self.writes = True
                figures.commit_s.observe(asyncio.get_running_loop().time() - begin)
                figures.group.observe(len(group))
                for item, outcome in zip(group, outcomes, strict=True):
                    figures.outcomes[outcome.value] += 1
                    item.done(outcome)
                return


async def _finished(commit: "asyncio.Future[Sequence[Outcome]]") -> Sequence[Outcome]:
    """Wait for a commit; who is cancelled meanwhile lets it end first, unless the store does not answer."""
    try:
        return await asyncio.shield(commit)
    except asyncio.CancelledError:
        await asyncio.wait([commit], timeout=_LAST_S)
        if not commit.cancel() and not commit.cancelled():
            # Looked at, so that nobody takes a failure for one that was overlooked.
            commit.exception()
        raise
