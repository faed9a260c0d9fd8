"""What etcd adds: leases that run out, outages, restarts, total loss of data, several members, bad records."""

import asyncio
import dataclasses
import json
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from antiphon_names import registry
from antiphon_proto.etcd.cluster import Access
from antiphon_proto.etcd.stubs import etcd3
from antiphon_sidecar.coordination.base import Coordinator, Unavailable
from antiphon_sidecar.coordination.etcd import EtcdCoordinator
from tests import etcd, pki
from tests.contract.coordination.conftest import LEASE_S, joiner
from tests.contract.coordination.seeing import sees
from tests.contract.coordination.test_registry import ONE, TWO


class World:
    """An etcd of its own, and replicas that join it."""

    def __init__(self, cluster: etcd.Etcd, joined: AsyncExitStack) -> None:
        self.cluster = cluster
        self.join = joiner(Access(cluster.endpoints), joined)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    with etcd.started() as cluster:
        async with AsyncExitStack() as joined:
            yield World(cluster, joined)


async def silence(coordinator: Coordinator) -> None:
    """Let a replica renew nothing more, as if its machine had lost power."""
    assert isinstance(coordinator, EtcdCoordinator)
    for task in coordinator._tasks:
        task.cancel()
    await asyncio.gather(*coordinator._tasks, return_exceptions=True)


async def test_a_silent_replica_is_gone_after_its_lease(world: World) -> None:
    one, two = await world.join("one"), await world.join("two")
    await one.publish(ONE)
    await two.publish(TWO)
    assert await one.claim(app="App.1", partition=3)
    await sees(two, lambda view: view.owners.get(("App.1", 3)) == "one")
    began = time.monotonic()
    await silence(one)
    await sees(two, lambda view: "one" not in view.replicas and not view.owners)
    assert time.monotonic() - began < LEASE_S + 2
    assert await two.claim(app="App.1", partition=3)


async def test_a_lease_is_kept_alive_for_as_long_as_the_replica_is(world: World) -> None:
    one, two = await world.join("one"), await world.join("two")
    await one.publish(ONE)
    await sees(two, lambda view: "one" in view.replicas)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(LEASE_S * 2):
            await sees(two, lambda view: "one" not in view.replicas)
    assert one.holds_lease()


async def test_an_outage_changes_no_view_and_claims_nothing(world: World) -> None:
    one = await world.join("one")
    await one.publish(ONE)
    assert await one.claim(app="App.1", partition=3)
    before = one.view()
    world.cluster.kill()
    with pytest.raises(Unavailable):
        await one.claim(app="App.1", partition=4)
    assert one.view() == before
    world.cluster.start()
    async with asyncio.timeout(10):
        while not one.holds_lease():
            await asyncio.sleep(0.05)
        await one.claim(app="App.1", partition=4)


async def test_what_changed_during_an_outage_is_seen_after_it(world: World) -> None:
    one, two = await world.join("one"), await world.join("two")
    await one.publish(ONE)
    await two.publish(TWO)
    await sees(two, lambda view: "one" in view.replicas)
    world.cluster.restart()
    await one.publish(dataclasses.replace(ONE, workers=9))
    await sees(two, lambda view: view.replicas["one"].workers == 9)


async def test_an_emptied_etcd_is_noticed_and_filled_again(world: World) -> None:
    one, two = await world.join("one"), await world.join("two")
    for number in range(20):
        # Revisions are well above those with which an empty etcd begins.
        await one.publish(dataclasses.replace(ONE, workers=number))
    await two.publish(TWO)
    assert await one.claim(app="App.1", partition=3)
    world.cluster.empty()
    await sees(one, lambda view: not view.owners)
    await sees(one, lambda view: {"one", "two"} <= set(view.replicas))
    await sees(two, lambda view: {"one", "two"} <= set(view.replicas))
    assert await two.claim(app="App.1", partition=3)
    await sees(one, lambda view: view.owners == {("App.1", 3): "two"})


async def test_a_replica_that_starts_before_etcd_registers_when_it_is_there(world: World) -> None:
    world.cluster.kill()
    one = await world.join("one")
    with pytest.raises(Unavailable):
        await one.publish(ONE)
    world.cluster.start()
    await sees(one, lambda view: "one" in view.replicas)


async def test_goes_on_when_one_of_three_members_dies() -> None:
    with etcd.started(members=3) as cluster:
        async with AsyncExitStack() as joined:
            join = joiner(Access(cluster.endpoints), joined)
            one, two = await join("one"), await join("two")
            await one.publish(ONE)
            await two.publish(TWO)
            for member in cluster.members:
                member.kill()
                assert await claims(one, partition=int(member.name[1:]))
                await sees(two, lambda view, n=int(member.name[1:]): view.owners.get(("App.1", n)) == "one")
                cluster.start()


async def claims(coordinator: Coordinator, *, partition: int) -> bool:
    """Claim until there is an answer, as an owner does each second."""
    async with asyncio.timeout(15):
        while True:
            try:
                return await coordinator.claim(app="App.1", partition=partition)
            except Unavailable:
                await asyncio.sleep(0.1)


