"""Continue-as-new: a fresh generation of the same run, with what the workflow chose to keep."""

from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.messages import Kind, Message, Row
from antiphon_sidecar.engine.result import Result
from tests.unit.engine.build import (
    ID,
    NOW,
    RUN,
    again,
    began,
    ended,
    ident,
    kinds,
    raised,
    running,
    task,
    timer,
)

PARENT = ev.Parent("shop", "p1", "px", ident("parent"), 7, "buy")
KEPT = (ev.EventRaised(0, "a", "1"), ev.EventRaised(0, "b", None))


def continued(*carryover: ev.EventRaised, **over: object) -> Result:
    return ended(began(running(task(1), timer(3), **over), raised()), again(9, '"next"', *carryover))


def next_start(outcome: Result) -> Message:
    """The message as the owner reads it from the row."""
    (sent,) = outcome.outgoing
    return Message(
        Kind.START, Row.INBOX, sent.events, sent.message_id, sent.incarnation, sent.execution_id, sent.ref_id
    )


def test_begins_a_generation_with_the_new_input():
    turn = began(continued().state, next_start(continued()))
    event = turn.events[1]
    assert isinstance(event, ev.ExecutionStarted)
    assert (event.name, event.instance_id, event.input) == ("ship", ID, '"next"')
    assert event.execution_id == turn.base.execution_id != "x0"


def test_keeps_the_run_and_counts_the_generation():
    state = continued().state
    assert (state.incarnation, state.generation, state.status) == (RUN, 1, ev.Status.RUNNING)


def test_keeps_the_parent():
    outcome = continued(parent=PARENT)
    event = next_start(outcome).events[0]
    assert isinstance(event, ev.ExecutionStarted)
    assert event.parent == PARENT
    assert outcome.state.parent == PARENT


def test_keeps_the_tags():
    tags = {"region": "eu"}
    outcome = continued(tags=tags)
    event = next_start(outcome).events[0]
    assert isinstance(event, ev.ExecutionStarted)
    assert (event.tags, outcome.state.tags) == (tags, tags)
    assert began(outcome.state, next_start(outcome)).base.tags == tags


def test_does_not_tell_the_parent_yet():
    assert [m.kind for m in continued(parent=PARENT).outgoing] == [Kind.START]


def test_the_old_history_is_gone():
    outcome = continued()
    assert (outcome.events, outcome.generation, outcome.turn_number) == ([], 1, 0)
    assert (outcome.state.event_count, outcome.state.seen) == (0, set())


def test_the_old_generations_rows_go():
    outcome = continued()
    assert outcome.ended_execution == "x0"
    assert (outcome.state.tasks, outcome.state.timers) == ({}, {})


def test_carries_events_over_in_their_order_before_those_that_came_meanwhile():
    outcome = continued(*KEPT)
    turn = began(outcome.state, next_start(outcome), raised("c"))
    assert [e.name for e in turn.events if isinstance(e, ev.EventRaised)] == ["a", "b", "c"]
    assert kinds(turn.events[:2]) == ["WorkflowStarted", "ExecutionStarted"]


def test_keeps_carried_events_as_they_were():
    assert next_start(continued(*KEPT)).events[1:] == KEPT


def test_the_same_step_makes_the_same_start():
    assert next_start(continued()).message_id == next_start(continued()).message_id


def test_the_first_start_time_stays():
    outcome = continued()
    turn = began(outcome.state, next_start(outcome), now=NOW + 5)
    assert ended(turn, now=NOW + 5).state.started_at == NOW


def test_the_new_version_reaches_the_next_generation():
    outcome = ended(began(running(), raised()), ac.Complete(9, ev.Status.CONTINUED_AS_NEW, "1", new_version="2.0"))
    event = next_start(outcome).events[0]
    assert isinstance(event, ev.ExecutionStarted)
    assert event.version == "2.0"
