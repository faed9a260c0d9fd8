"""Concurrency limits under faults: two replicas, activities and workflows whose names have limits."""

import pytest

from tests.simulation import timed
from tests.simulation.interpreter import WORKFLOW
from tests.simulation.programs import Program, Writer
from tests.simulation.world import Scenario, simulate


def _limited(writer: Writer, instance_id: str) -> Program:
    calls = [["timed", "app0", timed.LIMITED, f"{instance_id}/{writer.next()}", 0] for _ in range(4)]
    return ["seq", [["par", calls], ["timer", 1.0]]]


SCENARIO = Scenario(apps=1, instances=7, write=_limited, workflows_most={WORKFLOW: 2})


@pytest.mark.parametrize("seed", range(1, 26))
def test_limits_hold_and_everything_ends(seed: int):
    verdict = simulate(seed, SCENARIO)
    text = "\n".join([f"seed={seed}", *map(str, verdict.broken), *verdict.tail[-40:]])
    assert not verdict.broken, text
