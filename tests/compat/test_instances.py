"""The life of instances as Dapr's clients see it: status, generations, IDs, lists, histories, purges."""

import uuid

import pytest

from tests.compat.driving import CallFailed, Driver
from tests.compat.worlds import World, until

pytestmark = pytest.mark.compat


def fresh(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex}"  # noqa: TID251


def test_item_26_a_workflow_continues_as_new(dapr: Driver, shared: World) -> None:
    instance_id = dapr.start("count_down", 5)
    assert dapr.wait(instance_id).result == "down"
    assert len(shared.notes(instance_id)) == 5
    kinds = [event["event_type"] for event in dapr.call("get_workflow_history", instance_id)]
    assert kinds.count("TASK_SCHEDULED") == 1


def test_item_26_events_are_carried_into_the_next_generation_in_order(dapr: Driver) -> None:
    instance_id = dapr.start("generations", {"taken": [], "until": 6})
    for number in range(1, 7):
        dapr.raise_event(instance_id, "Item", number)
    assert dapr.wait(instance_id).result == [1, 2, 3, 4, 5, 6]


def test_item_23_the_custom_status_is_the_last_that_was_set(dapr: Driver, shared: World) -> None:
    instance_id = dapr.start("say")

    def said() -> str | None:
        found = dapr.get(instance_id)
        return found.custom_status if found is not None else None

    until(lambda: said() == "waiting")
    dapr.raise_event(instance_id, "go")
    until(lambda: said() == "going")
    shared.open_gate(instance_id)
    assert dapr.wait(instance_id).custom_status is None


def test_item_37_payloads_come_only_when_they_are_asked_for(dapr: Driver) -> None:
    instance_id = dapr.start("one", 21)
    dapr.wait(instance_id)
    bare, full = dapr.get(instance_id, fetch_payloads=False), dapr.get(instance_id)
    assert bare is not None
    assert full is not None
    assert (bare.status, bare.input, bare.output) == ("COMPLETED", None, None)
    assert (full.status, full.input, full.output) == ("COMPLETED", "21", "42")


def test_item_37_an_unknown_instance_is_none(dapr: Driver) -> None:
    assert dapr.get("who") is None


def test_item_38_a_wait_ends_at_the_callers_time(dapr: Driver) -> None:
    instance_id = dapr.start("wait", "go")
    with pytest.raises(CallFailed) as caught:
        dapr.call("wait_for_workflow_completion", instance_id, timeout_in_seconds=1)
    assert caught.value.kind == "TimeoutError"
    waits = [dapr.begin("wait_for_workflow_completion", instance_id, timeout_in_seconds=20) for _ in range(5)]
    dapr.raise_event(instance_id, "go", 1)
    assert {wait.result(timeout=25)["runtime_status"] for wait in waits} == {"COMPLETED"}


def test_item_38_a_wait_may_come_before_the_start(dapr: Driver) -> None:
    instance_id = fresh("later")
    waits = dapr.begin("wait_for_workflow_completion", instance_id, timeout_in_seconds=20)
    dapr.start("one", 1, instance_id=instance_id)
    assert waits.result(timeout=25)["runtime_status"] == "COMPLETED"


def test_item_36_the_id_of_a_running_instance_is_taken(dapr: Driver) -> None:
    instance_id = dapr.start("wait", "go", instance_id=fresh("taken"))
    with pytest.raises(CallFailed, match=f"an active workflow with ID '{instance_id}' already exists") as caught:
        dapr.start("one", 1, instance_id=instance_id)
    assert caught.value.code == "ALREADY_EXISTS"
    dapr.raise_event(instance_id, "go", "still there")
    assert dapr.wait(instance_id).result == "still there"


def test_item_36_an_id_can_be_used_again_after_the_end(dapr: Driver) -> None:
    instance_id = fresh("again")
    assert dapr.run("one", 1, instance_id=instance_id).result == 2
    assert dapr.run("raise_error", "x", instance_id=instance_id).error == ("ValueError", "x")
    assert dapr.run("one", 3, instance_id=instance_id).result == 6
    assert len(dapr.call("get_workflow_history", instance_id)) == 6


def test_item_40_a_finished_instance_is_purged(dapr: Driver) -> None:
    instance_id = dapr.start("one", 1)
    dapr.wait(instance_id)
    dapr.call("purge_workflow", instance_id)
    assert dapr.get(instance_id) is None
    with pytest.raises(CallFailed) as caught:
        dapr.call("get_workflow_history", instance_id)
    assert caught.value.code == "NOT_FOUND"
    assert dapr.run("one", 4, instance_id=instance_id).result == 8


def test_item_40_an_unknown_instance_is_purged_without_effect(dapr: Driver) -> None:
    dapr.call("purge_workflow", "who")


