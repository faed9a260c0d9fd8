"""Concurrency limits: exact over replicas, given once, and taken back from what is gone."""

import asyncio
from dataclasses import replace

from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.stores.base import Outcome, Store
from antiphon_sidecar.stores.limits import Grant, GrantKind, Limited
from tests.contract.stores.conftest import Opener
from tests.contract.stores.rows import APP, ID, ident, instance, start, take, turn

CHARGE = Limited(APP, GrantKind.ACTIVITY, "charge", 2)
SHIP = Limited(APP, GrantKind.WORKFLOW, "ship", 1)
NEVER_GONE = 1 << 60
RUN = Grant(ID, ident("run-1").hex())


def grants(*names: str, lapses_ns: int = 0) -> list[Grant]:
    return [Grant(name, "1", lapses_ns) for name in names]


async def acquire(
    store: Store, *names: str, limited: Limited = CHARGE, replica: str = "r1", gone_ns: int = NEVER_GONE
) -> list[bool]:
    wanted = grants(*names)
    return list(await store.acquire_grants(limited, replica=replica, gone_ns=gone_ns, grants=wanted))


async def alive(store: Store, *replicas: str) -> None:
    for replica in replicas or ("r1", "r2"):
        await store.beat(app=APP, replica=replica, nonce="n")


async def test_no_more_than_the_limit_is_given(store: Store) -> None:
    await alive(store)
    assert await acquire(store, "a", "b", "c") == [True, True, False]
    assert await acquire(store, "d", replica="r2") == [False]


async def test_what_is_out_already_is_given_again(store: Store) -> None:
    await alive(store)
    assert await acquire(store, "a", "b") == [True, True]
    assert await acquire(store, "b", "a", "c") == [True, True, False]


async def test_what_is_taken_back_goes_to_the_next(store: Store) -> None:
    await alive(store)
    await acquire(store, "a", "b")
    await store.release_grants([(CHARGE, grant) for grant in grants("a", "nobody")])
    await store.release_grants([])
    assert await acquire(store, "c", "d", replica="r2") == [True, False]


async def test_names_kinds_apps_and_namespaces_have_limits_of_their_own(store: Store, open_store: Opener) -> None:
    await alive(store)
    assert await acquire(store, "a", "b", "c") == [True, True, False]
    assert await acquire(store, "c", limited=replace(CHARGE, name="refund")) == [True]
    await store.beat(app="payments", replica="r1", nonce="n")
    assert await acquire(store, "c", limited=replace(CHARGE, app="payments")) == [True]
    other = await open_store("staging")
    await alive(other)
    assert await acquire(other, "c") == [True]


async def test_each_attempt_is_one_of_its_own(store: Store) -> None:
    await alive(store)
    wanted = [Grant("a", "1"), Grant("a", "2"), Grant("a", "3")]
    given = await store.acquire_grants(CHARGE, replica="r1", gone_ns=NEVER_GONE, grants=wanted)
    assert list(given) == [True, True, False]


async def test_the_limit_is_exact_when_replicas_race(open_store: Opener) -> None:
    stores = [await open_store() for _ in range(4)]
    await alive(stores[0])
    limited = replace(CHARGE, most=7)
    given = await asyncio.gather(
        *(
            acquire(store, *(f"{number}-{each}" for each in range(3)), limited=limited)
            for number, store in enumerate(stores * 3)
        )
    )
    assert sum(map(sum, given)) == 7


async def test_a_lost_replica_loses_its_grants(store: Store) -> None:
    await alive(store)
    await acquire(store, "a", "b")
    await store.leave(app=APP, replica="r1")
    assert await acquire(store, "c", "d", "e", replica="r2") == [True, True, False]


async def test_a_replica_that_is_silent_for_long_is_lost(store: Store) -> None:
    await alive(store)
    await acquire(store, "a", "b")
    assert await acquire(store, "c", replica="r2", gone_ns=NEVER_GONE) == [False]
    assert await acquire(store, "c", replica="r2", gone_ns=0) == [True]


async def test_what_a_lost_replica_began_may_still_run_for_its_time(store: Store) -> None:
    await alive(store)
    long = grants("a", "b", lapses_ns=3_600_000_000_000)
    await store.acquire_grants(CHARGE, replica="r1", gone_ns=NEVER_GONE, grants=long)
    await store.leave(app=APP, replica="r1")
    assert await acquire(store, "c", replica="r2", gone_ns=0) == [False]


async def test_a_workflow_keeps_its_grant_whatever_its_replica_does(store: Store) -> None:
    assert await store.commit([turn(None, await take(store))]) == [Outcome.COMMITTED]
    for replica in ("r1", "r2"):
        given = await store.acquire_grants(SHIP, replica=replica, gone_ns=0, grants=[RUN, Grant("other", "00")])
        assert list(given) == [True, False]


async def test_a_workflow_that_has_ended_gives_its_grant_back(store: Store) -> None:
    epoch, row = await take(store), instance()
    await store.commit([turn(None, epoch)])
    await store.acquire_grants(SHIP, replica="r1", gone_ns=0, grants=[RUN])
    await store.commit([turn(row, epoch, row=replace(row, version=2, status=Status.COMPLETED))])
    given = await store.acquire_grants(SHIP, replica="r1", gone_ns=0, grants=[Grant("other", "00")])
    assert list(given) == [True]


async def test_a_workflow_that_has_not_begun_keeps_its_grant(store: Store) -> None:
    row = instance("order-2", version=0, status=Status.PENDING)
    await store.start_instance(row=row, start=start(row), unique=False)
    grant = Grant("order-2", row.incarnation.hex())
    for _ in range(2):
        given = await store.acquire_grants(SHIP, replica="r1", gone_ns=0, grants=[grant, Grant("other", "00")])
        assert list(given) == [True, False]
