"""Terminating: the engine ends the instance itself, with the caller's output, whatever the worker does."""

from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.actions import Target
from antiphon_sidecar.engine.messages import Kind, Message
from antiphon_sidecar.engine.result import Result, end_without_worker
from antiphon_sidecar.engine.state import State
from tests.unit.engine.build import (
    NOW,
    SECOND,
    began,
    child,
    child_result,
    ended,
    kinds,
    raised,
    result,
    running,
    start,
    suspend,
    task,
    terminate,
    timer,
)


def terminated(state: State | None, *messages: Message, now: int = NOW) -> Result:
    turn = began(state, *messages, now=now)
    assert not turn.needs_worker
    return end_without_worker(turn, now=now)


def test_ends_with_the_output_as_it_was_given():
    outcome = terminated(running(), terminate(output='"bye"'))
    assert outcome.state.status is ev.Status.TERMINATED
    assert outcome.state.output == '"bye"'
    assert kinds(outcome.events) == ["WorkflowStarted", "ExecutionTerminated", "ExecutionCompleted"]


def test_the_end_has_no_action_of_its_own():
    last = terminated(running(), terminate()).events[-1]
    assert isinstance(last, ev.ExecutionCompleted)
    assert last.event_id == -1


def test_absent_and_empty_outputs_stay_what_they_are():
    assert terminated(running(), terminate(output=None)).state.output is None
    assert terminated(running(), terminate(output="")).state.output == ""


def test_releases_the_rows_of_the_generation():
    outcome = terminated(running(task(1), timer(3)), terminate())
    assert outcome.ended_execution == "x0"
    assert (outcome.state.tasks, outcome.state.timers) == ({}, {})


def test_terminates_before_the_first_turn():
    outcome = terminated(None, start(), terminate())
    assert kinds(outcome.events) == [
        "WorkflowStarted",
        "ExecutionStarted",
        "ExecutionTerminated",
        "ExecutionCompleted",
    ]
    assert [m.kind for m in outcome.turn.consumed] == [Kind.START, Kind.CONTROL]


def test_terminates_a_start_that_is_scheduled_for_later():
    outcome = terminated(None, start(scheduled_at=NOW + SECOND), terminate())
    assert outcome.state.status is ev.Status.TERMINATED


def test_terminates_what_is_suspended():
    state = end_without_worker(began(running(), suspend()), now=NOW).state
    assert terminated(state, terminate()).state.status is ev.Status.TERMINATED


def test_beats_everything_that_came_with_it():
    turn = began(running(task(1)), result(1), suspend(), terminate())
    assert turn.consumed == (terminate(),)


def test_the_first_of_two_terminates_decides_the_output():
    turn = began(running(), terminate("a", output="1"), terminate("b", output="2"))
    assert end_without_worker(turn, now=NOW).state.output == "1"


def test_nothing_has_an_effect_on_what_has_ended():
    state = terminated(running(task(1), child(2)), terminate()).state
    late = (result(1), child_result(2), raised(), suspend(), terminate("again"))
    turn = began(state, *late)
    assert (turn.consumed, turn.discarded, turn.needs_worker) == ((), late, False)


def test_tells_the_parent_that_it_was_terminated():
    parent = ev.Parent("shop", "p1", "px", b"p" * 16, 7, "buy")
    outcome = terminated(running(parent=parent), terminate())
    (told,) = outcome.outgoing
    assert (told.app, told.instance_id, told.ref_id, told.execution_id) == ("shop", "p1", 7, "px")
    (failed,) = told.events
    assert isinstance(failed, ev.ChildFailed)
    assert failed.failure.error_type == "WorkflowTerminated"
    assert failed.failure.message


def test_recursive_terminate_reaches_children_of_other_apps():
    state = running(child(2, "c1", target=Target("stock")), child(3, "c2"))
    outcome = terminated(state, terminate(recurse=True))
    assert {(m.app, m.instance_id) for m in outcome.outgoing} == {("stock", "c1"), ("orders", "c2")}
    assert all(m.events == (ev.ExecutionTerminated(NOW, '"bye"', True),) for m in outcome.outgoing)


def test_a_repeat_of_the_terminate_sends_the_same_messages():
    first = terminated(running(child(2)), terminate(recurse=True))
    second = terminated(running(child(2)), terminate(recurse=True))
    assert [m.message_id for m in first.outgoing] == [m.message_id for m in second.outgoing]


def test_a_child_that_has_ended_is_not_told():
    turn = began(running(child(2)), child_result(2))
    state = ended(turn).state
    assert terminated(state, terminate(recurse=True)).outgoing == []


def test_remembers_the_message_that_ended_it():
    assert terminated(running(), terminate()).state.recent_messages.keys() == {terminate().message_id}


def test_never_ends_before_it_began():
    state = running(now=NOW + SECOND)
    assert terminated(state, terminate(), now=NOW).state.completed_at == NOW + SECOND
