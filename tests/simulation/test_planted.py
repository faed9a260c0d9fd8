"""Each rule of the protocol, dropped, is found: the simulator can see what it is there for."""

import pytest

from tests.simulation.planted import BUGS, MASKED
from tests.simulation.world import simulate

#: Scenarios that found bugs nobody had planted: a resume without effect overtook a suspend; a fired timer rested for a
#: minute after its owner; a child that was suspended before its start was withdrawn, and one whose caller was ended.
FOUND = (
    ("inserter_holds_the_row", 257),
    ("new_owner_lets_rest_what_rests", 15),
    ("start_is_withdrawn_whether_or_not_it_is_there", 57),
    ("start_is_withdrawn_whether_or_not_it_is_there", 62),
    ("start_is_withdrawn_whether_or_not_it_is_there", 81),
)


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


@pytest.mark.parametrize(("name", "seed"), FOUND)
def test_keeps_its_promises_where_it_once_did_not(name, seed):
    verdict = simulate(seed, BUGS[name].scenario)
    assert not verdict.broken, "\n".join(map(str, verdict.broken))
