"""The end of a committer: what is in flight comes home first."""

import asyncio
from collections.abc import Sequence

import pytest

from antiphon_sidecar.runtime.committer import Committer
from antiphon_sidecar.stores.base import Commit, Outcome
from antiphon_sidecar.stores.memory import MemoryStore
from tests.unit.engine.build import began, ended, start
from tests.unit.runtime import test_commits


class SlowStore(MemoryStore):
    """A store whose answers to commits come when the test says so."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: 0)
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.answered = False

    async def commit(self, commits: Sequence[Commit]) -> list[Outcome]:
        self.asked.set()
        await self.answer.wait()
        self.answered = True
        return [Outcome.COMMITTED for _ in commits]


async def test_a_group_in_flight_comes_home_before_the_committer_ends():
    store = SlowStore()
    committer = Committer(store)
    running = asyncio.ensure_future(committer.run())
    committer.submit(test_commits.assembled(ended(began(None, start()))), lambda outcome: None)
    await store.asked.wait()
    running.cancel()
    asyncio.get_running_loop().call_later(0.02, store.answer.set)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert store.answered
