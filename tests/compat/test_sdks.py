"""Each feature with each SDK that has it: the SDK's own app and client, and a Python app beside it.

The apps are one program in several languages: apps/features.py, apps/js and apps/go.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.compat.driving import CallFailed, Driver
from tests.compat.sdks import PEER
from tests.compat.wire import Wire
from tests.compat.worlds import Commands, World, until, world

pytestmark = pytest.mark.compat
feature = pytest.mark.feature


@dataclass(frozen=True, slots=True)
class Tried:
    """An SDK's app and its client; the Python app beside it and its client."""

    app: str
    world: World
    client: Driver
    peer: Driver

    def status(self, instance_id: str) -> str | None:
        found = self.client.get(instance_id)
        return None if found is None else found.status


@pytest.fixture(scope="module")
def everyone(
    dapr_python: Path, every_sdk: dict[str, Commands], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One host with the apps of all SDKs."""
    with world(tmp_path_factory.mktemp("sdks"), dapr_python, apps=(), others=every_sdk) as made:
        made.start()
        yield made


@pytest.fixture(scope="module")
def peer(everyone: World) -> Driver:
    return everyone.client("sync", app=PEER)


@pytest.fixture(scope="module")
def clients(everyone: World) -> dict[str, Driver]:
    return {}


@pytest.fixture
def tried(everyone: World, peer: Driver, clients: dict[str, Driver], sdk: str) -> Tried:
    if sdk not in clients:
        clients[sdk] = everyone.client("sync", app=sdk)
    return Tried(app=sdk, world=everyone, client=clients[sdk], peer=peer)


def fresh(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex}"  # noqa: TID251


# calls


@feature("activity")
def test_an_activity_answers_its_workflow(tried: Tried) -> None:
    assert tried.client.run("one", 21).result == 42


@feature("activity-out")
def test_an_activity_of_a_python_app_answers(tried: Tried) -> None:
    assert tried.client.run("call", {"activity": "double", "input": 21, "app": PEER}).result == 42


@feature("activity-in")
def test_an_activity_is_called_by_a_python_app(tried: Tried) -> None:
    assert tried.peer.run("call", {"activity": "double", "input": 21, "app": tried.app}).result == 42


@feature("child")
def test_a_child_answers_its_parent(tried: Tried) -> None:
    child = fresh("child")
    assert tried.client.run("call_child", {"workflow": "one", "input": 4, "id": child}).result == 8
    assert tried.status(child) == "COMPLETED"
    assert tried.client.run("call_child", {"workflow": "one", "input": 4}).result == 8


@feature("child-out")
def test_a_child_in_a_python_app_answers(tried: Tried) -> None:
    child = fresh("child")
    assert tried.client.run("call_child", {"workflow": "one", "input": 4, "app": PEER, "id": child}).result == 8
    assert tried.peer.wait(child).result == 8
    assert tried.client.run("call_child", {"workflow": "one", "input": 4, "app": PEER}).result == 8


@feature("child-in")
def test_a_workflow_is_the_child_of_a_python_apps(tried: Tried) -> None:
    child = fresh("child")
    assert tried.peer.run("call_child", {"workflow": "one", "input": 4, "app": tried.app, "id": child}).result == 8
    assert tried.status(child) == "COMPLETED"


@feature("fan-out")
def test_item_9_two_hundred_activities_run_side_by_side(tried: Tried) -> None:
    assert tried.client.run("fan", {"count": 200}).result == 39_800


@feature("fan-out-in")
def test_item_9_two_hundred_activities_are_called_by_a_python_app(tried: Tried) -> None:
    assert tried.peer.run("fan", {"count": 200, "app": tried.app}).result == 39_800


@feature("retry-activity")
def test_retries_run_an_activity_until_it_succeeds(tried: Tried) -> None:
    key = fresh("retried")
    assert tried.client.run("retry_activity", {"key": key, "times": 3}).result == "at last"
    assert len(tried.world.notes(key)) == 3


@feature("retry-child")
def test_item_30_retries_start_a_child_again_under_its_id(tried: Tried) -> None:
    key = fresh("child")
    instance_id = tried.client.start("retry_child", {"key": key, "times": 3})
    assert tried.client.wait(instance_id).result == "run 3"
    assert tried.client.wait(f"{instance_id}-child").result == "run 3"


@feature("failure")
def test_a_failure_ends_the_workflow(tried: Tried) -> None:
    _, message = tried.client.run("rely", "tea").error
    assert "no money for tea" in message


@feature("failure-out")
def test_item_31_a_failure_in_a_python_app_is_caught(tried: Tried) -> None:
    caught = tried.client.run("call", {"activity": "refuse", "input": "tea", "app": PEER}).result
    assert "no money for tea" in caught["message"]
    caught = tried.client.run("call_child", {"workflow": "rely", "input": "milk", "app": PEER}).result
    assert "no money for milk" in caught["message"]


@feature("failure-in")
def test_item_31_a_failure_is_caught_by_a_python_app(tried: Tried) -> None:
    caught = tried.peer.run("call", {"activity": "refuse", "input": "tea", "app": tried.app}).result
    assert "no money for tea" in caught["message"]
    assert caught["type"]
    caught = tried.peer.run("call_child", {"workflow": "rely", "input": "milk", "app": tried.app}).result
    assert "no money for milk" in caught["message"]
    assert caught["type"]


@feature("unregistered")
def test_a_name_that_the_worker_does_not_have_is_refused(tried: Tried) -> None:
    caught = tried.peer.run("call", {"activity": "douple", "input": 1, "app": tried.app}).result
    assert "douple" in caught["message"]
    caught = tried.peer.run("call_child", {"workflow": "onne", "input": 1, "app": tried.app}).result
    assert "onne" in caught["message"]


@feature("forget")
def test_item_25_an_activity_that_nobody_waits_for_runs(tried: Tried) -> None:
    key = fresh("forgotten")
    assert tried.client.run("forget", key).result == "forgotten"
    until(lambda: len(tried.world.notes(key)) == 1)


@feature("large")
def test_item_5_large_values_pass(tried: Tried) -> None:
    size = 3 * 1024 * 1024
    assert len(tried.client.run("call", {"activity": "letters", "input": size}).result) == size


@feature("steps")
def test_each_of_many_steps_runs_once(tried: Tried) -> None:
    instance_id = tried.client.start("many_steps", 60)
    assert tried.client.wait(instance_id).result == 60
    assert len(tried.world.notes(instance_id)) == 60


@feature("deltas")
def test_item_11_turns_after_the_first_are_deltas(tried: Tried) -> None:
    instance_id = tried.client.start("many_steps", 5)
    assert tried.client.wait(instance_id).result == 5
    # Of six turns the first has no past, and the second is what makes the worker keep one.
    assert len(tried.world.notes(f"{instance_id} delta")) == 4


# waiting


@feature("timer")
def test_item_22_a_timer_never_fires_early(tried: Tried) -> None:
    assert tried.client.run("sleep", 0.5).result >= 0.5


@feature("event")
def test_item_29_an_event_resumes_the_workflow_that_waits(tried: Tried) -> None:
    instance_id = tried.client.start("wait", "Approval")
    tried.client.raise_event(instance_id, "Approval", {"by": "anna", "amount": 1.5})
    assert tried.client.wait(instance_id).result == {"by": "anna", "amount": 1.5}


@feature("event-kept")
def test_item_29_events_are_kept_in_their_order(tried: Tried) -> None:
    instance_id = tried.client.start("collect_later", 3)
    until(lambda: len(tried.world.notes(instance_id)) == 1)
    for number in (1, 2, 3):
        tried.client.raise_event(instance_id, "item", number)
    tried.world.open_gate(instance_id)
    assert tried.client.wait(instance_id).result == [1, 2, 3]


@feature("event-timeout")
def test_an_event_is_awaited_for_a_limited_time(tried: Tried) -> None:
    assert tried.client.run("wait_at_most", 0.2).result == "timed out"
    instance_id = tried.client.start("wait_at_most", 600)
    tried.client.raise_event(instance_id, "go", "in time")
    assert tried.client.wait(instance_id).result == "in time"


@feature("continue-as-new")
def test_item_26_events_that_came_too_early_are_carried_on(tried: Tried) -> None:
    instance_id = tried.client.start("generations", {"taken": [], "until": 4})
    for number in (1, 2, 3, 4):
        tried.client.raise_event(instance_id, "item", number)
    assert tried.client.wait(instance_id).result == [1, 2, 3, 4]


@feature("status")
def test_item_23_a_workflow_says_how_far_it_is(tried: Tried) -> None:
    instance_id = tried.client.start("say")
    until(lambda: says(tried, instance_id, "waiting"))
    tried.client.raise_event(instance_id, "go")
    until(lambda: says(tried, instance_id, "going"))
    tried.client.raise_event(instance_id, "end")
    assert tried.client.wait(instance_id).result == "said"


def says(tried: Tried, instance_id: str, word: str) -> bool:
    found = tried.client.get(instance_id)
    return found is not None and (found.custom_status or "").strip('"') == word


# control


@feature("suspend")
def test_item_27_a_suspended_instance_does_nothing_until_it_is_resumed(tried: Tried) -> None:
    key = fresh("held")
    instance_id = tried.client.start("steps_with_gate", key)
    until(lambda: len(tried.world.notes(key)) == 1)
    tried.client.call("pause_workflow", instance_id)
    until(lambda: tried.status(instance_id) == "SUSPENDED")
    tried.world.open_gate(key)
    other = tried.client.run("one", 1)
    assert other.result == 2
    assert tried.status(instance_id) == "SUSPENDED"
    assert tried.world.notes(f"{key} after") == []
    tried.client.call("resume_workflow", instance_id)
    assert tried.client.wait(instance_id).result == [f"{key} before", key, f"{key} after"]
    assert [len(tried.world.notes(f"{key}{step}")) for step in (" before", "", " after")] == [1, 1, 1]


@feature("resume-running")
def test_item_27_resuming_what_runs_does_not_fail_it(tried: Tried) -> None:
    instance_id = tried.client.start("wait", "go")
    tried.client.call("resume_workflow", instance_id)
    tried.client.raise_event(instance_id, "go", 7)
    assert tried.client.wait(instance_id).result == 7


@feature("terminate")
def test_item_28_a_terminated_instance_has_the_output_of_the_call(tried: Tried) -> None:
    instance_id = tried.client.start("wait", "never")
    tried.client.call("terminate_workflow", instance_id, output={"why": "enough"})
    ended = tried.client.wait(instance_id)
    assert ended.status == "TERMINATED"
    assert (ended.output or "").replace(" ", "") == '{"why":"enough"}'


@feature("terminate-out")
def test_item_28_a_child_in_a_python_app_ends_with_its_parent(tried: Tried) -> None:
    child = fresh("child")
    instance_id = tried.client.start("call_child", {"workflow": "wait", "input": "never", "app": PEER, "id": child})
    until(lambda: tried.peer.get(child) is not None)
    tried.client.call("terminate_workflow", instance_id)
    assert tried.client.wait(instance_id).status == "TERMINATED"
    assert tried.peer.wait(child).status == "TERMINATED"


@feature("terminate-in")
def test_item_28_a_child_ends_with_its_parent_in_a_python_app(tried: Tried) -> None:
    child = fresh("child")
    instance_id = tried.peer.start("call_child", {"workflow": "wait", "input": "never", "app": tried.app, "id": child})
    until(lambda: tried.status(child) == "RUNNING")
    tried.peer.call("terminate_workflow", instance_id)
    assert tried.peer.wait(instance_id).status == "TERMINATED"
    assert tried.client.wait(child).status == "TERMINATED"


# instances


@feature("scheduled")
def test_item_36_a_scheduled_start_waits_for_its_time(tried: Tried) -> None:
    instance_id = tried.client.start("one", 4, start_in_s=1.0)
    assert tried.status(instance_id) == "PENDING"
    assert tried.client.wait(instance_id).result == 8


@feature("ids")
def test_item_36_an_id_is_refused_while_it_is_in_use_and_free_afterwards(tried: Tried) -> None:
    instance_id = tried.client.start("wait", "go", instance_id=fresh("taken"))
    with pytest.raises(CallFailed, match="already exists"):
        tried.client.start("one", 1, instance_id=instance_id)
    tried.client.raise_event(instance_id, "go", "still there")
    assert tried.client.wait(instance_id).result == "still there"
    assert tried.client.run("one", 3, instance_id=instance_id).result == 6


@feature("purge")
def test_item_40_a_finished_instance_is_purged(tried: Tried) -> None:
    instance_id = tried.client.start("one", 1)
    tried.client.wait(instance_id)
    tried.client.call("purge_workflow", instance_id)
    assert tried.client.get(instance_id) is None
    assert tried.client.run("one", 4, instance_id=instance_id).result == 8


@feature("list")
def test_item_41_instances_are_listed_and_their_histories_read(tried: Tried) -> None:
    instance_id = tried.client.start("one", 1)
    tried.client.wait(instance_id)
    assert instance_id in tried.client.call("list_workflow_instance_ids")["instance_ids"]
    assert tried.client.call("get_workflow_history", instance_id)


@feature("other-app")
def test_item_33_a_client_starts_and_controls_an_instance_of_another_app(tried: Tried) -> None:
    there = {"app_id": PEER}
    instance_id = tried.client.start("wait", "go", **there)
    assert tried.client.get(instance_id) is None
    tried.client.call("pause_workflow", instance_id, **there)
    tried.client.call("resume_workflow", instance_id, **there)
    tried.client.raise_event(instance_id, "go", 7, **there)
    assert tried.client.wait(instance_id, **there).result == 7
    assert tried.peer.wait(instance_id).result == 7
    tried.client.call("purge_workflow", instance_id, **there)
    assert tried.client.get(instance_id, **there) is None
    endless = tried.client.start("wait", "never", **there)
    tried.client.call("terminate_workflow", endless, **there)
    assert tried.client.wait(endless, **there).status == "TERMINATED"


@feature("patches")
def test_item_24_patches_hold_for_the_rest_of_a_run(tried: Tried) -> None:
    assert tried.client.run("patched").result == [True, True, True]


# what is special about Go


@pytest.mark.parametrize("app", ["go-sdk", "durabletask-go"])
def test_item_16_go_counts_from_zero_and_leaves_the_ids_of_children_to_the_sidecar(
    everyone: World, peer: Driver, app: str
) -> None:
    instance_id = peer.start("call_child", {"workflow": "one", "input": 4}, app_id=app)
    assert peer.wait(instance_id, app_id=app).result == 8
    wire = Wire(everyone.ports[app])
    (created,) = [event for event in wire.history(instance_id) if event.HasField("child_workflow_instance_created")]
    (scheduled,) = [event for event in wire.history(f"{instance_id}:0000") if event.HasField("task_scheduled")]
    wire.close()
    assert (created.event_id, scheduled.event_id) == (0, 0)


@pytest.mark.parametrize(
    ("app", "turn", "activity"),
    [
        ("go-sdk", "CompleteOrchestratorTask without a token", "CompleteActivityTask without a token"),
        ("durabletask-go", "CompleteWorkflowTask with a token", "CompleteActivityTask with a token"),
    ],
)
def test_item_10_go_answers_by_either_name_with_a_token_or_without(
    everyone: World, peer: Driver, app: str, turn: str, activity: str
) -> None:
    instance_id = peer.start("one", 4, app_id=app)
    assert peer.wait(instance_id, app_id=app).result == 8
    assert len(everyone.notes(f"{instance_id} {turn}")) == 2
    assert len(everyone.notes(f"{instance_id} {activity}")) == 1
