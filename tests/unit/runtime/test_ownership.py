"""Who owns which partition: shares, epochs from the store, and when owning ends."""

from typing import Any

from antiphon_names.hashing import PARTITIONS
from antiphon_sidecar.coordination.base import Registration, Unavailable
from antiphon_sidecar.coordination.local import LocalCoordinator, LocalRegistry
from antiphon_sidecar.runtime.ownership import Ownership
from antiphon_sidecar.stores.memory import MemoryStore
from tests.unit.runtime.fakes import FakeClock

APP = "orders"
TAKE_S = 0.3


class Ailing(LocalCoordinator):
    """A coordinator whose lease may run out while the store issues an epoch, and which answers so many releases."""

    lapsed = False
    answers = 1_000
    claims = 0

    def holds_lease(self) -> bool:
        return not self.lapsed

    async def claim(self, *, app: str, partition: int) -> bool:
        self.claims += 1
        return await super().claim(app=app, partition=partition)

    async def release(self, *, app: str, partition: int) -> None:
        if self.answers == 0:
            raise Unavailable("no answer")
        self.answers -= 1
        await super().release(app=app, partition=partition)


class Slow(MemoryStore):
    """A store that takes a while to issue an epoch."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock=clock.wall_ns)
        self.fake_clock = clock

    async def take_partition(self, **what: Any) -> int:
        self.fake_clock.advance(TAKE_S)
        return await super().take_partition(**what)


class Town:
    """Replicas of one app on one store and one registry."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.registry = LocalRegistry(self.clock.monotonic)
        self.store = MemoryStore(clock=self.clock.wall_ns)
        self.taken: list[tuple[str, frozenset[int]]] = []
        self.dropped: list[tuple[str, int]] = []

    def replica(self, name: str, *, serving: bool = True) -> Ownership:
        self.registry.publish(Registration(APP, name, serving=serving))
        self.coordinator = Ailing(self.registry, name)
        return Ownership(
            app=APP,
            replica=name,
            store=self.store,
            coordinator=self.coordinator,
            clock=self.clock,
            taken=lambda partitions: self.taken.append((name, partitions)),
            dropped=lambda partition: self.dropped.append((name, partition)),
        )


async def settle(*replicas: Ownership) -> None:
    """Two rounds: one to give up, one to take."""
    for _ in range(2):
        for replica in replicas:
            await replica.balance()


async def test_a_single_replica_owns_everything():
    town = Town()
    one = town.replica("r1")
    await one.balance()
    assert set(one.epochs) == set(range(PARTITIONS))
    assert town.taken == [("r1", frozenset(range(PARTITIONS)))]


async def test_what_was_taken_does_not_wait_for_the_rest_of_the_share():
    town = Town()
    town.store = Slow(town.clock)
    one = town.replica("r1")
    await one.balance()
    assert [partitions for _, partitions in town.taken] == [frozenset({p}) for p in range(PARTITIONS)]


async def test_no_claim_is_spent_on_the_key_of_another():
    town = Town()
    await town.replica("r1").balance()
    two = town.replica("r2")
    await two.balance()
    assert town.coordinator.claims == 0
    town.registry.leave("r1")
    await two.balance()
    assert town.coordinator.claims == PARTITIONS


async def test_two_replicas_share_without_overlap():
    town = Town()
    one, two = town.replica("r1"), town.replica("r2")
    await settle(one, two)
    assert set(one.epochs) | set(two.epochs) == set(range(PARTITIONS))
    assert set(one.epochs) & set(two.epochs) == set()
    assert one.epochs
    assert two.epochs


async def test_a_newcomer_takes_its_share_and_no_other_partition_moves():
    town = Town()
    one, two = town.replica("r1"), town.replica("r2")
    await settle(one, two)
    before = {p: "r1" for p in one.epochs} | {p: "r2" for p in two.epochs}
    three = town.replica("r3")
    await settle(one, two, three)
    after = {p: "r1" for p in one.epochs} | {p: "r2" for p in two.epochs} | {p: "r3" for p in three.epochs}
    assert set(after) == set(before)
    assert {p for p in after if after[p] != before[p]} == set(three.epochs)


async def test_what_a_lost_replica_had_is_taken_over():
    town = Town()
    one, two = town.replica("r1"), town.replica("r2")
    await settle(one, two)
    town.registry.leave("r2")
    await settle(one)
    assert set(one.epochs) == set(range(PARTITIONS))


