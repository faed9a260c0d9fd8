"""The operator's registry on a real etcd: what it reads, writes, writes again, and says while etcd is away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from antiphon_names import registry
from antiphon_names.registry import AppRecord, SyncedRecord
from antiphon_operator.clock import Clock
from antiphon_operator.registry.etcd import Etcd
from antiphon_operator.registry.wanted import Wanted
from antiphon_operator.settings import EtcdSettings
from antiphon_proto.etcd.stubs import etcd3
from tests import etcd as server
from tests.unit.operator.building import replica
from tests.unit.operator.twins import record, until

WANTED = Wanted("shop", {"orders": AppRecord(declared=True), "Payments": AppRecord()}, SyncedRecord("op-1", "2026"))
APPS = {"/antiphon/v1/shop/apps/orders", "/antiphon/v1/shop/apps/Payments", "/antiphon/v1/shop/synced"}


@pytest.fixture
def cluster() -> Iterator[server.Etcd]:
    with server.started() as cluster:
        yield cluster


def connected(cluster: server.Etcd) -> Any:
    """Another client of the same etcd: a sidecar, or somebody who looks."""
    return etcd3.client(port=cluster.members[0].port, timeout=5)


def keys(cluster: server.Etcd) -> set[str]:
    client = connected(cluster)
    try:
        return {meta.key.decode() for _, meta in client.get_prefix("/antiphon/")}
    finally:
        client.close()


def put(cluster: server.Etcd, *, namespace: str = "shop", app: str = "orders", **said: Any) -> str:
    found = replica(app, **said)
    key = registry.replica_key(namespace, app, found.replica)
    client = connected(cluster)
    client.put(key, record(found))
    client.close()
    return key


@asynccontextmanager
async def following(cluster: server.Etcd, *namespaces: str) -> AsyncIterator[tuple[Etcd, list[set[str]]]]:
    touched: list[set[str]] = []
    settings = EtcdSettings(cluster.endpoints, deadline=timedelta(seconds=2))
    etcd = Etcd(settings, namespaces=namespaces, clock=Clock(), changed=touched.append)
    running = asyncio.create_task(etcd.run(), name="etcd")
    try:
        yield etcd, touched
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_replicas_are_read_and_followed(cluster: server.Etcd) -> None:
    key = put(cluster, workflows={"buy"})
    async with following(cluster) as (etcd, touched):
        await until(lambda: etcd.seen)
        assert etcd.view.replicas("shop")[key].workflows == {"buy"}
        assert touched == [{"shop"}]
        put(cluster, workflows={"buy", "sell"})
        await until(lambda: etcd.view.replicas("shop")[key].workflows == {"buy", "sell"})
        await asyncio.to_thread(lambda: connected(cluster).delete(key))
        await until(lambda: not etcd.view.namespaces())


async def test_namespaces_that_are_not_watched_are_not_read(cluster: server.Etcd) -> None:
    put(cluster)
    put(cluster, namespace="shop2")
    async with following(cluster, "shop") as (etcd, _):
        await until(lambda: etcd.seen)
        assert etcd.view.namespaces() == {"shop"}


async def test_records_are_written_once_and_those_of_gone_apps_deleted(cluster: server.Etcd) -> None:
    async with following(cluster) as (etcd, _):
        etcd.want(WANTED)
        await until(lambda: etcd.synced("shop"))
        assert await asyncio.to_thread(keys, cluster) == APPS
        assert etcd.writes_done == 3
        etcd.want(Wanted("shop", {"orders": AppRecord(declared=True)}, SyncedRecord("op-2", "2027")))
        await until(lambda: etcd.synced("shop"))
        assert await asyncio.to_thread(keys, cluster) == APPS - {"/antiphon/v1/shop/apps/Payments"}
        assert etcd.writes_done == 4


async def test_somebody_elses_change_of_a_record_is_put_right(cluster: server.Etcd) -> None:
    async with following(cluster) as (etcd, _):
        etcd.want(WANTED)
        await until(lambda: etcd.synced("shop"))
        await asyncio.to_thread(lambda: connected(cluster).put("/antiphon/v1/shop/apps/orders", b"{}"))
        await until(lambda: etcd.writes_done == 4)
        await until(lambda: etcd.synced("shop"))


async def test_an_emptied_etcd_is_filled_again(cluster: server.Etcd) -> None:
    put(cluster)
    async with following(cluster) as (etcd, _):
        etcd.want(WANTED)
        await until(lambda: etcd.synced("shop"))
        await asyncio.to_thread(cluster.empty)
        await until(lambda: etcd.connected and not etcd.view.namespaces())
        await until(lambda: etcd.synced("shop"))
        assert await asyncio.to_thread(keys, cluster) == APPS


async def test_the_last_view_stays_while_etcd_is_away_and_its_absence_is_said(cluster: server.Etcd) -> None:
    key = put(cluster)
    async with following(cluster) as (etcd, _):
        await until(lambda: etcd.seen)
        await asyncio.to_thread(cluster.kill)
        await until(lambda: etcd.away_since is not None)
        assert (etcd.connected, key in etcd.view.replicas("shop")) == (False, True)
        etcd.want(WANTED)
        await asyncio.to_thread(cluster.start)
        await until(lambda: etcd.synced("shop"))
        assert (etcd.connected, etcd.away_since) == (True, None)
