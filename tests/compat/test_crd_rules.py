"""Kubernetes' own code on our definitions: rules compile on the oldest supported release, cost little, and judge alike.

`tests/unit/crds` judges the same cases by engines that know neither types nor costs.
"""

import functools
import json
import subprocess
from typing import Any

import pytest

from tests import gobuild
from tests.unit.crds import admission
from tests.unit.crds.cases import CASES, Case

#: What the API server allows for one rule, and for all rules of a definition.
RULE_COST_MOST = 10_000_000
DEFINITION_COST_MOST = 100_000_000
#: Room for rules to come, and for estimates that another release makes higher.
SHARE = 0.25
TIMEOUT_S = 120


@functools.cache
def judged() -> dict[str, Any]:
    program = gobuild.needed(gobuild.built("crdcheck", "."), "crdcheck (Kubernetes' own checks of definitions)")
    asked = {
        "definitions": list(admission.definitions().values()),
        "cases": [{"object": case.object, "old": case.old} for case in CASES],
    }
    done = subprocess.run(
        [program], input=json.dumps(asked).encode(), capture_output=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("kind", sorted(admission.definitions()))
def test_a_definition_is_accepted_and_its_rules_cost_little(kind: str) -> None:
    name = admission.definitions()[kind]["metadata"]["name"]
    (found,) = [each for each in judged()["definitions"] if each["name"] == name]
    assert found["errors"] == []
    rules = [
        rule for _, node in admission.nodes(admission.schema(kind)) for rule in node.get("x-kubernetes-validations", ())
    ]
    assert len(found["costs"]) == len(rules)
    assert {rule: cost for rule, cost in found["costs"].items() if cost > RULE_COST_MOST * SHARE} == {}
    assert sum(found["costs"].values()) <= DEFINITION_COST_MOST * SHARE


@pytest.mark.parametrize("place", range(len(CASES)), ids=[str(case) for case in CASES])
def test_an_object_is_judged_as_the_table_says(place: int) -> None:
    case: Case = CASES[place]
    answers = judged()["answers"][place]
    if case.refusal:
        assert answers != []
        if " " in case.refusal:  # the words of a rule of ours; the API server has its own for the schema
            assert any(case.refusal in each for each in answers), answers
    else:
        assert answers == []
