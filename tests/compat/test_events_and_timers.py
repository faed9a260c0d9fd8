"""What workflows wait for: timers and events of outside."""

import pytest

from tests.compat.driving import Driver
from tests.compat.worlds import World, until

pytestmark = pytest.mark.compat


def test_item_22_a_timer_never_fires_early(dapr: Driver) -> None:
    assert dapr.run("sleep", 0.7).result >= 0.7


def test_item_22_a_timer_in_the_past_fires_at_once_and_one_in_centuries_does_no_harm(dapr: Driver) -> None:
    assert dapr.run("sleep_until_past").result == "awake"


def test_item_29_an_event_resumes_the_workflow_that_waits(dapr: Driver) -> None:
    instance_id = dapr.start("wait", "approval")
    dapr.raise_event(instance_id, "approval", {"by": "anna", "amount": 1.5})
    assert dapr.wait(instance_id).result == {"by": "anna", "amount": 1.5}


def test_item_29_an_event_in_other_letters_is_the_same_event(dapr: Driver) -> None:
    instance_id = dapr.start("wait", "Approval")
    dapr.raise_event(instance_id, "aPPROVAL", "yes")
    assert dapr.wait(instance_id).result == "yes"


def test_item_29_an_event_without_data_is_none(dapr: Driver) -> None:
    instance_id = dapr.start("wait", "go")
    dapr.raise_event(instance_id, "go")
    assert dapr.wait(instance_id).result is None


def test_item_29_events_before_a_scheduled_start_are_kept(dapr: Driver) -> None:
    instance_id = dapr.start("collect", 2, start_in_s=1.5)
    dapr.raise_event(instance_id, "item", 1)
    dapr.raise_event(instance_id, "item", 2)
    found = dapr.get(instance_id)
    assert found is not None
    assert found.status == "PENDING"
    assert dapr.wait(instance_id).result == [1, 2]


def test_item_29_events_come_in_the_order_in_which_they_were_raised(dapr: Driver) -> None:
    instance_id = dapr.start("collect", 40)
    for number in range(1, 41):
        dapr.raise_event(instance_id, "item", number)
    assert dapr.wait(instance_id).result == list(range(1, 41))


def test_item_29_events_that_nobody_waits_for_yet_are_kept(dapr: Driver, shared: World) -> None:
    instance_id = dapr.start("collect_later", 3)
    until(lambda: shared.notes(instance_id))
    for number in (1, 2, 3):
        dapr.raise_event(instance_id, "item", number)
    shared.open_gate(instance_id)
    assert dapr.wait(instance_id).result == [1, 2, 3]


def test_item_29_an_event_reaches_an_instance_of_another_app(dapr: Driver) -> None:
    instance_id = dapr.start("wait", "go", app_id="app3")
    dapr.raise_event(instance_id, "go", "there", app_id="app3")
    assert dapr.wait(instance_id, app_id="app3").result == "there"


def test_item_29_a_timeout_ends_the_wait_for_an_event(dapr: Driver) -> None:
    assert dapr.run("wait_at_most", 0.4).result == "timed out"


def test_item_29_an_event_before_its_timeout_wins(dapr: Driver) -> None:
    instance_id = dapr.start("wait_at_most", 60)
    dapr.raise_event(instance_id, "go", "in time")
    assert dapr.wait(instance_id).result == "in time"


def test_item_36_a_start_in_the_past_is_a_start_now(dapr: Driver) -> None:
    assert dapr.run("one", 1, start_in_s=-3600).result == 2


def test_item_36_a_scheduled_start_waits_for_its_time(dapr: Driver) -> None:
    instance_id = dapr.start("one", 1, start_in_s=1.0)
    found = dapr.get(instance_id)
    assert found is not None
    assert found.status == "PENDING"
    assert dapr.call("wait_for_workflow_start", instance_id, timeout_in_seconds=20)["runtime_status"] != "PENDING"
    assert dapr.wait(instance_id).result == 2
