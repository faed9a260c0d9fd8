"""A suspended instance holds its messages; suspending and resuming are the engine's own turns."""

import dataclasses

import pytest

from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.messages import Kind, Message
from antiphon_sidecar.engine.result import Stalled, end_without_worker, stall
from antiphon_sidecar.engine.state import State, committed
from antiphon_sidecar.engine.turn import begin_turn
from tests.unit.engine.build import (
    NOW,
    RUN,
    began,
    child,
    ended,
    fired,
    ident,
    kinds,
    raised,
    read,
    result,
    resume,
    running,
    start,
    suspend,
    task,
    terminate,
    timer,
)


def applied(state: State | None, *messages: Message) -> State:
    turn = began(state, *messages)
    assert not turn.needs_worker
    outcome = end_without_worker(turn, now=NOW)
    committed(outcome.state, wrote_history=bool(outcome.events))
    return outcome.state


def settled(state: State, *messages: Message) -> State:
    """Apply engine turns until nothing is left to do, as a lane does."""
    left = list(messages)
    while (turn := begin_turn(state, left, now=NOW)) is not None and not turn.needs_worker:
        taken = {id(m) for m in (*turn.consumed, *turn.discarded)}
        left = [m for m in left if id(m) not in taken]
        state = end_without_worker(turn, now=NOW).state
    return state


def test_suspends_without_a_worker():
    turn = began(running(), suspend())
    assert not turn.needs_worker
    assert turn.events == (ev.WorkflowStarted(NOW), ev.ExecutionSuspended(NOW, "why"))
    assert end_without_worker(turn, now=NOW).state.status is ev.Status.SUSPENDED


@pytest.mark.parametrize(
    "message",
    [pytest.param(raised(), id="event"), pytest.param(result(1), id="result"), pytest.param(fired(3, NOW), id="timer")],
)
def test_holds_messages_while_suspended(message: Message):
    state = applied(running(task(1), timer(3)), suspend())
    assert begin_turn(state, [message], now=NOW) is None


def test_goes_on_with_what_was_held_after_a_resume():
    state = applied(running(task(1)), suspend())
    turn = began(state, result(1), resume())
    assert turn.consumed == (resume(),)
    state = end_without_worker(turn, now=NOW).state
    assert state.status is ev.Status.RUNNING
    assert kinds(began(state, result(1)).events) == ["WorkflowStarted", "TaskCompleted"]


def test_a_control_goes_before_messages_that_came_earlier():
    turn = began(running(task(1)), result(1), suspend())
    assert turn.consumed == (suspend(),)


def test_resuming_what_runs_leaves_no_event():
    turn = began(running(), resume())
    assert (turn.events, turn.consumed, turn.discarded) == ((), (), (resume(),))


def test_suspending_twice_leaves_no_event():
    state = applied(running(), suspend("one"))
    turn = began(state, suspend("two"))
    assert (turn.events, turn.discarded) == ((), (suspend("two"),))


def test_a_resume_does_not_take_a_turn_away_from_messages():
    turn = began(running(task(1)), resume(), result(1))
    assert turn.needs_worker
    assert turn.discarded == (resume(),)


@pytest.mark.parametrize(
    ("controls", "status"),
    [
        pytest.param([suspend("1"), resume("2")], ev.Status.RUNNING, id="suspend, resume"),
        pytest.param([resume("1"), suspend("2")], ev.Status.SUSPENDED, id="resume, suspend"),
        pytest.param([suspend("1"), resume("2"), suspend("3")], ev.Status.SUSPENDED, id="suspend, resume, suspend"),
        pytest.param([suspend("1"), suspend("2"), resume("3")], ev.Status.RUNNING, id="suspend twice, resume"),
        pytest.param([suspend("1"), terminate("2"), resume("3")], ev.Status.TERMINATED, id="terminate between"),
    ],
)
def test_controls_that_come_together_act_in_their_order(controls: list[Message], status: ev.Status):
    assert settled(running(), *controls).status is status


def test_suspending_before_the_start_leaves_no_event():
    state = applied(None, start(), suspend())
    assert (state.status, state.event_count) == (ev.Status.SUSPENDED, 0)
    assert begin_turn(state, [start()], now=NOW) is None


