"""What the API server admits and refuses of our kinds, and that what it says names the fix."""

import pytest

from tests.unit.crds import admission
from tests.unit.crds.cases import CASES, GOOD, Case, good


@pytest.mark.parametrize("case", CASES, ids=str)
def test_admits_and_refuses_as_the_table_says(case: Case) -> None:
    refusals = admission.refusals(dict(case.object), None if case.old is None else dict(case.old))
    if case.refusal:
        assert any(case.refusal in each for each in refusals), refusals
    else:
        assert refusals == []


def test_each_rule_is_broken_by_a_case() -> None:
    messages = {
        rule["message"]
        for kind in GOOD
        for _, node in admission.nodes(admission.schema(kind))
        for rule in node.get("x-kubernetes-validations", ())
    }
    said = [
        refusal
        for case in CASES
        if case.refusal
        for refusal in admission.refusals(dict(case.object), None if case.old is None else dict(case.old))
    ]
    assert {message for message in messages if not any(message in each for each in said)} == set()


def test_what_is_left_out_gets_the_documented_defaults() -> None:
    def spec(kind: str, **given: object) -> dict[str, object]:
        found, refusals = admission.admitted(good(kind, spec=given))
        assert refusals == []
        return {name: value for name, value in found["spec"].items() if name not in given}

    entry = {"appId": "orders", "workflow": "buy"}
    reference = {"name": "buy"}
    assert spec("Workflow", entry=entry) == {"contractPolicy": "Enforce", "suspend": False}
    assert spec("WorkflowRun", workflowRef=reference) == {"desired": "Running", "deletionPolicy": "Orphan"}
    assert spec("WorkflowSchedule", workflowRef=reference, schedule="@daily") == {
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulRunsHistoryLimit": 3,
        "failedRunsHistoryLimit": 3,
    }
