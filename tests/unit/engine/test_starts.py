"""Starts that meet a run of the same ID, and starts that are for later."""

from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.messages import Kind
from antiphon_sidecar.engine.result import end_without_worker
from antiphon_sidecar.engine.state import State, committed
from antiphon_sidecar.engine.turn import begin_turn
from tests.unit.engine.build import (
    NOW,
    RUN,
    SECOND,
    began,
    done,
    ended,
    ident,
    kinds,
    raised,
    result,
    running,
    start,
    task,
)

PARENT = ev.Parent("shop", "p1", "px", ident("parent"), 7, "buy")
SECOND_RUN = ident("run-2")


def finished() -> State:
    return ended(began(None, start()), done()).state


def test_a_child_whose_id_is_taken_is_rejected():
    again = start(SECOND_RUN, parent=PARENT, execution_id="y0")
    turn = began(running(), again)
    assert (turn.rejected, turn.consumed, turn.needs_worker) == ((again,), (), False)


def test_the_parent_of_a_rejected_child_is_told_why():
    outcome = end_without_worker(began(running(), start(SECOND_RUN, parent=PARENT)), now=NOW)
    (told,) = outcome.outgoing
    assert (told.app, told.instance_id, told.kind, told.ref_id) == ("shop", "p1", Kind.CHILD_RESULT, 7)
    (failed,) = told.events
    assert isinstance(failed, ev.ChildFailed)
    assert failed.failure.error_type == "WorkflowInstanceAlreadyExists"
    assert failed.failure.message.startswith("AN203 InstanceIdInUse: ")


def test_a_client_that_was_rejected_has_had_its_answer():
    outcome = end_without_worker(began(running(), start(SECOND_RUN)), now=NOW)
    assert outcome.outgoing == []


def test_rejecting_does_not_keep_messages_from_their_turn():
    turn = began(running(task(1)), start(SECOND_RUN, parent=PARENT), result(1))
    outcome = ended(turn)
    assert kinds(outcome.events) == ["WorkflowStarted", "TaskCompleted"]
    assert [m.instance_id for m in outcome.outgoing] == ["p1"]


def test_a_repeat_of_the_start_that_made_the_run_is_dropped():
    turn = began(running(), start())
    assert (turn.discarded, turn.rejected) == ((start(),), ())


def test_a_repeat_of_the_start_of_a_finished_run_is_dropped():
    assert began(finished(), start()).discarded == (start(),)


def test_a_finished_run_gives_way_to_a_new_start():
    old = finished()
    turn = began(old, start(SECOND_RUN, execution_id="y0"))
    assert turn.fresh
    assert turn.replaces is old
    assert (turn.base.incarnation, turn.base.execution_id, turn.base.version) == (SECOND_RUN, "y0", 0)


def test_messages_for_the_old_run_do_not_reach_the_new_one():
    turn = began(finished(), start(SECOND_RUN, execution_id="y0"), raised(), result(1))
    assert kinds(turn.events) == ["WorkflowStarted", "ExecutionStarted"]
    assert turn.discarded == (raised(), result(1))


def test_of_two_starts_of_one_id_the_first_wins():
    second = start(SECOND_RUN, parent=PARENT, execution_id="y0")
    turn = began(None, start(), second)
    assert (turn.base.incarnation, turn.rejected) == (RUN, (second,))


def pending(at: int) -> State:
    """An instance that is scheduled, as its first commit leaves it."""
    state = end_without_worker(began(None, start(scheduled_at=at)), now=NOW).state
    committed(state, wrote_history=False)
    return state


def test_a_scheduled_start_waits():
    state = pending(NOW + SECOND)
    assert (state.status, state.scheduled_at) == (ev.Status.PENDING, NOW + SECOND)
    assert begin_turn(state, [start(scheduled_at=NOW + SECOND)], now=NOW) is None


def test_a_scheduled_start_holds_events_too():
    assert begin_turn(pending(NOW + SECOND), [start(scheduled_at=NOW + SECOND), raised()], now=NOW) is None


def test_a_scheduled_start_begins_at_its_time():
    assert began(None, start(scheduled_at=NOW + SECOND), now=NOW + SECOND).needs_worker


def test_a_start_scheduled_for_the_past_begins_now():
    turn = began(None, start(scheduled_at=0))
    assert turn.events[0] == ev.WorkflowStarted(NOW)
