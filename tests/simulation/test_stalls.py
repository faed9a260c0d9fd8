"""Deployments that take versions and patches away, and instances of whose turns workers die: seeds of both."""

import pytest

from tests.simulation.world import DEPLOYMENTS, POISONED, Verdict, simulate


def broken(verdict: Verdict) -> str:
    return "\n".join([f"seed={verdict.seed}", *map(str, verdict.broken), *verdict.tail[-40:]])


@pytest.mark.parametrize("seed", range(1, 26))
def test_every_instance_ends_however_code_comes_and_goes(seed: int) -> None:
    verdict = simulate(seed, DEPLOYMENTS)
    assert not verdict.broken, broken(verdict)


#: In the last two, replicas die so often that others take long too.
@pytest.mark.parametrize("seed", [*range(1, 13), 41, 42])
def test_poison_is_set_aside_and_delays_nobody(seed: int) -> None:
    verdict = simulate(seed, POISONED)
    assert not verdict.broken, broken(verdict)
