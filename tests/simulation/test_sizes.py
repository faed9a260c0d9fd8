"""Sizes: children twenty levels deep, fifty apps, a fan-out of a thousand; each while sidecars die."""

import dataclasses

from tests.simulation.chaos import Plan
from tests.simulation.programs import Program, Writer
from tests.simulation.world import Scenario, Verdict, simulate

_FAULTS = Plan(every_s=3.0, kinds=("kill sidecar", "bad network", "pause sidecar", "bad store"))
_DEPTH = 20
_APPS = 50
_WIDTH = 1_000
#: Turns that take a while, so that each has many results: the simulated worker replays all of a history each time.
_WIDE = Scenario(apps=2, instances=1, plan=_FAULTS, active_s=20.0, spread_s=3.0, purges=0.0, thinks_s=(0.3, 1.0))


def deep(writer: Writer, instance_id: str) -> Program:
    """A child of a child of a child, each in the other app."""
    program: Program = ["act", "app0", instance_id, 0, 1]
    for level in reversed(range(_DEPTH)):
        program = ["child", f"app{level % 2}", f"{instance_id}/{level}", ["seq", [program]]]
    return ["seq", [program]]


def everywhere(writer: Writer, instance_id: str) -> Program:
    """An activity in every app and a child in every other one."""
    calls: list[Program] = [["act", f"app{n}", f"{instance_id}-{n}", 0, 1] for n in range(_APPS)]
    for n in range(0, _APPS, 2):
        calls.append(["child", f"app{n}", f"{instance_id}/{n}", ["act", f"app{n + 1}", f"{instance_id}-c{n}", 0, 1]])
    return ["par", calls]


def wide(writer: Writer, instance_id: str) -> Program:
    """A thousand activities at once, half of them in the other app."""
    return ["par", [["act", f"app{n % 2}", f"{instance_id}-{n}", 0, 1] for n in range(_WIDTH)]]


def wide_children(writer: Writer, instance_id: str) -> Program:
    """A thousand children at once."""
    return ["par", [["child", f"app{n % 2}", f"{instance_id}/{n}", ["seq", []]] for n in range(_WIDTH)]]


def _judge(verdict: Verdict, *, instances: int) -> None:
    assert not verdict.broken, "\n".join([f"seed={verdict.seed}", *map(str, verdict.broken[:10]), *verdict.tail[-40:]])
    assert verdict.instances >= instances


def test_children_twenty_levels_deep():
    scenario = Scenario(apps=2, instances=2, plan=_FAULTS, write=deep, spread_s=3.0, purges=0.0)
    _judge(simulate(1, scenario), instances=2 * (_DEPTH + 1))


def test_fifty_apps():
    plan = Plan(every_s=1.0, kinds=_FAULTS.kinds)
    scenario = Scenario(apps=_APPS, replicas=1, instances=3, plan=plan, write=everywhere, active_s=20.0, purges=0.0)
    _judge(simulate(1, scenario), instances=3 * (1 + _APPS // 2))


def test_a_fan_out_of_a_thousand_activities():
    scenario = dataclasses.replace(_WIDE, write=wide, quiet_s=400.0)
    _judge(simulate(1, scenario), instances=1)


def test_a_fan_out_of_a_thousand_children():
    scenario = dataclasses.replace(_WIDE, write=wide_children)
    _judge(simulate(1, scenario), instances=_WIDTH + 1)