async def test_each_owner_gets_a_higher_epoch():
    town = Town()
    one = town.replica("r1")
    await one.balance()
    old = dict(one.epochs)
    town.registry.leave("r1")
    two = town.replica("r2")
    await two.balance()
    assert all(two.epochs[partition] > old[partition] for partition in old)


async def test_a_partition_is_given_up_before_another_takes_it():
    town = Town()
    one = town.replica("r1")
    await one.balance()
    two = town.replica("r2")
    await two.balance()
    assert two.epochs == {}
    await one.balance()
    assert town.dropped
    await two.balance()
    assert set(two.epochs) == {partition for _, partition in town.dropped}


async def test_a_refused_epoch_ends_owning_and_is_followed_by_a_new_one():
    town = Town()
    one = town.replica("r1")
    await one.balance()
    epoch = one.epochs[3]
    one.drop(3, epoch)
    assert 3 not in one.epochs
    await one.balance()
    assert one.epochs[3] == epoch + 1


async def test_a_refusal_of_an_older_epoch_changes_nothing():
    town = Town()
    one = town.replica("r1")
    await one.balance()
    one.drop(3, one.epochs[3] - 1)
    assert 3 in one.epochs


async def test_a_key_that_is_anothers_ends_owning():
    town = Town()
    one = town.replica("r1")
    await one.balance()
    town.registry.release(app=APP, partition=3, replica="r1")
    town.registry.claim(app=APP, partition=3, replica="r9")
    await one.balance()
    assert 3 not in one.epochs
    assert ("r1", 3) in town.dropped


async def test_a_key_that_is_gone_is_won_again_under_a_new_epoch():
    town = Town()
    one = town.replica("r1")
    await one.balance()
    epoch = one.epochs[3]
    town.registry.release(app=APP, partition=3, replica="r1")
    await one.balance()
    assert one.epochs[3] == epoch + 1


async def test_an_unknown_outcome_is_followed_by_a_new_epoch():
    town = Town()
    one = town.replica("r1")
    await one.balance()
    epoch = one.epochs[3]
    assert await one.renew(3)
    assert one.epochs[3] == epoch + 1


async def test_an_epoch_is_not_renewed_for_what_is_not_owned():
    town = Town()
    assert not await town.replica("r1").renew(3)


async def test_a_draining_replica_gives_everything_up():
    town = Town()
    one, two = town.replica("r1"), town.replica("r2")
    await settle(one, two)
    await one.drain()
    assert one.epochs == {}
    town.registry.leave("r1")
    await settle(two)
    assert set(two.epochs) == set(range(PARTITIONS))


async def test_a_replica_that_is_not_registered_owns_nothing():
    town = Town()
    one = town.replica("r1")
    town.registry.leave("r1")
    await one.balance()
    assert one.epochs == {}


async def test_a_replica_that_does_not_serve_gives_its_share_up():
    town = Town()
    one, two = town.replica("r1"), town.replica("r2")
    await settle(one, two)
    town.registry.publish(Registration(APP, "r1", serving=False))
    await settle(one, two)
    assert one.epochs == {}
    assert set(two.epochs) == set(range(PARTITIONS))


async def test_all_own_where_none_serves():
    town = Town()
    one, two = town.replica("r1", serving=False), town.replica("r2", serving=False)
    await settle(one, two)
    assert set(one.epochs) | set(two.epochs) == set(range(PARTITIONS))
    assert one.epochs
    assert two.epochs


async def test_owning_does_not_begin_under_a_lease_that_ran_out_meanwhile():
    town = Town()
    one = town.replica("r1")
    town.coordinator.lapsed = True
    await one.balance()
    assert one.epochs == {}
    assert town.registry.view.owners == {}
    town.coordinator.lapsed = False
    await one.balance()
    assert set(one.epochs) == set(range(PARTITIONS))


async def test_apps_do_not_share_partitions():
    town = Town()
    one = town.replica("r1")
    town.registry.publish(Registration("payments", "p1"))
    await one.balance()
    assert len(one.epochs) == PARTITIONS


async def test_stops_owning_before_it_frees_the_keys_and_gives_up_at_the_first_that_it_cannot_free():
    town = Town()
    one = town.replica("r1")
    await one.balance()
    town.coordinator.answers = 2
    await one.drain()
    assert one.epochs == {}
    assert len(town.dropped) == PARTITIONS
    assert len(town.registry.view.owners) == PARTITIONS - 2
