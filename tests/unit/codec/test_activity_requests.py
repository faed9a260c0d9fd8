"""What a worker receives for a task: built once when it is scheduled, and stored as bytes."""

from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.codec.requests import activity_request
from antiphon_sidecar.engine.actions import ScheduleTask
from antiphon_sidecar.engine.events import Trace
from tests.unit.engine.build import APP, ID, began, ended, raised, running


def request(action: ScheduleTask) -> wk.ActivityRequest:
    outcome = ended(began(running(), raised()), action)
    (task,) = outcome.tasks
    return wk.ActivityRequest.FromString(activity_request(outcome.state, task))


def test_says_who_asks_for_what():
    found = request(ScheduleTask(0, "charge", "", "2", "chain"))
    assert (found.name, found.input.value, found.version.value, found.task_id) == ("charge", "", "2", 0)
    assert (found.workflow_instance.instance_id, found.workflow_instance.execution_id.value) == (ID, "x0")
    assert (found.task_execution_id, found.caller_app_id) == ("chain", APP)


def test_an_input_that_was_not_given_is_not_there():
    found = request(ScheduleTask(1, "charge"))
    assert not found.HasField("input")
    assert not found.HasField("version")


def test_hands_the_trace_on():
    state = running(trace=Trace("odd", "", "a=b"))
    (task,) = ended(began(state, raised()), ScheduleTask(1, "charge")).tasks
    found = wk.ActivityRequest.FromString(activity_request(state, task)).parent_trace_context
    assert (found.trace_parent, found.trace_state.value) == ("odd", "a=b")
