"""An action takes effect once, whatever a worker repeats."""

import pytest

from antiphon_sidecar.engine.actions import Action
from tests.unit.engine.build import again, began, child, ended, kinds, raised, result, running, start, task, timer


@pytest.mark.parametrize(
    "action", [pytest.param(task(4), id="task"), pytest.param(child(4), id="child"), pytest.param(timer(4), id="timer")]
)
def test_what_the_history_holds_is_not_done_again(action: Action):
    outcome = ended(began(running(action), raised()), action)
    assert kinds(outcome.events) == ["WorkflowStarted", "EventRaised"]
    assert (outcome.tasks, outcome.timers, outcome.outgoing) == ([], [], [])


def test_what_comes_twice_in_one_answer_is_done_once():
    outcome = ended(began(running(), raised()), task(1), task(1))
    assert [new.event.event_id for new in outcome.tasks] == [1]


def test_kinds_do_not_share_ids():
    outcome = ended(began(running(), raised()), task(1), child(1), timer(1))
    assert kinds(outcome.events[2:]) == ["TaskScheduled", "ChildCreated", "TimerCreated"]


def test_a_resolved_action_is_still_known():
    state = ended(began(running(task(1)), result(1))).state
    assert ended(began(state, raised()), task(1)).tasks == []


def test_id_zero_is_an_id():
    outcome = ended(began(running(), raised()), task(0), timer(0))
    assert set(outcome.state.tasks) == {0}
    assert set(outcome.state.timers) == {0}
    assert ended(began(outcome.state, raised(message_id="m2")), task(0)).tasks == []


def test_ids_may_have_gaps():
    outcome = ended(began(running(task(1)), raised()), task(7), task(4))
    assert [new.event.event_id for new in outcome.tasks] == [7, 4]


def test_ids_begin_again_with_each_generation():
    state = ended(began(running(task(1)), raised()), again()).state
    turn = began(state, start(execution_id=state.execution_id))
    assert len(ended(turn, task(1)).tasks) == 1


def test_events_follow_the_order_of_the_actions():
    outcome = ended(began(running(), raised()), timer(3), task(1), child(2))
    assert kinds(outcome.events[2:]) == ["TimerCreated", "TaskScheduled", "ChildCreated"]
