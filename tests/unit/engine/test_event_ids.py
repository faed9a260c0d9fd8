"""Event ids as workers expect them: the action's for what it caused, -1 for all that came from outside."""

import pytest

from antiphon_proto.v1 import history_pb2 as pb
from antiphon_sidecar.codec.events import seal
from antiphon_sidecar.engine import events as ev
from tests.unit.engine.build import NOW, again, began, child, done, ended, raised, running, started, task, timer

FAILURE = ev.Failure("E", "m")


def event_id(event: ev.Event) -> int:
    return pb.HistoryEvent.FromString(seal(event)).event_id


@pytest.mark.parametrize(
    "event",
    [
        ev.WorkflowStarted(NOW),
        started(),
        ev.TaskCompleted(NOW, 4),
        ev.TaskFailed(NOW, 4, FAILURE),
        ev.TimerFired(NOW, 4, NOW),
        ev.ChildCompleted(NOW, 4),
        ev.ChildFailed(NOW, 4, FAILURE),
        ev.EventRaised(NOW, "a"),
        ev.ExecutionSuspended(NOW),
        ev.ExecutionResumed(NOW),
        ev.ExecutionTerminated(NOW),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_comes_from_outside_has_minus_one(event: ev.Event):
    assert event_id(event) == -1


@pytest.mark.parametrize("number", [0, 1, 7, 2**31 - 1])
def test_what_an_action_caused_has_its_id(number: int):
    outcome = ended(began(running(), raised()), task(number), child(number), timer(number))
    assert [event_id(event) for event in outcome.events[2:]] == [number] * 3


@pytest.mark.parametrize("number", [-1, 0, 9])
def test_the_end_has_the_id_of_the_completing_action(number: int):
    assert event_id(ended(began(running(), raised()), done(number)).events[-1]) == number


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (ev.TaskCompleted(NOW, 4), "task_completed"),
        (ev.TaskFailed(NOW, 4, FAILURE), "task_failed"),
        (ev.ChildCompleted(NOW, 4), "child_workflow_instance_completed"),
        (ev.ChildFailed(NOW, 4, FAILURE), "child_workflow_instance_failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_result_names_the_action_it_answers(event: ev.Event, field: str):
    wire = pb.HistoryEvent.FromString(seal(event))
    assert wire.WhichOneof("event_type") == field
    assert getattr(wire, field).task_scheduled_id == 4


def test_a_fired_timer_names_the_action_it_answers():
    wire = pb.HistoryEvent.FromString(seal(ev.TimerFired(NOW, 4, NOW)))
    assert wire.timer_fired.timer_id == 4


def test_a_started_generation_has_minus_one_too():
    (sent,) = ended(began(running(), raised()), again()).outgoing
    assert [event_id(event) for event in sent.events] == [-1]
