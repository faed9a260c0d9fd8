"""A host whose PostgreSQL fails over, restarts or drops its connections goes on by itself, and nothing is lost."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from tests import postgres
from tests.integration.campaigns import Campaign, Plan
from tests.integration.programs import Store, stack

pytestmark = pytest.mark.integration

PLAN = Plan(seed=3, instances=40, pause_s=(0, 0), work_s=0.2, finish_s=120)


async def test_a_host_follows_a_fail_over(tmp_path: Path) -> None:
    with postgres.started() as primary, primary.standby("second") as standby:
        primary.configure(synchronous_standby_names="second")
        primary.reload()
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        url = f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"

        async def fail_over() -> None:
            await asyncio.sleep(1)
            await asyncio.to_thread(primary.kill)
            await asyncio.sleep(1)
            await asyncio.to_thread(standby.promote)
            await asyncio.sleep(2)

        with stack(tmp_path, Store(url)) as made:
            await Campaign(made, PLAN, fail_over).run()


async def test_a_host_survives_crashes_and_lost_connections(tmp_path: Path) -> None:
    with postgres.started() as server:

        async def disturb() -> None:
            for _ in range(5):
                await asyncio.sleep(0.5)
                admin = await asyncpg.connect(server.url)
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                await admin.execute(f"{others} AND backend_type = 'client backend'")
                await admin.close()
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await asyncio.sleep(1)
            await asyncio.to_thread(server.stop, "fast")
            await asyncio.to_thread(server.start)
            await asyncio.sleep(2)

        with stack(tmp_path, Store(server.url)) as made:
            await Campaign(made, PLAN, disturb).run()
