"""No value above the limit gets into a history: each path refuses it, and says which it was and what to do."""

import pytest

from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine import sizes
from antiphon_sidecar.engine.actions import Action
from tests.unit.engine.build import LIMIT, NOW, again, began, child, done, ended, kinds, raised, running, task

FITS, LARGE = "x" * LIMIT, "x" * (LIMIT + 1)


@pytest.mark.parametrize(
    ("action", "what"),
    [
        (task(1, "charge", input=LARGE), 'the input of activity "charge" (#1)'),
        (child(2, input=LARGE), 'the input of child workflow "pack" (#2)'),
        (done(result=LARGE), "the workflow's result"),
        (again(9, LARGE), "the input of the next generation"),
        (again(9, "1", ev.EventRaised(NOW, "go", LARGE)), 'the payload of the event "go" that is carried over'),
    ],
    ids=["activity", "child", "result", "continue", "carryover"],
)
def test_a_value_that_is_too_large_fails_the_workflow(action: Action, what: str):
    outcome = ended(began(running(), raised()), action)
    assert kinds(outcome.events) == ["WorkflowStarted", "EventRaised", "ExecutionCompleted"]
    failure = outcome.state.failure
    assert failure is not None
    assert (failure.error_type, failure.code, failure.non_retriable) == ("PayloadTooLarge", "AN204", True)
    assert failure.message.startswith(f"AN204 PayloadTooLarge: {what} has {LIMIT + 1} bytes, the limit is {LIMIT}. ")
    assert "payload_size_max" in failure.message


def test_a_custom_status_that_is_too_large_fails_the_workflow_and_is_not_kept():
    outcome = ended(began(running(), raised()), task(1), custom_status=LARGE)
    assert outcome.state.status is ev.Status.FAILED
    assert (outcome.state.custom_status, outcome.tasks) == (None, [])


def test_values_at_the_limit_pass():
    outcome = ended(began(running(), raised()), task(1, input=FITS), custom_status=FITS)
    assert (outcome.state.status, outcome.state.custom_status) == (ev.Status.RUNNING, FITS)


def test_sizes_are_of_bytes_and_not_of_letters():
    assert sizes.excess("\N{GRINNING FACE}" * (LIMIT // 4), limit=LIMIT) == 0
    assert sizes.excess("\N{GRINNING FACE}" * (LIMIT // 4 + 1), limit=LIMIT) == LIMIT + 4


def test_an_sdk_that_breaks_off_fails_the_workflow_whatever_its_patches():
    """An answer above what its channel sends is replaced by the SDK: it knows of no patches then (wire.md 1.1)."""
    state = running()
    state.patches.append("p1")
    broke = ac.Complete(-1, ev.Status.FAILED, failure=ev.Failure("RuntimeError", "too large to deliver"))
    assert ended(began(state, raised()), broke).state.status is ev.Status.FAILED
