"""Histories that calls hand on: inside the app, and refused where they would carry one app's data to another."""

import pytest

from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.actions import Target
from antiphon_sidecar.engine.events import Propagation
from tests.unit.engine.build import APP, again, began, child, ended, raised, running, task


@pytest.mark.parametrize("target", [None, Target(APP)])
def test_an_own_history_may_go_to_its_own_app(target: Target | None):
    outcome = ended(began(running(), raised()), task(1, propagation=Propagation.OWN, target=target))
    event = outcome.tasks[0].event
    assert event.propagation is Propagation.OWN


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(task(1, propagation=Propagation.OWN, target=Target("stock")), id="activity elsewhere"),
        pytest.param(child(1, propagation=Propagation.OWN, target=Target("stock")), id="child elsewhere"),
        pytest.param(task(1, propagation=Propagation.LINEAGE), id="with those of callers"),
        pytest.param(child(1, propagation=Propagation.LINEAGE), id="child, with those of callers"),
    ],
)
def test_what_would_leave_the_app_fails_the_call(action: object):
    outcome = ended(began(running(), raised()), action)  # type: ignore[arg-type]
    (answer,) = outcome.outgoing
    assert outcome.tasks == []
    event = answer.events[0]
    assert isinstance(event, ev.TaskFailed | ev.ChildFailed)
    assert (event.failure.code, event.failure.non_retriable) == ("AN221", True)


def test_a_history_that_was_handed_on_is_kept_over_generations():
    state = running(propagated=b"history")
    outcome = ended(began(state, raised()), again())
    begun = outcome.outgoing[0].events[0]
    assert isinstance(begun, ev.ExecutionStarted)
    assert begun.propagated == outcome.state.propagated == b"history"
