"""How work items are packed into messages: many small ones together, large ones alone."""

from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.engine.ids import TaskRef
from antiphon_sidecar.runtime.workers import ActivityItem, TurnItem
from antiphon_sidecar.servers.worker import _messages


def _activity(task_id: int, *, size: int = 10, attempt: int = 1) -> ActivityItem:
    request = wk.ActivityRequest(name="charge", task_id=task_id)
    request.input.value = "x" * size
    ref = TaskRef("orders", "one", "first", task_id)
    return ActivityItem(f"token-{task_id}", ref, request.SerializeToString(), attempt)


def _ids(message: wk.WorkItem) -> list[int]:
    return [item.activity_request.task_id for item in (message, *message.more)]


def test_small_items_travel_together_in_their_order():
    (message,) = _messages([_activity(1), _activity(2), _activity(3)])
    assert _ids(message) == [1, 2, 3]


def test_a_large_item_does_not_make_a_message_too_large():
    messages = _messages([_activity(1), _activity(2, size=3 * 1024 * 1024), _activity(3)])
    assert [_ids(message) for message in messages] == [[1], [2], [3]]


def test_the_attempt_of_this_delivery_goes_with_the_request():
    (message,) = _messages([_activity(1, attempt=3)])
    assert (message.activity_request.attempt, message.completion_token) == (3, "token-1")


def test_a_full_history_has_no_cached_part():
    (message,) = _messages([TurnItem("t", "one", "first", [b"a"], [b"b"], None)])
    request = message.workflow_request
    assert (list(request.past_events), list(request.new_events), request.HasField("cached_history")) == (
        [b"a"],
        [b"b"],
        False,
    )


def test_a_delta_says_how_much_the_worker_has():
    (message,) = _messages([TurnItem("t", "one", "first", [b"a"], [b"b"], 7)])
    assert message.workflow_request.cached_history.event_count == 7
