"""Who shares a store, who is alive in it, who owns what, and what survives."""

from antiphon_names.hashing import partition_of, slot_of
from antiphon_sidecar.stores.base import Outcome, Store
from tests.contract.stores.conftest import Opener
from tests.contract.stores.rows import APP, ID, OTHER, instance, take, turn


async def test_replicas_on_one_store_see_one_identity(open_store: Opener) -> None:
    first, second = await open_store(), await open_store()
    assert first.identity == second.identity
    assert len(first.identity) >= 16


async def test_the_identity_and_the_rows_survive_a_reopening(open_store: Opener) -> None:
    first = await open_store()
    identity, epoch = first.identity, await take(first)
    await first.commit([turn(None, epoch)])
    await first.close()
    again = await open_store()
    assert again.identity == identity
    assert await again.get_instance(app=APP, instance_id=ID) == instance()
    assert await again.commit([turn(instance(), epoch)]) == [Outcome.COMMITTED]


async def test_each_replica_keeps_one_heartbeat_row(store: Store) -> None:
    before = await store.now()
    await store.beat(app=APP, replica="r1", nonce="one")
    await store.beat(app=APP, replica="r1", nonce="two", in_hand=3)
    await store.beat(app=OTHER, replica="r1", nonce="three")
    rows = await store.heartbeats()
    found = {key: (row.nonce, row.in_hand) for key, row in rows.items()}
    assert found == {(APP, "r1"): ("two", 3), (OTHER, "r1"): ("three", 0)}
    assert all(before <= row.written_at <= before + 60 * 10**9 for row in rows.values())
    await store.leave(app=APP, replica="r1")
    await store.leave(app=APP, replica="r1")
    assert list(await store.heartbeats()) == [(OTHER, "r1")]


async def test_remembers_every_app_by_its_last_record(store: Store) -> None:
    await store.remember_app(app=OTHER, record=b"{}")
    await store.remember_app(app=APP, record=b"1")
    await store.remember_app(app=APP, record=b"\x002")
    assert [(each.app, each.record) for each in await store.known_apps()] == [(APP, b"\x002"), (OTHER, b"{}")]


async def test_each_taking_of_a_partition_raises_its_epoch(open_store: Opener) -> None:
    first, second = await open_store(), await open_store()
    assert await first.take_partition(app=APP, partition=3, replica="a") == 1
    assert await second.take_partition(app=APP, partition=3, replica="b") == 2
    assert await first.take_partition(app=APP, partition=3, replica="a") == 3
    assert await first.take_partition(app=APP, partition=4, replica="a") == 1
    assert await first.take_partition(app=OTHER, partition=3, replica="a") == 1


async def test_a_new_owner_sees_the_last_commit_and_the_old_one_is_refused(open_store: Opener) -> None:
    old, new = await open_store(), await open_store()
    epoch, row = await take(old), instance()
    await old.commit([turn(None, epoch)])
    taken = await new.take_partition(app=APP, partition=partition_of(slot_of(ID)), replica="b")
    assert await new.get_instance(app=APP, instance_id=ID) == row
    assert await old.commit([turn(row, epoch)]) == [Outcome.FENCED]
    assert await new.commit([turn(row, taken)]) == [Outcome.COMMITTED]


async def test_the_clock_does_not_stand_still(store: Store) -> None:
    first = await store.now()
    assert first > 1_700_000_000 * 10**9
    assert await store.now() >= first


async def test_keeps_schemas_by_digest(store: Store) -> None:
    await store.keep_schemas({"b": '{"type":"string"}', "a": "{}"})
    await store.keep_schemas({"b": '{"type":"string"}', "c": "true"})
    assert await store.schemas(["c", "b", "unknown"]) == {"b": '{"type":"string"}', "c": "true"}
    assert await store.schemas([]) == {}
    await store.keep_schemas({})


async def test_keeps_a_copy_of_what_the_operator_says(open_store: Opener) -> None:
    here, there = await open_store(), await open_store("elsewhere")
    await here.copy_registry({"synced": b"1", "apps/b": b"\x00old"})
    await here.copy_registry({"apps/a": b"a", "apps/b": b"new"}, gone=["synced", "apps/unknown"])
    assert await here.registry_copy() == {"apps/a": b"a", "apps/b": b"new"}
    await here.copy_registry({}, gone=["apps/a"])
    assert await here.registry_copy() == {"apps/b": b"new"}
    assert await there.registry_copy() == {}
