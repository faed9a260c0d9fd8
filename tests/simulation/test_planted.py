"""Each rule of the protocol, dropped, is found: the simulator can see what it is there for."""

import pytest

from tests.simulation.planted import BUGS, MASKED
from tests.simulation.world import simulate


@pytest.mark.parametrize("name", sorted(BUGS))
def test_finds_the_planted_bug(name, monkeypatch):
    bug = BUGS[name]
    bug.plant(monkeypatch.setattr)
    for seed in range(1, bug.seeds + 1):
        verdict = simulate(seed, bug.scenario)
        if verdict.broken:
            promises = {broken.promise for broken in verdict.broken}
            if promises & bug.promises:
                return
            assert promises <= bug.also, f"seed={seed}: {promises}"
    pytest.fail(f"not found in {bug.seeds} seeds")


@pytest.mark.parametrize("name", sorted(BUGS))
def test_the_same_runs_are_clean_without_the_bug(name):
    verdict = simulate(1, BUGS[name].scenario)
    assert not verdict.broken, "\n".join(map(str, verdict.broken))


@pytest.mark.parametrize("plant", MASKED, ids=lambda plant: plant.__name__)
def test_another_rule_catches_what_this_one_would_have_caught(plant, monkeypatch):
    plant(monkeypatch.setattr)
    for seed in range(1, 11):
        verdict = simulate(seed, MASKED[plant])
        assert not verdict.broken, "\n".join([f"seed={seed}", *map(str, verdict.broken)])