def test_resuming_before_the_start_lets_it_begin():
    state = applied(applied(None, start(), suspend()), start(), resume())
    turn = began(state, start())
    assert kinds(turn.events) == ["WorkflowStarted", "ExecutionStarted"]


def test_recursive_suspend_and_resume_reach_open_children_by_their_start():
    state = running(child(2, "c1"), child(3, "c2"))
    outcome = end_without_worker(began(state, suspend(recurse=True)), now=NOW)
    told = {(message.instance_id, type(message.events[0]).__name__) for message in outcome.outgoing}
    assert told == {("c1", "ExecutionSuspended"), ("c2", "ExecutionSuspended")}
    assert len({message.incarnation for message in outcome.outgoing}) == 2


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        pytest.param([suspend("1")], suspend("2", recurse=True), ev.Status.SUSPENDED, id="suspended alone before"),
        pytest.param([], resume("2", recurse=True), ev.Status.RUNNING, id="children suspended alone"),
    ],
)
def test_a_recursive_control_reaches_children_where_it_changes_nothing_itself(
    first: list[Message], second: Message, status: ev.Status
):
    state = settled(running(child(2, "c1")), *first)
    before = state.event_count
    outcome = end_without_worker(began(state, second), now=NOW)
    assert [(m.instance_id, type(m.events[0])) for m in outcome.outgoing] == [("c1", type(second.events[0]))]
    assert (outcome.state.status, outcome.state.event_count) == (status, before)


def test_a_child_whose_start_is_unread_is_suspended_before_it_runs_a_step():
    parent = ended(began(None, start()), child(2, "c1"))
    (sent,) = parent.outgoing
    committed(parent.state, wrote_history=True)
    (told,) = end_without_worker(began(parent.state, suspend(recurse=True)), now=NOW).outgoing
    arrived = [read(sent), read(told)]
    state = applied(None, *arrived)
    assert state.status is ev.Status.SUSPENDED
    assert begin_turn(state, arrived[:1], now=NOW) is None


def test_a_child_whose_start_is_unread_is_terminated_without_a_worker():
    parent = ended(began(None, start()), child(2, "c1"))
    (sent,) = parent.outgoing
    committed(parent.state, wrote_history=True)
    outcome = end_without_worker(began(parent.state, terminate(recurse=True)), now=NOW)
    turn = began(None, read(sent), read(outcome.outgoing[0]))
    assert not turn.needs_worker
    assert end_without_worker(turn, now=NOW).state.status is ev.Status.TERMINATED


def test_children_are_left_alone_unless_asked():
    outcome = end_without_worker(began(running(child(2)), suspend()), now=NOW)
    assert outcome.outgoing == []


def test_a_result_that_came_twice_is_kept_while_suspended():
    # The copy may be the only one that still has a row; it goes when the first takes effect, not before.
    state = applied(running(task(1)), suspend())
    assert begin_turn(state, [result(1), result(1)], now=NOW) is None


def test_a_child_that_is_suspended_before_its_start_keeps_it_under_another_id():
    first = start()
    outcome = end_without_worker(began(None, first, suspend()), now=NOW)
    (held,) = outcome.outgoing
    assert first in outcome.turn.consumed
    assert (held.kind, held.incarnation, held.events) == (Kind.START, RUN, first.events)
    assert held.message_id != first.message_id


def test_a_start_that_comes_once_more_goes_only_with_the_one_that_is_applied():
    state = applied(None, start(), suspend())
    held = dataclasses.replace(start(), message_id=ident("held"))
    assert begin_turn(state, [start(), held], now=NOW) is None
    turn = began(applied(state, resume()), start(), held)
    assert (turn.consumed, turn.discarded) == ((start(),), (held,))


def test_a_child_that_is_set_aside_in_its_first_turn_keeps_its_start_under_another_id():
    first = start()
    outcome = stall(began(None, first), Stalled("VersionNotAvailable", "nobody has it"), now=NOW)
    assert outcome is not None
    (held,) = outcome.outgoing
    assert outcome.turn.consumed == (first,)
    assert (held.kind, held.incarnation, held.events) == (Kind.START, RUN, first.events)
    assert held.message_id != first.message_id