async def test_records_that_nobody_can_read_are_left_out(world: World) -> None:
    one = await world.join("one")
    await one.publish(ONE)
    url = world.cluster.members[0]
    client = etcd3.client(host="127.0.0.1", port=url.port, timeout=5)
    namespace = one._namespace
    for key in ("replicas/App.1/bad", "replicas/App.1", "partitions/App.1/x", "partitions/App.1/5", "news/of/tomorrow"):
        client.put(registry.prefix(namespace) + key, "{not json")
    client.put(registry.replica_key(namespace, "App.1", "next"), '{"workers": 1, "declares": true, "of_tomorrow": 7}')
    view = await sees(one, lambda view: "next" in view.replicas)
    assert set(view.replicas) == {"one", "next"}
    assert not view.owners
    client.close()


async def test_asks_for_user_and_password_where_etcd_does(world: World, tmp_path) -> None:
    (member,) = world.cluster.members
    require_login(member, password="secret")
    (tmp_path / "password").write_text("secret\n")
    access = Access(world.cluster.endpoints, user="root", password_file=str(tmp_path / "password"))
    async with AsyncExitStack() as joined:
        join = joiner(access, joined)
        one, two = await join("one"), await join("two")
        await one.publish(ONE)
        await two.publish(TWO)
        await sees(two, lambda view: "one" in view.replicas)
        assert await two_claims(one, two)
        stranger = EtcdCoordinator(
            Access(world.cluster.endpoints), namespace="n", replica="x", lease_s=LEASE_S, monotonic=time.monotonic
        )
        with pytest.raises(Unavailable, match="user name is empty"):
            await stranger.publish(ONE)
        await stranger.leave()


async def two_claims(one: Coordinator, two: Coordinator) -> bool:
    """Tell whether the first of two gets what both want."""
    return [await c.claim(app="App.1", partition=1) for c in (one, two)] == [True, False]


def require_login(member: etcd.Member, *, password: str) -> None:
    """Make etcd ask everybody for a name and a password, by its HTTP gateway."""
    for path, body in (
        ("user/add", {"name": "root", "password": password}),
        ("role/add", {"name": "root"}),
        ("user/grant", {"user": "root", "role": "root"}),
        ("enable", {}),
    ):
        request = urllib.request.Request(f"{member.url}/v3/auth/{path}", data=json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200


async def test_speaks_tls_to_etcd_and_shows_its_own_certificate(tmp_path) -> None:
    files = pki.made(tmp_path)
    arguments = (
        f"--cert-file={files.server_cert}",
        f"--key-file={files.server_key}",
        f"--trusted-ca-file={files.ca}",
        "--client-cert-auth",
    )
    with etcd.started(arguments=arguments, scheme="https") as cluster:
        async with AsyncExitStack() as joined:
            access = Access(cluster.endpoints, ca_file=files.ca, cert_file=files.client_cert, key_file=files.client_key)
            one = await joiner(access, joined)("one")
            await one.publish(ONE)
            await sees(one, lambda view: "one" in view.replicas)
            assert await one.claim(app="App.1", partition=1)
            stranger = EtcdCoordinator(
                Access(cluster.endpoints, ca_file=files.ca),
                namespace="n",
                replica="x",
                lease_s=LEASE_S,
                monotonic=time.monotonic,
            )
            with pytest.raises(Unavailable):
                await stranger.publish(ONE)
            await stranger.leave()


async def test_what_is_published_after_leaving_does_not_bring_a_replica_back(world: World) -> None:
    one, two = await world.join("one"), await world.join("two")
    await one.publish(ONE)
    await sees(two, lambda view: "one" in view.replicas)
    await one.leave()
    with pytest.raises(Unavailable):
        await one.publish(dataclasses.replace(ONE, workers=0))
    with pytest.raises(Unavailable):
        await one.release(app=ONE.app, partition=1)
    assert "one" not in (await sees(two, lambda view: "one" not in view.replicas)).replicas


async def test_what_the_operator_writes_is_in_the_view(world: World) -> None:
    one = await world.join("one")
    assert isinstance(one, EtcdCoordinator)
    namespace = one._namespace
    client = etcd3.client(host="127.0.0.1", port=world.cluster.members[0].port, timeout=10)
    record = registry.AppRecord(declared=True, allow_from=("web",), activity_limits={"charge": 2})
    synced = registry.SyncedRecord("operator", "2026-11-27T00:00:00Z")
    client.put(registry.app_key(namespace, "App.1"), registry.record(record.fields()))
    client.put(registry.synced_key(namespace), registry.record(synced.fields()))
    view = await sees(one, lambda view: view.synced is not None)
    assert (view.apps, view.synced) == ({"App.1": record}, synced)
    # One that cannot be read is no reason to forget a policy.
    client.put(registry.app_key(namespace, "App.1"), b'{"workflows": 1}')
    client.put(registry.app_key(namespace, "App.2"), b"{}")
    view = await sees(one, lambda view: "App.2" in view.apps)
    assert view.apps["App.1"] == record
    client.delete(registry.app_key(namespace, "App.1"))
    client.delete(registry.synced_key(namespace))
    view = await sees(one, lambda view: view.synced is None)
    assert list(view.apps) == ["App.2"]
    client.close()
    await asyncio.to_thread(world.cluster.empty)
    assert not (await sees(one, lambda view: not view.apps)).apps
