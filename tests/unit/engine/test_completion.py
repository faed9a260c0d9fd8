"""How an answer ends an instance, and what becomes of the actions beside the end."""

import pytest

from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.messages import Kind
from tests.unit.engine.build import (
    LIMIT,
    NOW,
    SECOND,
    again,
    began,
    child,
    done,
    ended,
    ident,
    kinds,
    raised,
    running,
    task,
    timer,
)

PARENT = ev.Parent("shop", "p1", "px", ident("parent"), 7, "buy")
BROKEN = ac.Complete(9, ev.Status.FAILED, failure=ev.Failure("ValueError", "no"))


def test_completes_with_its_result():
    outcome = ended(began(running(), raised()), done(5, '"ok"'))
    assert outcome.events[-1] == ev.ExecutionCompleted(NOW, 5, ev.Status.COMPLETED, '"ok"')
    assert (outcome.state.status, outcome.state.output) == (ev.Status.COMPLETED, '"ok"')
    assert outcome.ended_execution == "x0"


def test_fails_with_its_failure():
    state = ended(began(running(), raised()), BROKEN).state
    assert (state.status, state.failure) == (ev.Status.FAILED, ev.Failure("ValueError", "no"))


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(BROKEN, id="failed"),
        pytest.param(done(status=ev.Status.TERMINATED), id="terminated"),
        pytest.param(again(), id="continued as new"),
    ],
)
def test_an_end_drops_what_was_asked_for_beside_it(end: ac.Complete):
    outcome = ended(began(running(), raised()), task(1), child(2), timer(3), end)
    assert (outcome.tasks, outcome.timers) == ([], [])
    assert [m.kind for m in outcome.outgoing] == ([Kind.START] if outcome.continues else [])


def test_what_was_never_awaited_still_starts_beside_completed():
    outcome = ended(began(running(), raised()), task(1), done(), child(2), timer(3))
    assert [new.event.event_id for new in outcome.tasks] == [1]
    assert [m.instance_id for m in outcome.outgoing] == ["c1"]
    assert outcome.timers == []
    assert kinds(outcome.events[2:]) == ["TaskScheduled", "ChildCreated", "ExecutionCompleted"]


def test_tells_the_parent_the_result():
    outcome = ended(began(running(parent=PARENT), raised()), done(result="5"))
    (told,) = outcome.outgoing
    assert told.events == (ev.ChildCompleted(NOW, 7, "5"),)
    assert (told.app, told.instance_id, told.execution_id, told.incarnation, told.ref_id) == (
        "shop",
        "p1",
        "px",
        ident("parent"),
        7,
    )


def test_tells_the_parent_the_failure():
    (told,) = ended(began(running(parent=PARENT), raised()), BROKEN).outgoing
    assert told.events == (ev.ChildFailed(NOW, 7, ev.Failure("ValueError", "no")),)


def test_a_failure_without_details_still_tells_the_parent_something():
    (told,) = ended(began(running(parent=PARENT), raised()), ac.Complete(9, ev.Status.FAILED)).outgoing
    (failed,) = told.events
    assert isinstance(failed, ev.ChildFailed)
    assert failed.failure.error_type == "WorkflowFailed"
    assert failed.failure.message


def test_the_first_of_two_ends_decides():
    assert ended(began(running(), raised()), done(1, "1"), done(2, "2")).state.output == "1"


@pytest.mark.parametrize("status", [ev.Status.RUNNING, ev.Status.PENDING, ev.Status.SUSPENDED])
def test_an_end_that_is_none_fails_the_instance(status: ev.Status):
    state = ended(began(running(), raised()), done(status=status)).state
    assert state.status is ev.Status.FAILED
    assert state.failure is not None
    assert state.failure.message.startswith("AN503 RequestInvalid: ")


def test_an_action_that_is_not_carried_out_fails_the_instance():
    state = ended(began(running(), raised()), ac.Unsupported(3, "send_event")).state
    assert state.failure is not None
    assert (state.failure.code, state.failure.non_retriable) == ("AN209", True)


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(task(input="x" * (LIMIT + 1)), id="activity input"),
        pytest.param(child(input="x" * (LIMIT + 1)), id="child input"),
        pytest.param(task(input="\N{GRINNING FACE}" * (LIMIT // 4 + 1)), id="bytes, not characters"),
        pytest.param(done(result="x" * (LIMIT + 1)), id="result"),
        pytest.param(again(9, "x" * (LIMIT + 1)), id="next input"),
    ],
)
def test_a_value_above_the_limit_fails_the_instance(action: ac.Action):
    outcome = ended(began(running(), raised()), action)
    assert outcome.state.failure is not None
    assert outcome.state.failure.code == "AN204"
    assert (outcome.tasks, outcome.outgoing) == ([], [])


def test_a_value_at_the_limit_passes():
    assert ended(began(running(), raised()), task(input="x" * LIMIT)).tasks


def test_custom_status_is_replaced_each_turn():
    state = ended(began(running(), raised()), custom_status='"half"').state
    assert state.custom_status == '"half"'
    assert ended(began(state, raised(message_id="m2")), custom_status="").state.custom_status is None


def test_a_timer_asked_for_is_armed_at_its_time():
    (armed,) = ended(began(running(), raised()), timer(3, NOW + SECOND)).timers
    assert (armed.event_id, armed.fire_at) == (3, NOW + SECOND)


def test_a_task_waits_to_start_for_as_long_as_it_was_given():
    outcome = ended(began(running(), raised()), task(timeouts=ev.Timeouts(schedule_to_start_ns=SECOND)), now=NOW + 5)
    (new,) = outcome.tasks
    assert (new.event.timestamp, new.event.timeouts.schedule_to_start_ns) == (NOW + 5, SECOND)
