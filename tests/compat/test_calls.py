"""Activities, fan-out and children, in the caller's app and in others; what fails, and what is tried again."""

import uuid

import pytest

from tests.compat.driving import Driver
from tests.compat.worlds import World

pytestmark = pytest.mark.compat


def fresh(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex}"  # noqa: TID251


def test_item_18_an_activity_answers_its_workflow(dapr: Driver) -> None:
    assert dapr.run("one", 21).result == 42


def test_item_18_a_hundred_activities_run_side_by_side(dapr: Driver) -> None:
    assert dapr.run("fan", 100).result == 9900


def test_item_9_more_activities_than_a_stream_takes_at_once_all_run(dapr: Driver) -> None:
    assert dapr.run("fan", 350).result == sum(2 * number for number in range(350))


def test_item_20_fifty_instances_run_side_by_side(dapr: Driver) -> None:
    started = [dapr.begin("schedule_new_workflow", "one", input=number) for number in range(50)]
    ids = [answer.result(timeout=30) for answer in started]
    assert [dapr.wait(instance_id).result for instance_id in ids] == [2 * number for number in range(50)]


def test_item_32_activities_and_children_run_in_two_other_apps(dapr: Driver) -> None:
    assert dapr.run("across", "abc").result == ["ABC", 3, ["ABC", "CBA"], 8]


def test_item_33_a_client_starts_waits_and_looks_in_another_app(dapr: Driver) -> None:
    instance_id = dapr.start("twice", "abc", app_id="app2")
    assert dapr.wait(instance_id, app_id="app2").result == ["ABC", "CBA"]
    assert dapr.get(instance_id) is None
    found = dapr.get(instance_id, app_id="app2")
    assert found is not None
    assert (found.status, found.input) == ("COMPLETED", '"abc"')


def test_item_30_a_child_has_the_id_it_was_given(dapr: Driver) -> None:
    child = fresh("child")
    assert dapr.run("call_child", {"workflow": "reverse", "input": "abc", "app": "app3", "id": child}).result == "cba"
    found = dapr.get(child, app_id="app3")
    assert found is not None
    assert found.status == "COMPLETED"


def test_item_30_the_id_of_a_running_instance_is_refused_to_a_child(dapr: Driver) -> None:
    taken = dapr.start("wait", "go", app_id="app2", instance_id=fresh("taken"))
    refused = dapr.run("call_child", {"workflow": "wait", "input": "x", "app": "app2", "id": taken}).result
    assert refused["type"] == "WorkflowInstanceAlreadyExists"
    assert taken in refused["message"]
    dapr.raise_event(taken, "go", 1, app_id="app2")
    assert dapr.wait(taken, app_id="app2").result == 1


def test_item_31_a_failed_activity_of_another_app_can_be_caught_with_its_details(dapr: Driver) -> None:
    caught = dapr.run("call", {"activity": "refuse", "input": "tea", "app": "app2"}).result
    assert caught["type"] == "PaymentRefused"
    assert "no money for tea" in caught["message"]


def test_item_31_a_failed_child_of_another_app_can_be_caught_with_its_details(dapr: Driver) -> None:
    caught = dapr.run("call_child", {"workflow": "fail", "input": "tea", "app": "app2"}).result
    assert caught["type"] == "TaskFailedError"
    assert "no money for tea" in caught["message"]


def test_item_31_a_failure_that_nobody_catches_ends_the_workflow(dapr: Driver) -> None:
    kind, message = dapr.run("rely", "tea").error
    assert kind == "TaskFailedError"
    assert "no money for tea" in message


def test_item_25_an_error_of_the_workflow_itself_ends_it(dapr: Driver) -> None:
    ended = dapr.run("raise_error", "broken")
    assert ended.error == ("ValueError", "broken")
    assert ended.failure is not None
    assert "raise_error" in ended.failure["stack_trace"]


def test_retries_run_an_activity_until_it_succeeds(dapr: Driver, shared: World) -> None:
    key = fresh("retried")
    assert dapr.run("retry_activity", {"key": key, "times": 3, "app": "app2"}).result == "at last"
    notes = shared.notes(key)
    assert len(notes) == 3
    assert len({note["task"] for note in notes}) == 1


def test_retries_of_an_activity_end_with_its_last_failure(dapr: Driver, shared: World) -> None:
    key = fresh("refused")
    kind, message = dapr.run("retry_activity", {"key": key, "never": True, "app": "app2"}).error
    assert (kind, len(shared.notes(key))) == ("TaskFailedError", 4)
    assert "not yet" in message


def test_item_30_retries_of_a_child_start_it_again_under_the_same_id(dapr: Driver, shared: World) -> None:
    key = fresh("child")
    instance_id = dapr.start("retry_child", {"key": key, "times": 3})
    assert dapr.wait(instance_id).result == "run 3"
    assert len(shared.notes(key)) == 3
    child = dapr.get(f"{instance_id}-child", app_id="app2")
    assert child is not None
    assert child.result == "run 3"


def test_a_misspelt_activity_is_refused_by_the_worker(dapr: Driver) -> None:
    refused = dapr.run("call", {"activity": "douple", "input": 1}).result
    assert refused["type"] == "ActivityNotRegisteredError"
    assert "douple" in refused["message"]


def test_a_misspelt_workflow_is_refused_by_the_worker(dapr: Driver) -> None:
    kind, message = dapr.run("no_such_workflow").error
    assert kind == "OrchestratorNotRegisteredError"
    assert "no_such_workflow" in message


def test_an_activity_of_an_app_that_nobody_knows_fails_after_the_grace(dapr: Driver) -> None:
    refused = dapr.run("call", {"activity": "upper", "input": "a", "app": "app22"}).result
    assert refused["type"] == "TargetAppNotFound"
    assert "app22" in refused["message"]
    assert 'Did you mean "app2"?' in refused["message"]


def test_a_child_of_an_app_that_nobody_knows_fails_after_the_grace(dapr: Driver) -> None:
    refused = dapr.run("call_child", {"workflow": "twice", "input": "a", "app": "app33"}).result
    assert refused["type"] == "TargetAppNotFound"
    assert "app33" in refused["message"]


def test_item_5_a_result_above_the_limit_fails_its_activity_and_nothing_else(dapr: Driver) -> None:
    within = dapr.run("call", {"activity": "letters", "input": 3 * 1024 * 1024}).result
    assert len(within) == 3 * 1024 * 1024
    beyond = dapr.run("call", {"activity": "letters", "input": 4 * 1024 * 1024 + 10}).result
    assert beyond["type"] == "PayloadTooLarge"
    assert "4194304" in beyond["message"]


def test_item_15_code_that_changes_between_replays_fails_as_nondeterminism(dapr: Driver) -> None:
    kind, _ = dapr.run("changeable").error
    assert kind == "NonDeterminismError"


def test_item_15_the_clock_of_a_workflow_is_the_same_in_every_replay(dapr: Driver) -> None:
    instance_id = dapr.start("unique")
    first = dapr.wait(instance_id).result
    (started, *_) = dapr.call("get_workflow_history", instance_id)
    assert first == started["timestamp"].replace("T", " ")


def test_item_24_patches_hold_for_the_rest_of_a_run(dapr: Driver) -> None:
    assert dapr.run("patched").result == [True, True, True]
