"""A worker's answer as bytes becomes engine actions, and nothing of it is lost on the way into events."""

import pytest

from antiphon_proto.v1 import history_pb2 as pb
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.codec.actions import read_activity_response, read_response
from antiphon_sidecar.codec.events import seal, unseal
from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.result import Result
from tests.unit.engine.build import NOW, SECOND, began, ended, raised, running

#: Field 999 with the varint 7, which no message of the dialect has.
UNKNOWN = b"\xb8\x3e\x07"


def read(*actions: wk.WorkflowAction, **fields: object) -> ac.Response:
    """What the sidecar makes of an answer that travelled."""
    response = wk.WorkflowResponse(instance_id="i", actions=actions, **fields)
    return read_response(wk.WorkflowResponse.FromString(response.SerializeToString()))


def one(action: wk.WorkflowAction) -> ac.Action:
    (found,) = read(action).actions
    return found


def applied(action: wk.WorkflowAction) -> Result:
    return ended(began(running(), raised()), one(action))


def recorded(action: wk.WorkflowAction) -> pb.HistoryEvent:
    """The event that the action leaves in the history."""
    return pb.HistoryEvent.FromString(seal(applied(action).events[-1]))


def test_reads_an_activity():
    action = wk.WorkflowAction(
        id=3,
        schedule_task={"name": "charge", "version": {"value": "2"}, "input": {"value": ""}, "task_execution_id": "t"},
        router={"source_app_id": "liar", "target_app_id": "payments", "target_app_namespace": "prod"},
    )
    assert one(action) == ac.ScheduleTask(3, "charge", "", "2", "t", ac.Target("payments", "prod"))


