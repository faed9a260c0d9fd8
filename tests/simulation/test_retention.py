"""Seeds in which runs go some time after their end: each of them, none too early, and nothing else is disturbed."""

import pytest

from tests.simulation.world import Scenario, simulate

#: Longer than calls without an answer are made again: a start that is repeated must not find its run gone.
KEEP_S = 60.0


@pytest.mark.parametrize("seed", range(2_000, 2_008))
def test_ends_with_an_empty_store_for_seed(seed):
    verdict = simulate(seed, Scenario(keep_s=KEEP_S, purges=0.1, quiet_s=200.0))
    text = "\n".join([f"seed={seed}", *map(str, verdict.broken), *verdict.tail[-40:]])
    assert not verdict.broken, text
    assert verdict.instances == 0
