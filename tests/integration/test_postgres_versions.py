"""Kills on the oldest and on the newest PostgreSQL; the stores' contract runs on them by `make integration`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.integration.campaigns import Campaign, Plan
from tests.integration.programs import Stack, Store, stack

pytestmark = pytest.mark.integration


@pytest.fixture(params=postgres.SUPPORTED)
def old_or_new_stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    with postgres.started(version=request.param) as server, stack(tmp_path, Store(server.url)) as made:
        yield made


async def test_survives_a_few_kills(old_or_new_stack: Stack) -> None:
    plan = Plan(seed=2, instances=12, host_kills=2, app_kills=2, pause_s=(0.3, 0.9), work_s=0.05, finish_s=60)
    await Campaign(old_or_new_stack, plan).run()
