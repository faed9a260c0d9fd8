"""What a sidecar beside etcd and PostgreSQL reports of itself."""

import asyncio

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from antiphon_sidecar.bootstrap import Ports, open_sidecar
from antiphon_sidecar.settings import Settings
from docs.metrics_page import families
from tests import etcd, postgres
from tests.integration.twins import until

pytestmark = pytest.mark.integration


async def scraped(port: int) -> dict[str, float]:
    """Return each metric's sum over its labels."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        text = await answer.text()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        found |= {family.name: sum(sample.value for sample in family.samples)}
    return found


async def test_a_sidecar_reports_its_lease_its_partitions_and_its_pool_and_ends_without_etcd():
    with etcd.started() as cluster, postgres.started() as server:
        settings = Settings(store=server.url, etcd=",".join(cluster.endpoints), metrics_port=0, peer_port=0)
        async with open_sidecar("orders", settings, Ports(0, 0)) as sidecar:
            port = sidecar.metrics_port
            assert port is not None

            async def settled() -> bool:
                seen = await scraped(port)
                return seen["antiphon_etcd_connected"] == 1 and seen["antiphon_partitions_owned"] in (0, 32)

            await until(settled)
            seen = await scraped(port)
            assert 0 < seen["antiphon_lease_left_seconds"] <= 10
            assert (seen["antiphon_store_pool_size"], seen["antiphon_replicas_seen"]) == (4, 1)
            named = {family.name for _, family in families()}
            assert set(seen) == {name for name in named if not name.startswith("antiphon_operator_")}
            await asyncio.to_thread(cluster.kill)

            async def gone() -> bool:
                return (await scraped(port))["antiphon_etcd_connected"] == 0

            await until(gone)
