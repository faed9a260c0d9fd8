"""Suspend, resume and terminate, by Dapr's clients."""

import pytest

from tests.compat.driving import CallFailed, Driver
from tests.compat.worlds import World, until

pytestmark = pytest.mark.compat


def status(dapr: Driver, instance_id: str, **more: str) -> str:
    found = dapr.get(instance_id, **more)
    assert found is not None
    return found.status


def test_item_19_paused_before_its_start_an_instance_runs_its_activity_once(dapr: Driver, shared: World) -> None:
    key = f"once {shared.deltas}"
    instance_id = dapr.start("note_after_event", key, start_in_s=0.5)
    dapr.call("pause_workflow", instance_id)
    dapr.raise_event(instance_id, "go")
    until(lambda: status(dapr, instance_id) == "SUSPENDED")
    dapr.call("resume_workflow", instance_id)
    assert dapr.wait(instance_id).result == key
    assert len(shared.notes(key)) == 1


def test_item_19_paused_while_its_activity_runs_an_instance_runs_it_once(dapr: Driver, shared: World) -> None:
    key = f"paused {shared.deltas}"
    instance_id = dapr.start("steps_with_gate", key)
    until(lambda: shared.notes(key))
    dapr.call("pause_workflow", instance_id)
    shared.open_gate(key)
    dapr.raise_event(instance_id, "whatever")
    assert status(dapr, instance_id) == "SUSPENDED"
    dapr.call("resume_workflow", instance_id)
    assert dapr.wait(instance_id).result == [f"{key} before", key, f"{key} after"]
    assert [len(shared.notes(f"{key}{step}")) for step in (" before", "", " after")] == [1, 1, 1]


def test_item_27_a_suspended_instance_does_nothing_until_it_is_resumed(dapr: Driver, shared: World) -> None:
    instance_id = dapr.start("note_after_event", f"held {shared.deltas}")
    dapr.call("pause_workflow", instance_id)
    assert status(dapr, instance_id) == "SUSPENDED"
    dapr.raise_event(instance_id, "go")
    with pytest.raises(CallFailed) as caught:
        dapr.call("wait_for_workflow_completion", instance_id, timeout_in_seconds=1)
    assert caught.value.kind == "TimeoutError"
    assert shared.notes(f"held {shared.deltas}") == []
    dapr.call("resume_workflow", instance_id)
    assert dapr.wait(instance_id).result == f"held {shared.deltas}"


def test_item_27_resuming_what_runs_does_not_fail_it(dapr: Driver) -> None:
    instance_id = dapr.start("wait", "go")
    dapr.call("resume_workflow", instance_id)
    dapr.call("resume_workflow", instance_id)
    dapr.raise_event(instance_id, "go", 7)
    assert dapr.wait(instance_id).result == 7
    kinds = [event["event_type"] for event in dapr.call("get_workflow_history", instance_id)]
    assert "EXECUTION_RESUMED" not in kinds


def test_item_27_suspending_twice_is_suspending_once(dapr: Driver) -> None:
    instance_id = dapr.start("wait", "go")
    dapr.call("pause_workflow", instance_id)
    dapr.call("pause_workflow", instance_id)
    dapr.call("resume_workflow", instance_id)
    dapr.raise_event(instance_id, "go", 7)
    assert dapr.wait(instance_id).result == 7
    kinds = [event["event_type"] for event in dapr.call("get_workflow_history", instance_id)]
    assert kinds.count("EXECUTION_SUSPENDED") == kinds.count("EXECUTION_RESUMED") == 1


def test_item_33_an_instance_of_another_app_is_suspended_and_resumed(dapr: Driver) -> None:
    instance_id = dapr.start("wait", "go", app_id="app2")
    dapr.call("pause_workflow", instance_id, app_id="app2")
    assert status(dapr, instance_id, app_id="app2") == "SUSPENDED"
    dapr.call("resume_workflow", instance_id, app_id="app2")
    dapr.raise_event(instance_id, "go", 7, app_id="app2")
    assert dapr.wait(instance_id, app_id="app2").result == 7


def test_item_28_a_terminated_instance_has_the_output_of_the_call(dapr: Driver) -> None:
    instance_id = dapr.start("wait", "never")
    dapr.call("terminate_workflow", instance_id, output={"why": "enough"})
    ended = dapr.wait(instance_id)
    assert (ended.status, ended.output) == ("TERMINATED", '{"why": "enough"}')


def test_item_28_a_suspended_instance_can_be_terminated(dapr: Driver) -> None:
    instance_id = dapr.start("wait", "never")
    dapr.call("pause_workflow", instance_id)
    dapr.call("terminate_workflow", instance_id)
    assert dapr.wait(instance_id).status == "TERMINATED"


def test_item_28_a_scheduled_instance_can_be_terminated(dapr: Driver) -> None:
    instance_id = dapr.start("one", 1, start_in_s=3600)
    dapr.call("terminate_workflow", instance_id, output="never ran")
    assert dapr.wait(instance_id).output == '"never ran"'


def test_item_28_children_end_with_their_parent_over_all_apps(dapr: Driver) -> None:
    instance_id = dapr.start("family")
    kin = [(f"{instance_id}-local", {}), (f"{instance_id}-two", {"app_id": "app2"})]
    kin.append((f"{instance_id}-two-three", {"app_id": "app3"}))
    for child, where in kin:
        until(lambda child=child, where=where: dapr.get(child, **where) is not None)
    dapr.call("terminate_workflow", instance_id)
    assert dapr.wait(instance_id).status == "TERMINATED"
    assert [dapr.wait(child, **where).status for child, where in kin] == ["TERMINATED"] * 3


def test_item_28_children_live_on_when_only_their_parent_is_terminated(dapr: Driver) -> None:
    instance_id = dapr.start("family")
    until(lambda: dapr.get(f"{instance_id}-two-three", app_id="app3") is not None)
    dapr.call("terminate_workflow", instance_id, recursive=False)
    assert dapr.wait(instance_id).status == "TERMINATED"
    assert status(dapr, f"{instance_id}-two-three", app_id="app3") == "RUNNING"
    dapr.call("terminate_workflow", f"{instance_id}-two", app_id="app2")
    assert dapr.wait(f"{instance_id}-two-three", app_id="app3").status == "TERMINATED"


def test_item_31_a_parent_hears_of_a_terminated_child(dapr: Driver) -> None:
    instance_id = dapr.start("call_child", {"workflow": "wait", "input": "x", "app": "app2", "id": "child-of-nobody"})
    until(lambda: dapr.get("child-of-nobody", app_id="app2") is not None)
    dapr.call("terminate_workflow", "child-of-nobody", app_id="app2")
    assert dapr.wait(instance_id).result["type"] == "WorkflowTerminated"


@pytest.mark.parametrize("op", ["pause_workflow", "resume_workflow", "terminate_workflow"])
def test_item_39_an_unknown_instance_is_named_as_such(dapr: Driver, op: str) -> None:
    with pytest.raises(CallFailed, match="no such instance exists") as caught:
        dapr.call(op, "who")
    assert caught.value.code == "NOT_FOUND"


def test_item_39_an_event_for_an_unknown_instance_is_an_error(dapr: Driver) -> None:
    with pytest.raises(CallFailed, match="no such instance exists"):
        dapr.raise_event("who", "go")
