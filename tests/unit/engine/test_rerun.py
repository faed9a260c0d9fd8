"""Reruns: what is kept of a history, what is asked for again, and what cannot be."""

import dataclasses
from collections.abc import Sequence

import pytest

from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine import rerun
from antiphon_sidecar.engine.actions import Target
from antiphon_sidecar.engine.messages import Kind, Message, Row
from antiphon_sidecar.engine.result import Result, end_without_worker
from antiphon_sidecar.engine.state import State, committed
from tests.unit.engine.build import (
    APP,
    ID,
    NOW,
    SECOND,
    began,
    child,
    done,
    ended,
    fired,
    ident,
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

LATER = NOW + 1000 * SECOND
LIMITS = ev.Timeouts(schedule_to_close_ns=60 * SECOND, heartbeat_ns=SECOND)
WANTED = rerun.Wanted(event_id=2, instance_id="order-2", execution_id="y0", incarnation=ident("run-2"))


def history() -> list[ev.Event]:
    """Two tasks side by side, an event, then a third task and a child in one turn, which end, and a timer."""
    told: list[ev.Event] = []
    state: State | None = None

    def turn(*messages: Message, actions: Sequence[object]) -> None:
        nonlocal state
        outcome = ended(began(state, *messages), *actions)  # type: ignore[arg-type]
        committed(outcome.state, wrote_history=True)
        state = outcome.state
        told.extend(outcome.events)

    turn(start(), actions=[task(0, task_execution_id="chain-0"), task(1)])
    again = task(2, input="old", task_execution_id="chain-2", timeouts=LIMITS)
    turn(result(0), result(1), raised(), actions=[again, child(3, f"{ID}:3", unique=True)])
    turn(result(2), actions=[timer(4)])
    turn(fired(4, NOW + 10 * SECOND), actions=[done(5)])
    return told


def planned(**over: object) -> tuple[ev.Event, ...]:
    wanted = dataclasses.replace(WANTED, **over)  # type: ignore[arg-type]
    return rerun.plan(history(), wanted, app=APP, now=LATER, namespace="default")


def started_again(events: tuple[ev.Event, ...]) -> Result:
    first = events[0]
    assert isinstance(first, ev.ExecutionStarted)
    message = Message(Kind.START, Row.INBOX, events, WANTED.incarnation, WANTED.incarnation, first.execution_id)
    turn = began(None, message, now=LATER)
    assert not turn.needs_worker
    return end_without_worker(turn, now=LATER)


def test_keeps_the_turn_of_the_event_and_what_came_before():
    events = planned()
    assert kinds(events[:2]) == ["ExecutionStarted", "RerunFrom"]
    assert kinds(events[2:]) == [
        *("WorkflowStarted", "ExecutionStarted", "TaskScheduled", "TaskScheduled"),
        *("WorkflowStarted", "TaskCompleted", "TaskCompleted", "EventRaised", "TaskScheduled", "ChildCreated"),
    ]


def test_begins_as_a_new_run_without_a_parent():
    first = planned()[0]
    assert isinstance(first, ev.ExecutionStarted)
    assert (first.instance_id, first.execution_id, first.parent) == ("order-2", "y0", None)
    assert (first.input, first.route) == ('"tea"', ev.Route(APP, APP))


def test_asks_again_for_what_is_open_and_for_nothing_else():
    outcome = started_again(planned())
    assert [new.event.event_id for new in outcome.tasks] == [2]
    assert [message.instance_id for message in outcome.outgoing] == ["order-2:3"]
    assert (set(outcome.state.tasks), set(outcome.state.children)) == ({2}, {3})
    assert outcome.state.status is ev.Status.RUNNING
    assert outcome.state.started_at == LATER


def test_an_activity_that_runs_again_keeps_its_timeouts():
    (new,) = started_again(planned()).tasks
    assert new.event.timeouts == LIMITS


def test_goes_on_from_there_when_the_result_comes():
    state = started_again(planned()).state
    committed(state, wrote_history=True)
    turn = began(state, result(2, run=WANTED.incarnation, execution="y0"), now=LATER)
    assert kinds(turn.events) == ["WorkflowStarted", "TaskCompleted"]


def test_an_activity_that_runs_again_has_another_execution_id_and_those_that_ended_keep_theirs():
    chains = {e.event_id: e.task_execution_id for e in planned() if isinstance(e, ev.TaskScheduled)}
    assert chains[0] == "chain-0"
    assert chains[2] not in ("chain-2", "")
    assert chains[1] == ""


def test_the_input_of_the_event_can_be_replaced_and_only_that():
    inputs = {e.event_id: e.input for e in planned(input="new", overwrite=True) if isinstance(e, ev.TaskScheduled)}
    assert inputs == {0: None, 1: None, 2: "new"}
    assert {e.input for e in planned(overwrite=True) if isinstance(e, ev.TaskScheduled)} == {None}


def test_marks_say_where_it_was_rerun_from():
    marked = planned(marks=(b"T", b"C", b"I"))
    extras = [e.extra for e in marked if isinstance(e, ev.TaskScheduled | ev.ChildCreated)]
    assert extras == [b"", b"", b"T", b"C"]


@pytest.mark.parametrize(
    ("over", "child_id"),
    [
        pytest.param({"event_id": 3, "child_id": "mine"}, "mine", id="given"),
        pytest.param({"event_id": 3}, "order-2:3", id="new"),
        pytest.param({"event_id": 3, "instance_id": ID}, f"{ID}:3", id="same"),
        pytest.param({"event_id": 2, "child_id": "mine"}, "order-2:3", id="given, but not for this event"),
    ],
)
def test_a_child_runs_again_under_another_id_unless_its_parent_keeps_its_own(over: dict[str, object], child_id: str):
    (created,) = [e for e in planned(**over) if isinstance(e, ev.ChildCreated)]
    assert created.instance_id == child_id


@pytest.mark.parametrize(
    ("over", "unique"),
    [pytest.param({}, True, id="another ID"), pytest.param({"instance_id": ID}, False, id="in place of its old run")],
)
def test_a_child_that_may_replace_no_run_still_may_not_under_another_id(over: dict[str, object], unique: bool):
    (message,) = started_again(planned(event_id=3, **over)).outgoing
    (begun,) = message.events
    assert isinstance(begun, ev.ExecutionStarted)
    assert begun.parent is not None
    assert begun.parent.unique is unique


def test_a_timer_keeps_its_time_and_fires_at_once_when_that_is_over():
    outcome = started_again(planned(event_id=4))
    assert [(t.event_id, t.fire_at) for t in outcome.timers] == [(4, NOW + 10 * SECOND)]
    assert outcome.tasks == []


def test_from_the_start_nothing_is_kept():
    (first,) = planned(event_id=None, input="9", overwrite=True)
    assert isinstance(first, ev.ExecutionStarted)
    assert (first.input, first.timestamp) == ("9", LATER)
    (first,) = planned(event_id=None)
    assert isinstance(first, ev.ExecutionStarted)
    assert first.input == '"tea"'


def test_an_end_next_to_the_event_is_not_kept():
    outcome = ended(began(None, start()), task(1), done())
    wanted = dataclasses.replace(WANTED, event_id=1)
    events = rerun.plan(outcome.events, wanted, app=APP, now=LATER, namespace="default")
    assert not started_again(events).state.ended


def test_an_unknown_event_is_refused_with_those_there_are():
    with pytest.raises(rerun.CannotRerun) as caught:
        planned(event_id=9)
    assert str(caught.value) == (
        'it has no event 9 to go on from; it has: 0 (activity "charge"), 1 (activity "charge"), '
        '2 (activity "charge"), 3 (child "pack"), 4 (timer). Name one of these'
    )


def test_a_timer_has_no_input_to_replace():
    with pytest.raises(rerun.CannotRerun, match="event 4 is a timer"):
        planned(event_id=4, input="1", overwrite=True)


def test_an_instance_that_asked_for_nothing_can_only_begin_anew():
    outcome = ended(began(None, start()), done())
    with pytest.raises(rerun.CannotRerun, match="it has: none"):
        rerun.plan(outcome.events, WANTED, app=APP, now=LATER, namespace="default")


def test_one_that_was_terminated_before_its_first_turn_has_nothing_to_run():
    with pytest.raises(rerun.CannotRerun, match="ended before it began"):
        rerun.plan([], WANTED, app=APP, now=LATER, namespace="default")


def test_a_call_that_was_refused_for_its_namespace_is_not_sent():
    outcome = ended(began(running(), raised()), task(2, target=Target("stock", "elsewhere")))
    told = [*ended(began(None, start())).events, *outcome.events]
    with pytest.raises(rerun.CannotRerun, match='names namespace "elsewhere"'):
        rerun.plan(told, WANTED, app=APP, now=LATER, namespace="default")


def test_a_suspend_before_it_begins_holds_it():
    events = planned()
    message = Message(Kind.START, Row.INBOX, events, WANTED.incarnation, WANTED.incarnation, "y0")
    held = end_without_worker(began(None, message, _for_run(suspend())), now=LATER).state
    assert (held.status, held.started) == (ev.Status.SUSPENDED, False)


def test_a_terminate_before_it_begins_ends_it_without_its_kept_history():
    message = Message(Kind.START, Row.INBOX, planned(), WANTED.incarnation, WANTED.incarnation, "y0")
    turn = began(None, message, _for_run(terminate()), now=LATER)
    assert kinds(turn.events) == ["WorkflowStarted", "ExecutionStarted", "ExecutionTerminated"]
    assert end_without_worker(turn, now=LATER).state.status is ev.Status.TERMINATED


def _for_run(message: Message) -> Message:
    return dataclasses.replace(message, incarnation=WANTED.incarnation)
