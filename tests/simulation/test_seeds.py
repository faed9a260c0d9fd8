"""Seeds: a run of them in every test run, those that once found something for ever, and a soak."""

import os
import subprocess
import sys

import pytest

from tests.simulation import situations
from tests.simulation.chaos import Plan
from tests.simulation.world import Scenario, simulate

#: Seeds that found something: an event that overtook another (164, 1313), a task that was sent after its result was
#: settled (31, 490), a partition key that nobody gave up (13), a scheduled start that spun (25);
#: one whose client forgot that a suspend without an answer may take effect after the resume (50644); and an end that
#: was told as the beginning of the run that the ID had next (201036, 203383).
FOUND = (13, 25, 31, 164, 262, 490, 693, 952, 1022, 1313, 1790, 1882, 50_644, 201_036, 203_383)
_SHARDS = 2
_SOAK = 5_000


@pytest.mark.parametrize("seed", [*range(1, 51), *FOUND])
def test_keeps_its_promises_for_seed(seed):
    verdict = simulate(seed)
    text = "\n".join([f"seed={seed}", *map(str, verdict.broken), *verdict.tail[-40:]])
    assert not verdict.broken, text


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_id_is_used_again_after_a_purge_by_force_when_the_children_have_ended(seed):
    by_force = Scenario(
        apps=2,
        instances=20,
        plan=Plan(0.0),
        active_s=12.0,
        spread_s=8.0,
        purges=1.0,
        forces=1.0,
        terminates=0.0,
        reruns=0.0,
        write=situations.unnamed_child,
    )
    verdict = simulate(seed, by_force)
    assert not verdict.broken, "\n".join(map(str, verdict.broken))


def test_repeats_exactly_whatever_the_order_of_sets_is():
    code = "from tests.simulation.world import simulate; print([simulate(seed).digest for seed in (3, 4, 5)])"
    path = os.pathsep.join(entry for entry in sys.path if entry)
    digests = set()
    for salt in ("0", "1"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": path},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        digests.add(run.stdout)
    assert len(digests) == 1


@pytest.mark.soak
def test_keeps_its_promises_for_thousands_of_seeds():
    each = _SOAK // _SHARDS
    shards = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.simulation", "--keep-going", "--count", str(each), "--seed", str(first)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in range(10_000, 10_000 + _SOAK, each)
    ]
    said = [shard.communicate(timeout=7_200)[0] for shard in shards]
    assert [shard.returncode for shard in shards] == [0] * _SHARDS, "\n".join(said)