def test_reads_how_long_an_activity_may_wait():
    action = wk.WorkflowAction(id=3, schedule_task={"name": "a", "timeouts": {"schedule_to_start_ms": 1500}})
    assert one(action) == ac.ScheduleTask(3, "a", timeouts=ev.Timeouts(schedule_to_start_ns=1500 * SECOND // 1000))


def test_bounds_timeouts_that_no_store_could_keep():
    spans = {"schedule_to_start_ms": -(1 << 63), "start_to_close_ms": (1 << 63) - 1}
    read = one(wk.WorkflowAction(id=3, schedule_task={"name": "a", "timeouts": spans}))
    assert read.timeouts.schedule_to_start_ns == SECOND // 1000
    assert SECOND * 86_400 * 365 * 99 < read.timeouts.start_to_close_ns < 1 << 62


def test_reads_a_child():
    action = wk.WorkflowAction(
        id=0, create_child_workflow={"instance_id": "c", "name": "pack", "input": {"value": "1"}}
    )
    assert one(action) == ac.CreateChild(0, "c", "pack", "1")


def test_reads_a_timer_of_which_no_nanosecond_is_lost():
    action = wk.WorkflowAction(
        id=4, create_timer={"fire_at": {"seconds": 253402300799, "nanos": 999999999}, "name": "sleep"}
    )
    assert one(action) == ac.CreateTimer(4, ev.SENTINEL_NS, "sleep")


def test_reads_a_completion():
    action = wk.WorkflowAction(
        id=5, complete_workflow={"workflow_status": 1, "result": {"value": '"ok"'}, "new_version": {"value": "3"}}
    )
    assert one(action) == ac.Complete(5, ev.Status.COMPLETED, '"ok"', new_version="3")


def test_reads_a_failure_with_its_causes():
    inner = {"error_type": "Inner", "error_message": "why"}
    details = {
        "error_type": "Outer",
        "error_message": "what",
        "stack_trace": {"value": ""},
        "inner_failure": inner,
        "is_non_retriable": True,
    }
    action = wk.WorkflowAction(id=5, complete_workflow={"workflow_status": 3, "failure_details": details})
    expected = ev.Failure("Outer", "what", "", ev.Failure("Inner", "why"), True)
    assert one(action) == ac.Complete(5, ev.Status.FAILED, failure=expected)


def test_reads_carried_events_as_they_were():
    raw = pb.HistoryEvent(event_id=-1, event_raised={"name": "Approval", "input": {"value": ""}}).SerializeToString()
    action = wk.WorkflowAction(id=5, complete_workflow={"workflow_status": 2, "carryover_events": [raw]})
    assert one(action) == ac.Complete(5, ev.Status.CONTINUED_AS_NEW, carryover=(ev.EventRaised(0, "Approval", ""),))


def test_reads_a_version_that_is_not_available():
    action = wk.WorkflowAction(id=5)
    action.workflow_version_not_available.SetInParent()
    assert one(action) == ac.VersionNotAvailable(5)


@pytest.mark.parametrize("kind", ["send_event", "terminate_workflow"])
def test_names_an_action_that_is_not_carried_out(kind: str):
    action = wk.WorkflowAction(id=5)
    getattr(action, kind).SetInParent()
    assert one(action) == ac.Unsupported(5, kind)


def test_an_action_of_an_unknown_kind_is_not_an_error():
    assert isinstance(one(wk.WorkflowAction(id=5)), ac.Unsupported)


def test_reads_what_stands_beside_the_actions():
    response = read(custom_status={"value": '"half"'}, version={"name": "v2", "patches": ["p", "p"]})
    assert response == ac.Response((), '"half"', "v2", ("p", "p"))
    assert read() == ac.Response(())


@pytest.mark.parametrize(
    "complete",
    [
        pytest.param({"workflow_status": 77}, id="unknown status"),
        pytest.param({"workflow_status": 2, "carryover_events": [b"\xff\xff"]}, id="broken event"),
    ],
)
def test_what_cannot_be_read_is_a_value_error(complete: dict[str, object]):
    with pytest.raises(ValueError, match=r"\w"):
        read(wk.WorkflowAction(id=5, complete_workflow=complete))


@pytest.mark.parametrize(
    ("origin", "value"),
    [
        ("create_timer", {}),
        ("external_event", {"name": "approval"}),
        ("activity_retry", {"task_execution_id": "t"}),
        ("child_workflow_retry", {"instance_id": "c"}),
    ],
)
def test_a_timers_origin_keeps_its_meaning_under_another_number(origin: str, value: dict[str, str]):
    event = recorded(wk.WorkflowAction(id=4, create_timer={"fire_at": {"seconds": 1}, origin: value}))
    assert event.timer_created.WhichOneof("origin") == origin
    assert getattr(event.timer_created, origin) == getattr(pb.TimerCreated(**{origin: value}), origin)


def test_what_the_dialect_knows_and_the_engine_does_not_read_reaches_the_event():
    task = recorded(wk.WorkflowAction(id=4, schedule_task={"name": "a", "history_propagation_scope": 1}))
    assert task.task_scheduled.history_propagation_scope == 1
    child = recorded(
        wk.WorkflowAction(
            id=4,
            create_child_workflow={"name": "a", "instance_id": "c", "retry_parent_instance_info": {"instance_id": "r"}},
        )
    )
    assert child.child_workflow_instance_created.retry_parent_instance_info.instance_id == "r"


@pytest.mark.parametrize("kind", ["schedule_task", "create_child_workflow", "create_timer"])
def test_an_unknown_field_of_an_action_reaches_the_event(kind: str):
    action = wk.WorkflowAction(id=4)
    getattr(action, kind).MergeFromString(UNKNOWN)
    event = applied(action).events[-1]
    assert UNKNOWN in seal(event)
    assert unseal(seal(event)) == event


@pytest.mark.parametrize(
    ("kind", "field", "record"),
    [("schedule_task", 4, "task_scheduled"), ("create_child_workflow", 5, "child_workflow_instance_created")],
)
def test_a_field_that_means_something_else_in_the_event_stays_behind(kind: str, field: int, record: str):
    # Older SDKs write a router where the event has its trace context.
    router = pb.TaskRouter(source_app_id="orders", target_app_id="payments").SerializeToString()
    action = wk.WorkflowAction(id=4)
    getattr(action, kind).MergeFromString(bytes([field << 3 | 2, len(router)]) + router)
    assert not getattr(recorded(action), record).HasField("parent_trace_context")


def test_an_activitys_result_becomes_its_event():
    response = wk.ActivityResponse(instance_id="i", task_id=4, result={"value": ""})
    assert read_activity_response(response, task_execution_id="t", now=NOW) == ev.TaskCompleted(NOW, 4, "", "t")


def test_an_activity_without_a_result_has_none():
    response = wk.ActivityResponse(instance_id="i", task_id=4)
    assert read_activity_response(response, task_execution_id="", now=NOW) == ev.TaskCompleted(NOW, 4)


def test_an_activitys_failure_becomes_its_event():
    response = wk.ActivityResponse(task_id=4, failure_details={"error_type": "E", "error_message": "m"})
    expected = ev.TaskFailed(NOW, 4, ev.Failure("E", "m"), "t")
    assert read_activity_response(response, task_execution_id="t", now=NOW) == expected


@pytest.mark.parametrize(
    "action",
    [
        {"id": -2, "create_timer": {}},
        {"id": -1, "schedule_task": {"name": "charge"}},
        {"id": 1, "schedule_task": {"name": "a\0b"}},
        {"id": 1, "schedule_task": {"name": "x" * 513}},
        {"id": 1, "schedule_task": {"name": "a"}, "router": {"target_app_id": "x" * 513}},
        {"id": 1, "create_child_workflow": {"instance_id": "ü" * 257, "name": "pack"}},
        {"id": 1, "create_child_workflow": {"instance_id": "c", "name": "\0"}},
    ],
)
def test_what_no_store_can_keep_is_not_read(action: dict[str, object]):
    with pytest.raises(ValueError, match=r"Remove it|Choose a shorter one|count from 0"):
        read(wk.WorkflowAction(**action))
