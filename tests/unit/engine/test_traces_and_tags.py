"""Trace contexts and tags: what an instance was started with goes on to where it belongs, the same on every replay."""

import pytest

from antiphon_sidecar.engine import events as ev
from tests.unit.engine.build import NOW, again, began, child, ended, raised, read, running, start, task

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"


def test_each_call_gets_a_span_of_its_own_in_the_trace_of_the_start():
    state = running(trace=ev.Trace(PARENT, "", "vendor=1"))
    outcome = ended(began(state, raised()), task(1), child(2))
    scheduled, created = outcome.events[-2:]
    assert isinstance(scheduled, ev.TaskScheduled)
    assert isinstance(created, ev.ChildCreated)
    traces = [scheduled.trace, created.trace]
    assert all(trace is not None and trace.trace_state == "vendor=1" for trace in traces)
    parents = [trace.trace_parent for trace in traces if trace is not None]
    assert all(parent.startswith(f"00-{TRACE_ID}-") and parent.endswith("-01") for parent in parents)
    assert len({PARENT, *parents}) == 3
    begun = outcome.outgoing[0].events[0]
    assert isinstance(begun, ev.ExecutionStarted)
    assert begun.trace == created.trace


def test_the_same_turn_decided_again_stamps_the_same_spans():
    def decided() -> tuple[ev.Event, ...]:
        return tuple(ended(began(running(trace=ev.Trace(PARENT)), raised()), task(1)).events)

    assert decided() == decided()


def test_a_bare_trace_id_becomes_a_traceparent():
    event = ended(began(running(trace=ev.Trace(TRACE_ID)), raised()), task(1)).tasks[0].event
    assert event.trace is not None
    assert event.trace.trace_parent.startswith(f"00-{TRACE_ID}-")


@pytest.mark.parametrize("odd", ["", "nonsense", "00-XYZ-1-1", PARENT.upper()])
def test_what_is_no_trace_context_is_handed_on_as_it_came(odd: str):
    event = ended(began(running(trace=ev.Trace(odd)), raised()), task(1)).tasks[0].event
    assert event.trace == ev.Trace(odd)


def test_without_a_trace_nothing_is_stamped():
    event = ended(began(running(), raised()), task(1)).tasks[0].event
    assert event.trace is None


def test_trace_and_tags_go_into_the_next_generation():
    state = running(trace=ev.Trace(PARENT), tags={"team": "a"})
    outcome = ended(began(state, raised()), again())
    begun = outcome.outgoing[0].events[0]
    assert isinstance(begun, ev.ExecutionStarted)
    assert (begun.trace, dict(begun.tags)) == (ev.Trace(PARENT), {"team": "a"})
    assert outcome.state.tags == {"team": "a"}
    turn = began(outcome.state, read(outcome.outgoing[0]))
    assert ended(turn).state.tags == {"team": "a"}


def test_tags_that_code_sets_are_recorded_when_they_change_and_win_over_those_of_the_start():
    outcome = ended(began(None, start(tags={"team": "a", "x": "y"})), tags={"team": "b", "x": "y"})
    assert outcome.events[0] == ev.WorkflowStarted(NOW, tags={"team": "b"})
    assert outcome.state.tags == {"team": "b", "x": "y"}
    outcome = ended(began(outcome.state, raised()), tags={"team": "b", "x": "z"})
    assert outcome.events[0] == ev.WorkflowStarted(NOW, tags={"x": "z"})
    assert outcome.state.tags == {"team": "b", "x": "z"}


def test_tags_that_do_not_change_leave_the_event_as_the_worker_saw_it():
    state = running(tags={"team": "a"})
    turn = began(state, raised())
    outcome = ended(turn, tags={"team": "a"})
    assert outcome.events[0] == turn.events[0]


def test_a_child_does_not_inherit_tags():
    (sent,) = ended(began(running(tags={"team": "a"}), raised()), child()).outgoing
    begun = sent.events[0]
    assert isinstance(begun, ev.ExecutionStarted)
    assert dict(begun.tags) == {}
