"""Nothing is lost and nothing is done twice while host and apps are killed."""

import os

import pytest

from tests.integration.campaigns import Campaign, Plan
from tests.integration.programs import Stack

pytestmark = pytest.mark.integration

#: Others by hand: KILL_SEEDS=1,2,3. Only the kills and the mix of workflows follow from a seed, not the outcome.
SEEDS = [int(seed) for seed in os.environ.get("KILL_SEEDS", "11").split(",")]


@pytest.mark.smoke
async def test_survives_a_few_kills(sqlite_stack: Stack) -> None:
    plan = Plan(seed=1, instances=12, host_kills=2, app_kills=2, pause_s=(0.3, 0.9), work_s=0.05, finish_s=30)
    await Campaign(sqlite_stack, plan).run()


@pytest.mark.parametrize("seed", SEEDS)
async def test_survives_forty_kills(any_stack: Stack, seed: int) -> None:
    plan = Plan(seed=seed, instances=100, host_kills=20, app_kills=20, pause_s=(0.2, 2.5), work_s=0.4, finish_s=240)
    await Campaign(any_stack, plan).run()
