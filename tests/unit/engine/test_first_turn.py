"""What a worker is told in an instance's first turn, and in those that follow."""

from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.messages import Kind
from antiphon_sidecar.engine.turn import begin_turn
from tests.unit.engine.build import (
    APP,
    ID,
    NOW,
    RUN,
    SECOND,
    began,
    child,
    child_result,
    fired,
    kinds,
    raised,
    result,
    running,
    start,
    started,
    task,
    timer,
)


def test_first_turn_is_workflow_started_then_execution_started():
    turn = began(None, start())
    assert turn.events == (ev.WorkflowStarted(NOW), started())
    assert turn.needs_worker


def test_first_turn_begins_a_new_run_named_by_its_start():
    turn = began(None, start())
    assert turn.fresh
    assert (turn.base.app, turn.base.instance_id, turn.base.incarnation) == (APP, ID, RUN)


def test_a_child_runs_in_the_app_it_was_sent_to():
    turn = began(None, start(route=ev.Route("shop", "stock")))
    assert turn.base.app == "stock"


def test_events_that_came_before_the_start_follow_it():
    turn = began(None, raised("early"), start())
    assert kinds(turn.events) == ["WorkflowStarted", "ExecutionStarted", "EventRaised"]


def test_messages_come_in_the_order_of_their_arrival():
    state = running(task(1), child(2), timer(3))
    turn = began(state, raised("a"), child_result(2), fired(3, NOW), result(1), raised("b"))
    assert kinds(turn.events[1:]) == ["EventRaised", "ChildCompleted", "TimerFired", "TaskCompleted", "EventRaised"]
    assert [m.kind for m in turn.consumed] == [
        Kind.EVENT,
        Kind.CHILD_RESULT,
        Kind.TIMER,
        Kind.TASK_RESULT,
        Kind.EVENT,
    ]


def test_every_turn_opens_with_its_own_time():
    turn = began(running(), raised(), now=NOW + SECOND)
    assert turn.events[0] == ev.WorkflowStarted(NOW + SECOND)


def test_nothing_came_so_there_is_no_turn():
    assert begin_turn(running(), [], now=NOW) is None


def test_an_instance_that_does_not_exist_has_no_turn():
    assert begin_turn(None, [raised()], now=NOW) is None


def test_beginning_a_turn_changes_nothing():
    state = running(task(1))
    before = repr(state)
    first = began(state, result(1))
    assert began(state, result(1)) == first
    assert repr(state) == before


def test_a_result_carries_the_id_of_its_retry_chain():
    state = running(task(1, task_execution_id="chain"))
    assert began(state, result(1)).events[1] == ev.TaskCompleted(NOW, 1, "1", "chain")


def test_started_by_the_start_row_the_owner_wrote_for_the_next_generation():
    turn = began(None, start(events=[ev.EventRaised(0, "kept", "1")]))
    assert kinds(turn.events) == ["WorkflowStarted", "ExecutionStarted", "EventRaised"]
