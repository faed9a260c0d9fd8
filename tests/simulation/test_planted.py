"""Each rule of the protocol, dropped, is found: the simulator can see what it is there for."""

import pytest

from tests.simulation.planted import BUGS
from tests.simulation.world import simulate


@pytest.mark.parametrize("name", sorted(BUGS))
def test_finds_the_planted_bug(name, monkeypatch):
    bug = BUGS[name]
    bug.plant(monkeypatch.setattr)
    for seed in range(1, bug.seeds + 1):
        verdict = simulate(seed, bug.scenario)
        if verdict.broken:
            promises = {broken.promise for broken in verdict.broken}
            assert promises & bug.promises, f"seed={seed}: {promises}"
            return
    pytest.fail(f"not found in {bug.seeds} seeds")


@pytest.mark.parametrize("name", sorted(BUGS))
def test_the_same_runs_are_clean_without_the_bug(name):
    verdict = simulate(1, BUGS[name].scenario)
    assert not verdict.broken, "\n".join(map(str, verdict.broken))
