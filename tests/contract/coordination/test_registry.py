"""What every coordinator does: registrations are seen, a partition has one owner, leaving frees everything."""

import asyncio
import dataclasses

from antiphon_sidecar.coordination.base import Contract, Registration
from tests.contract.coordination.conftest import Joiner
from tests.contract.coordination.seeing import sees

ONE = Registration(
    app="App.1",
    replica="one",
    nonce="n1",
    address="127.0.0.1:5000",
    store_identity="s",
    workers=2,
    declares=True,
    workflows=frozenset({"buy", "sell"}),
    activities=frozenset({"charge"}),
    contracts=frozenset({Contract("activity", "charge", "", "d1", "d2")}),
)
TWO = dataclasses.replace(
    ONE,
    replica="two",
    declares=False,
    workflows=frozenset(),
    activities=frozenset(),
    workers=0,
    serving=False,
    apart=frozenset({"one"}),
)


async def test_a_registration_is_seen_whole_by_others(join: Joiner) -> None:
    one, two = await join("one"), await join("two")
    await one.publish(ONE)
    view = await sees(two, lambda view: "one" in view.replicas)
    assert view.replicas["one"] == ONE
    assert view.of_app("App.1") == [ONE]


async def test_a_changed_registration_replaces_the_old_one(join: Joiner) -> None:
    one, two = await join("one"), await join("two")
    await one.publish(ONE)
    changed = dataclasses.replace(ONE, workers=0, activities=frozenset())
    await one.publish(changed)
    view = await sees(two, lambda view: view.replicas.get("one") == changed)
    assert view.changed_at["App.1"] > 0


async def test_a_replica_sees_its_own_registration_at_once(join: Joiner) -> None:
    one = await join("one")
    await one.publish(ONE)
    assert one.view().replicas["one"] == ONE


async def test_a_replica_that_does_not_serve_says_so(join: Joiner) -> None:
    one, two = await join("one"), await join("two")
    await two.publish(TWO)
    view = await sees(one, lambda view: "two" in view.replicas)
    assert view.replicas["two"] == TWO


async def test_a_lease_is_held_from_registering_on(join: Joiner) -> None:
    one = await join("one")
    await one.publish(ONE)
    assert one.holds_lease()


async def test_a_partition_is_won_by_one_of_many(join: Joiner) -> None:
    replicas = [await join(f"r{n}") for n in range(5)]
    for n, replica in enumerate(replicas):
        await replica.publish(dataclasses.replace(ONE, replica=f"r{n}"))
    won = await asyncio.gather(*(replica.claim(app="App.1", partition=7) for replica in replicas))
    assert sum(won) == 1
    winner = f"r{won.index(True)}"
    for replica in replicas:
        await sees(replica, lambda view: view.owners.get(("App.1", 7)) == winner)


async def test_an_owner_sees_its_own_claim_at_once_and_may_repeat_it(join: Joiner) -> None:
    one = await join("one")
    await one.publish(ONE)
    assert await one.claim(app="App.1", partition=3)
    assert one.view().owners["App.1", 3] == "one"
    assert await one.claim(app="App.1", partition=3)


async def test_a_released_partition_is_free_for_others(join: Joiner) -> None:
    one, two = await join("one"), await join("two")
    await one.publish(ONE)
    await two.publish(TWO)
    assert await one.claim(app="App.1", partition=3)
    assert not await two.claim(app="App.1", partition=3)
    await one.release(app="App.1", partition=3)
    assert ("App.1", 3) not in one.view().owners
    assert await two.claim(app="App.1", partition=3)


async def test_a_release_leaves_another_owners_key_alone(join: Joiner) -> None:
    one, two = await join("one"), await join("two")
    await one.publish(ONE)
    await two.publish(TWO)
    assert await one.claim(app="App.1", partition=3)
    await two.release(app="App.1", partition=3)
    assert not await two.claim(app="App.1", partition=3)


async def test_partitions_of_two_apps_have_nothing_in_common(join: Joiner) -> None:
    one, two = await join("one"), await join("two")
    await one.publish(ONE)
    await two.publish(dataclasses.replace(TWO, app="other"))
    assert await one.claim(app="App.1", partition=3)
    assert await two.claim(app="other", partition=3)


async def test_leaving_takes_registration_and_partitions_away(join: Joiner) -> None:
    one, two = await join("one"), await join("two")
    await one.publish(ONE)
    await two.publish(TWO)
    assert await one.claim(app="App.1", partition=3)
    await sees(two, lambda view: view.owners.get(("App.1", 3)) == "one")
    await one.leave()
    await sees(two, lambda view: "one" not in view.replicas and not view.owners)
    assert await two.claim(app="App.1", partition=3)
