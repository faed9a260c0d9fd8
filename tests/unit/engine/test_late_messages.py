"""Messages that come too late, twice, or for another run have no effect and only lose their rows."""

import dataclasses

import pytest

from antiphon_sidecar.engine.messages import Message, Row
from antiphon_sidecar.engine.state import RECENT_MESSAGES
from antiphon_sidecar.engine.turn import begin_turn
from tests.unit.engine.build import (
    NOW,
    again,
    began,
    child,
    child_result,
    ended,
    fired,
    ident,
    kinds,
    raised,
    result,
    running,
    start,
    task,
    timer,
)

OTHER_RUN = ident("run-0")


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(result(1, run=OTHER_RUN), id="result for another run"),
        pytest.param(result(1, execution="x9"), id="result for another generation"),
        pytest.param(child_result(2, run=OTHER_RUN), id="child for another run"),
        pytest.param(child_result(2, execution="x9"), id="child for another generation"),
        pytest.param(fired(3, NOW, run=OTHER_RUN), id="timer of another run"),
        pytest.param(fired(3, NOW, execution="x9"), id="timer of another generation"),
        pytest.param(result(8), id="result that nobody asked for"),
        pytest.param(child_result(1), id="child result for a task's id"),
        pytest.param(fired(2, NOW), id="timer for a child's id"),
        pytest.param(dataclasses.replace(raised(), incarnation=OTHER_RUN), id="event for another run"),
    ],
)
def test_drops(message: Message):
    turn = began(running(task(1), child(2), timer(3)), message)
    assert (turn.events, turn.consumed, turn.discarded) == ((), (), (message,))
    assert not turn.needs_worker


def test_drops_a_second_result_for_the_same_task():
    state = running(task(1))
    turn = began(state, result(1))
    state = ended(turn).state
    assert began(state, result(1)).discarded == (result(1),)


def test_drops_the_copy_of_a_result_that_came_with_it():
    direct, row = result(1), result(1, row=Row.INBOX)
    turn = began(running(task(1)), direct, row)
    assert (turn.consumed, turn.discarded) == ((direct,), (row,))
    assert kinds(turn.events) == ["WorkflowStarted", "TaskCompleted"]


def test_drops_an_event_whose_message_was_applied():
    state = ended(began(running(), raised(message_id="m1"))).state
    assert began(state, raised("another name", message_id="m1")).discarded


def test_applies_the_same_message_once_within_a_turn():
    turn = began(running(), raised("a", message_id="m1"), raised("a", message_id="m1"))
    assert len(turn.consumed) == len(turn.discarded) == 1


def test_two_events_of_one_name_are_two_events():
    turn = began(running(), raised("a", message_id="m1"), raised("a", message_id="m2"))
    assert kinds(turn.events[1:]) == ["EventRaised", "EventRaised"]


def test_remembers_a_bounded_number_of_messages():
    state = running()
    for number in range(RECENT_MESSAGES + 1):
        state = ended(began(state, raised(message_id=f"m{number}"))).state
    assert len(state.recent_messages) == RECENT_MESSAGES
    assert began(state, raised(message_id=f"m{RECENT_MESSAGES}")).discarded
    assert began(state, raised(message_id="m0")).consumed


def test_remembers_messages_across_continue_as_new():
    state = ended(began(running(), raised(message_id="m1")), again()).state
    assert began(state, raised(message_id="m1")).discarded


def test_a_result_of_the_generation_before_is_dropped():
    state = ended(began(running(task(1)), raised()), again()).state
    assert began(state, result(1)).discarded == (result(1),)


def test_an_event_that_was_not_delivered_reaches_the_next_generation():
    state = ended(began(running(), raised("a")), again()).state
    turn = began(state, start(execution_id=state.execution_id), raised("b"))
    assert kinds(turn.events) == ["WorkflowStarted", "ExecutionStarted", "EventRaised"]


def test_late_messages_are_dropped_beside_those_that_count():
    turn = began(running(task(1)), result(8), result(1))
    assert (turn.consumed, turn.discarded, turn.needs_worker) == ((result(1),), (result(8),), True)


def test_a_repeated_message_waits_with_its_first_when_the_turn_is_full():
    many = [raised(message_id=f"m{number}") for number in range(501)]
    turn = began(running(), *many, many[-1])
    assert (len(turn.consumed), turn.discarded) == (500, ())
    assert begin_turn(turn.base, many[500:], now=NOW) is not None
