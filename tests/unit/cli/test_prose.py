"""A history as sentences."""

import json

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import StringValue

from antiphon_cli import prose
from antiphon_proto.v1 import client_pb2, history_pb2
from antiphon_proto.v1.history_pb2 import HistoryEvent
from tests.unit.cli.scripted_host import scripted, state

AT = Timestamp(seconds=1_700_000_000, nanos=123_000_000)
ELSEWHERE = history_pb2.TaskRouter(source_app_id="orders", target_app_id="payments")
FAILURE = history_pb2.FailureDetails(error_type="CardError", error_message="no such card")


def text(value):
    return StringValue(value=value)


def sentences(*events):
    return [told.line.partition("  ")[2].strip() for told in prose.told(events)]


EVENTS = [
    HistoryEvent(event_id=-1, timestamp=AT, workflow_started=history_pb2.WorkflowStarted()),
    HistoryEvent(
        event_id=-1,
        timestamp=AT,
        execution_started=history_pb2.ExecutionStarted(name="buy", input=text('{"total": 42}')),
    ),
    HistoryEvent(
        event_id=0,
        timestamp=AT,
        router=ELSEWHERE,
        task_scheduled=history_pb2.TaskScheduled(name="charge", input=text("42")),
    ),
    HistoryEvent(
        event_id=-1, timestamp=AT, task_completed=history_pb2.TaskCompleted(task_scheduled_id=0, result=text('"ok"'))
    ),
    HistoryEvent(
        event_id=1,
        timestamp=AT,
        child_workflow_instance_created=history_pb2.ChildWorkflowInstanceCreated(name="ship", instance_id="i1:0001"),
    ),
    HistoryEvent(
        event_id=-1,
        timestamp=AT,
        child_workflow_instance_failed=history_pb2.ChildWorkflowInstanceFailed(
            task_scheduled_id=1, failure_details=FAILURE
        ),
    ),
    HistoryEvent(
        event_id=2,
        timestamp=AT,
        execution_completed=history_pb2.ExecutionCompleted(
            workflow_status=history_pb2.INSTANCE_STATUS_FAILED, failure_details=FAILURE
        ),
    ),
]


def test_tells_a_history_with_the_names_that_later_events_leave_out():
    assert sentences(*EVENTS) == [
        "turn begins",
        'workflow "buy" starts with {"total": 42}',
        'calls activity "charge" in app "payments" [0] with 42',
        'activity "charge" [0] returns "ok"',
        'starts child workflow "ship" as "i1:0001" [1]',
        'child workflow "ship" [1] fails: CardError: no such card',
        "workflow ends FAILED: CardError: no such card",
    ]


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        pytest.param(
            HistoryEvent(event_id=3, timer_created=history_pb2.TimerCreated(fire_at=AT)),
            "sleeps until 2023-11-14T22:13:20.123Z [3]",
            id="sleep",
        ),
        pytest.param(
            HistoryEvent(
                event_id=3,
                timer_created=history_pb2.TimerCreated(
                    fire_at=Timestamp(seconds=253402300799, nanos=999_999_999),
                    external_event=history_pb2.TimerOriginExternalEvent(name="approval"),
                ),
            ),
            'waits for event "approval" without deadline [3]',
            id="event without deadline",
        ),
        pytest.param(
            HistoryEvent(timer_fired=history_pb2.TimerFired(fire_at=AT, timer_id=3)), "timer [3] fires", id="timer"
        ),
        pytest.param(
            HistoryEvent(event_raised=history_pb2.EventRaised(name="approval", input=text("true"))),
            'event "approval" arrives with true',
            id="raised event",
        ),
        pytest.param(
            HistoryEvent(execution_suspended=history_pb2.ExecutionSuspended(input=text("lunch"))),
            "workflow is suspended: lunch",
            id="suspended",
        ),
        pytest.param(
            HistoryEvent(execution_terminated=history_pb2.ExecutionTerminated(recurse=True)),
            "workflow is terminated, its children too",
            id="terminated",
        ),
        pytest.param(
            HistoryEvent(
                execution_stalled=history_pb2.ExecutionStalled(reason=history_pb2.STALLED_REASON_VERSION_NOT_AVAILABLE)
            ),
            "workflow stalls: VERSION_NOT_AVAILABLE",
            id="stalled",
        ),
        pytest.param(
            HistoryEvent(
                execution_started=history_pb2.ExecutionStarted(
                    name="ship",
                    parent_instance=history_pb2.ParentInstanceInfo(
                        workflow_instance=history_pb2.WorkflowInstance(instance_id="i1"), app_id="orders"
                    ),
                )
            ),
            'workflow "ship" starts as child of "i1" (orders)',
            id="child",
        ),
        pytest.param(
            HistoryEvent(task_completed=history_pb2.TaskCompleted(task_scheduled_id=9)),
            'activity "?" [9] returns nothing',
            id="result whose call is not known",
        ),
        pytest.param(HistoryEvent(), "an event that this release does not know", id="unknown"),
    ],
)
def test_tells_an_event(event, sentence):
    assert sentences(event) == [sentence]


def test_every_kind_of_event_has_a_sentence():
    kinds = HistoryEvent.DESCRIPTOR.oneofs_by_name["event_type"].fields
    events = [HistoryEvent(**{kind.name: kind.message_type._concrete_class()}) for kind in kinds]
    assert "an event that this release does not know" not in sentences(*events)


def test_every_kind_of_event_can_be_chosen_by_a_type():
    kinds = HistoryEvent.DESCRIPTOR.oneofs_by_name["event_type"].fields
    events = [HistoryEvent(**{kind.name: kind.message_type._concrete_class()}) for kind in kinds]
    assert "other" not in {told.type for told in prose.told(events)}


def test_long_payloads_are_cut():
    (sentence,) = sentences(HistoryEvent(event_raised=history_pb2.EventRaised(name="e", input=text("x" * 5000))))
    assert sentence == f'event "e" arrives with {"x" * 120}... (5,000 characters)'


def test_history_is_printed_as_sentences_or_as_json():
    answer = client_pb2.GetInstanceHistoryResponse(events=[event.SerializeToString() for event in EVENTS])
    with scripted({"GetInstance": state("FAILED"), "GetInstanceHistory": answer}) as antiphon:
        lines = antiphon("workflow", "history", "i1", "--app", "orders").stdout.splitlines()
        values = json.loads(antiphon("workflow", "history", "i1", "--app", "orders", "-o", "json").stdout)
        request = antiphon.asked.calls[1][1]
    assert lines[1] == '2023-11-14T22:13:20.123Z  workflow "buy" starts with {"total": 42}'
    assert values[2]["taskScheduled"] == {"name": "charge", "input": "42"}
    assert request.router.target_app_id == "orders"
