"""The engine's time: the store's, and never back."""

import logging

from antiphon_sidecar.runtime.clock import StoreClock
from antiphon_sidecar.stores.memory import MemoryStore
from tests.unit.runtime.fakes import EPOCH_NS, FakeClock

HOUR_NS = 3_600_000_000_000


class Skewed:
    """A store whose clock is off from that of the host."""

    def __init__(self) -> None:
        self.host = FakeClock()
        self.off_ns = 0
        self.store = MemoryStore(clock=lambda: self.host.wall_ns() + self.off_ns)
        self.clock = StoreClock(self.host)

    async def read(self, off_ns: int) -> int:
        """Read a store's clock that is off by so much; return how far the engine's is from the host's."""
        self.off_ns = off_ns
        await self.clock.refresh(self.store)
        return self.clock.now() - self.host.wall_ns()


async def test_the_first_reading_counts_whatever_the_host_says():
    assert await Skewed().read(-HOUR_NS) == -HOUR_NS


async def test_a_clock_that_goes_ahead_is_followed():
    skewed = Skewed()
    await skewed.read(0)
    assert await skewed.read(HOUR_NS) == HOUR_NS


async def test_a_clock_that_is_set_back_is_not_followed_and_told_of_once(caplog):
    skewed = Skewed()
    await skewed.read(0)
    with caplog.at_level(logging.WARNING):
        assert [await skewed.read(-HOUR_NS), await skewed.read(-HOUR_NS)] == [0, 0]
    assert [record.getMessage() for record in caplog.records] == [
        "the store's clock was set back; time goes on from here"
    ]
    skewed.host.advance(5)
    assert skewed.clock.now() == EPOCH_NS + 5_000_000_000