def test_item_40_a_running_instance_is_not_purged(dapr: Driver) -> None:
    instance_id = dapr.start("wait", "go")
    with pytest.raises(CallFailed, match="only a finished instance can be purged"):
        dapr.call("purge_workflow", instance_id)
    dapr.raise_event(instance_id, "go", 1)
    assert dapr.wait(instance_id).result == 1


def test_item_40_children_are_purged_with_their_parent_over_all_apps(dapr: Driver) -> None:
    instance_id = dapr.start("family")
    kin = [(f"{instance_id}-two", "app2"), (f"{instance_id}-two-three", "app3")]
    for child, app in kin:
        until(lambda child=child, app=app: dapr.get(child, app_id=app) is not None)
    dapr.call("terminate_workflow", instance_id)
    for child, app in kin:
        dapr.wait(child, app_id=app)
    dapr.call("purge_workflow", instance_id)
    assert dapr.get(instance_id) is None
    for child, app in kin:
        until(lambda child=child, app=app: dapr.get(child, app_id=app) is None)


def test_item_41_ids_are_listed_in_pages(dapr: Driver) -> None:
    ids = [dapr.start("one", number) for number in range(7)]
    for instance_id in ids:
        dapr.wait(instance_id)
    everything = dapr.call("list_workflow_instance_ids")
    assert set(ids) <= set(everything["instance_ids"])
    assert everything["continuation_token"] is None
    page = dapr.call("list_workflow_instance_ids", page_size=3)
    assert len(page["instance_ids"]) == 3
    assert page["continuation_token"]
    listed = dapr.call("iter_workflow_instance_ids", page_size=3)
    assert len(listed) == len(set(listed)) == len(everything["instance_ids"])


def test_item_41_the_list_holds_the_instances_of_its_own_app_only(dapr: Driver) -> None:
    elsewhere = dapr.start("wait", "go", app_id="app2")
    assert elsewhere not in dapr.call("list_workflow_instance_ids")["instance_ids"]
    dapr.raise_event(elsewhere, "go", 1, app_id="app2")


def test_item_41_a_history_tells_the_whole_run(dapr: Driver) -> None:
    instance_id = dapr.start("call_child", {"workflow": "reverse", "input": "abc", "app": "app3"})
    dapr.wait(instance_id)
    history = dapr.call("get_workflow_history", instance_id)
    assert [(event["event_type"], event["event_id"]) for event in history] == [
        ("WORKFLOW_STARTED", -1),
        ("EXECUTION_STARTED", -1),
        ("CHILD_WORKFLOW_INSTANCE_CREATED", 1),
        ("WORKFLOW_STARTED", -1),
        ("CHILD_WORKFLOW_INSTANCE_COMPLETED", -1),
        ("EXECUTION_COMPLETED", 2),
    ]
    assert history[4]["task_scheduled_id"] == 1


def test_a_workflow_of_two_hundred_steps_runs_each_of_them_once(dapr: Driver, shared: World) -> None:
    instance_id = dapr.start("many_steps", 200)
    assert dapr.wait(instance_id).result == 200
    assert len(shared.notes(instance_id)) == 200


def test_an_instance_is_run_again_from_an_event(dapr: Driver) -> None:
    instance_id = dapr.start("one", 1)
    dapr.wait(instance_id)
    again = dapr.call("rerun_workflow_from_event", instance_id, 1)
    assert dapr.wait(again).result == 2
    third = fresh("again")
    assert dapr.call("rerun_workflow_from_event", instance_id, 1, new_instance_id=third, input=21) == third
    assert dapr.wait(third).result == 42


def test_a_rerun_from_an_event_that_is_not_there_is_refused(dapr: Driver) -> None:
    instance_id = dapr.start("one", 1)
    dapr.wait(instance_id)
    with pytest.raises(CallFailed, match="it has no event 9 to go on from") as caught:
        dapr.call("rerun_workflow_from_event", instance_id, 9)
    assert caught.value.code == "INVALID_ARGUMENT"


def test_a_history_is_handed_on_to_activities_and_children_of_the_same_app(dapr: Driver) -> None:
    first, second, third = dapr.run("hands_on").result
    # WorkflowStarted, ExecutionStarted, TaskScheduled; then WorkflowStarted and TaskCompleted of the turn that calls.
    assert first == [["app1"], "OWN_HISTORY", 5]
    assert second == [[["app1"], "OWN_HISTORY", 8]] * 2
    assert third is None


@pytest.mark.parametrize("scope", ["OWN_HISTORY", "LINEAGE"])
def test_a_history_is_not_handed_on_to_another_app_nor_that_of_callers(dapr: Driver, scope: str) -> None:
    assert dapr.run("hands_on_too_much", scope).result == "HistoryNotPropagated"
