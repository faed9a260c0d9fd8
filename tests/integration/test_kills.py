"""Nothing is lost and nothing is done twice while host and apps are killed."""

import pytest

from tests.integration.campaigns import Campaign, Plan
from tests.integration.programs import Stack

pytestmark = pytest.mark.integration


@pytest.mark.smoke
async def test_survives_a_few_kills(sqlite_stack: Stack) -> None:
    plan = Plan(seed=1, instances=12, host_kills=2, app_kills=2, pause_s=(0.3, 0.9), work_s=0.05, finish_s=30)
    await Campaign(sqlite_stack, plan).run()


@pytest.mark.parametrize("seed", [11])
async def test_survives_forty_kills(any_stack: Stack, seed: int) -> None:
    plan = Plan(seed=seed, instances=100, host_kills=20, app_kills=20, pause_s=(0.2, 2.5), work_s=0.4, finish_s=240)
    await Campaign(any_stack, plan).run()
