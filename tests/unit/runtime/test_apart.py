"""Stores that are one, whatever their addresses, and copies that are two, whatever their identity."""

from dataclasses import replace

from antiphon_sidecar.coordination.base import Registration
from antiphon_sidecar.coordination.local import LocalCoordinator, LocalRegistry
from antiphon_sidecar.runtime.apart import Apart
from antiphon_sidecar.stores.memory import MemoryStore
from antiphon_sidecar.stores.memory_tables import MemoryData
from tests.unit.runtime.fakes import FakeClock


class Etcd(LocalCoordinator):
    """A coordinator whose lease can be lost."""

    held = True

    def holds_lease(self) -> bool:
        return self.held


class Place:
    """Two replicas, each with a store; `first` and `second` are the contents."""

    def __init__(self, first: MemoryData, second: MemoryData) -> None:
        self.clock = FakeClock()
        self.registry = LocalRegistry(self.clock.monotonic)
        self.stores = {"a": self._store(first), "b": self._store(second)}
        self.coordinators = {name: Etcd(self.registry, name) for name in self.stores}
        self.subjects = {
            name: Apart(name, store=store, coordinator=self.coordinators[name], clock=self.clock, lease_s=10)
            for name, store in self.stores.items()
        }

    def _store(self, data: MemoryData) -> MemoryStore:
        return MemoryStore(clock=self.clock.wall_ns, data=data)

    async def joined(self) -> None:
        for name, store in self.stores.items():
            await store.beat(app=name, replica=name, nonce=f"nonce-{name}")
            self.registry.publish(Registration(name, name, nonce=f"nonce-{name}", store_identity=store.identity))

    async def pass_s(self, seconds: float) -> None:
        """Let time pass; both look, and publish what they have found."""
        self.clock.advance(seconds)
        for name, subject in self.subjects.items():
            await subject.check()
            self.registry.publish(replace(self.registry.view.replicas[name], apart=subject.replicas))

    def shares(self, who: str, other: str) -> bool:
        return self.subjects[who].shares(self.registry.view.replicas[other])


async def test_one_store_is_one_for_both():
    data = MemoryData("one")
    place = Place(data, data)
    await place.joined()
    for _ in range(10):
        await place.pass_s(5)
    assert place.shares("a", "b")
    assert place.shares("b", "a")
    assert place.subjects["a"].stands_apart() == []


async def test_stores_of_two_identities_are_two_at_once():
    place = Place(MemoryData("one"), MemoryData("two"))
    await place.joined()
    assert not place.shares("a", "b")
    assert place.subjects["a"].stands_apart() == [], "their identities say it already"


async def test_a_copy_is_another_store_after_a_while():
    place = Place(MemoryData("one"), MemoryData("one"))
    await place.joined()
    await place.pass_s(0)
    await place.pass_s(19)
    assert place.shares("a", "b"), "a row may be late"
    await place.pass_s(2)
    assert not place.shares("a", "b")
    assert not place.shares("b", "a")
    assert place.subjects["a"].stands_apart() == ["b"]


async def test_a_copy_that_has_the_others_row_is_told_apart_by_the_other():
    place = Place(MemoryData("one"), MemoryData("one"))
    await place.joined()
    # Copied while "a" ran: its row, with its nonce, is in the copy too.
    await place.stores["b"].beat(app="a", replica="a", nonce="nonce-a")
    await place.pass_s(0)
    await place.pass_s(30)
    assert place.subjects["b"].replicas == frozenset()
    assert not place.shares("b", "a")
    assert place.subjects["b"].stands_apart() == ["a"]


async def test_a_row_of_an_earlier_process_proves_nothing():
    place = Place(MemoryData("one"), MemoryData("one"))
    await place.joined()
    await place.stores["b"].beat(app="a", replica="a", nonce="an older one")
    await place.pass_s(0)
    await place.pass_s(30)
    assert place.subjects["b"].replicas == {"a"}


async def test_nothing_is_concluded_from_a_view_that_etcd_cannot_correct():
    data = MemoryData("one")
    place = Place(data, data)
    await place.joined()
    await place.pass_s(0)
    # It left while etcd was away: the row is gone, the registration is still seen.
    place.coordinators["a"].held = False
    await place.stores["b"].leave(app="b", replica="b")
    await place.pass_s(100)
    assert place.shares("a", "b")


async def test_a_row_that_comes_late_mends_it():
    place = Place(MemoryData("one"), MemoryData("one"))
    await place.joined()
    await place.pass_s(0)
    await place.pass_s(30)
    for name in "ab":
        for store in place.stores.values():
            await store.beat(app=name, replica=name, nonce=f"nonce-{name}")
    await place.pass_s(1)
    assert place.shares("a", "b")
