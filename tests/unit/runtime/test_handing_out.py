"""Which worker gets which task: fairness between callers, bounds of streams, repeats."""

from collections import Counter

from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.peers.base import Result, Verdict
from antiphon_sidecar.runtime.tokens import read_task_token
from antiphon_sidecar.runtime.workers import items_at_once
from tests.unit.runtime.desk import Desk


def test_a_task_goes_to_a_worker_that_offers_it():
    desk = Desk()
    desk.worker("refund")
    charging = desk.worker("charge")
    ref = desk.dispatch()
    assert charging.refs() == [ref]


def test_the_item_carries_the_request_and_a_token_that_names_the_task():
    desk = Desk()
    worker = desk.worker()
    ref = desk.dispatch()
    (item,) = worker.items
    assert (item.request, item.attempt) == (b"request", 1)
    known = read_task_token(item.token)
    assert known is not None
    assert known[0] == ref


def test_the_least_busy_worker_is_next():
    desk = Desk()
    workers = [desk.worker(), desk.worker()]
    for number in range(4):
        desk.dispatch(number)
    assert [len(worker.items) for worker in workers] == [2, 2]


def test_a_worker_gets_no_more_than_it_takes():
    desk = Desk()
    worker = desk.worker(activities_max=2)
    refs = [desk.dispatch(number) for number in range(4)]
    assert worker.refs() == refs[:2]
    desk.finish(refs[0])
    assert worker.refs() == refs[:3]


def test_a_worker_in_javascript_gets_no_more_of_both_kinds_than_its_queue_holds():
    assert items_at_once("grpc-python/1.85.1 grpc-c/58.0.0", 100) == (100, 100)
    turns, activities = items_at_once("dapr-js-sdk/workflow grpc-node-js/1.14.0", 100)
    assert turns + activities == 100
    assert min(items_at_once("dapr-js-sdk/workflow grpc-node-js/1.14.0", 1)) == 1


def test_callers_take_turns():
    desk = Desk()
    worker = desk.worker(activities_max=1)
    for number in range(6):
        desk.dispatch(number, app="orders")
    for number in range(3):
        desk.dispatch(number, app="shop")
    # The first one came before anybody waited.
    for _ in range(6):
        desk.finish(worker.refs()[-1])
    assert Counter(ref.app for ref in worker.refs()[1:]) == {"orders": 3, "shop": 3}


def test_one_caller_keeps_the_order_of_its_tasks():
    desk = Desk()
    worker = desk.worker(activities_max=1)
    refs = [desk.dispatch(number) for number in range(4)]
    for _ in range(3):
        desk.finish(worker.refs()[-1])
    assert worker.refs() == refs


def test_a_name_without_a_free_worker_does_not_hold_up_the_others():
    desk = Desk()
    desk.worker("slow", activities_max=1)
    desk.dispatch(1, name="slow")
    desk.dispatch(2, name="slow")
    fast = desk.worker("fast")
    ref = desk.dispatch(3, name="fast")
    assert fast.refs() == [ref]


def test_a_task_that_no_worker_can_receive_fails_at_once_and_the_others_go_on():
    desk = Desk()
    worker = desk.worker(agent="grpc-node/1.0")
    large = desk.dispatch(1, request=b"x" * (4 << 20))
    small = desk.dispatch(2)
    assert worker.refs() == [small]
    ((to, result),) = [(to, m) for to, m in desk.sent if isinstance(m, Result)]
    assert (to, result.ref) == ("o1", large)
    failed = codec.unseal(result.event)
    assert isinstance(failed, ev.TaskFailed)
    assert failed.failure.message.startswith('AN204 PayloadTooLarge: activity "charge" and its input take ')


def test_a_large_task_goes_to_a_worker_that_receives_it():
    desk = Desk()
    small = desk.worker(agent="grpc-node/1.0")
    large = desk.worker(agent="grpc-node-js/1.0")
    ref = desk.dispatch(1, request=b"x" * (4 << 20))
    assert (small.refs(), large.refs()) == ([], [ref])


def test_a_task_waits_for_a_worker_to_come():
    desk = Desk()
    desk.worker("charge", activities_max=0)
    ref = desk.dispatch()
    assert desk.worker("charge").refs() == [ref]


def test_a_worker_that_does_not_echo_tokens_gets_no_two_items_of_one_id():
    desk = Desk()
    worker = desk.worker()
    first = desk.dispatch(1, app="orders")
    second = desk.dispatch(1, app="shop")
    assert worker.refs() == [first]
    assert desk.intake.find(instance_id="i1", task_id=1) is desk.intake.hands[first]
    desk.finish(first, echoed=False)
    assert worker.refs() == [first, second]


def test_a_worker_that_echoed_a_token_gets_both():
    desk = Desk()
    worker = desk.worker()
    desk.finish(desk.dispatch(9), echoed=True)
    desk.dispatch(1, app="orders")
    desk.dispatch(1, app="shop")
    assert len(worker.items) == 3


def test_a_repeated_dispatch_runs_once():
    desk = Desk()
    worker = desk.worker()
    desk.dispatch()
    desk.dispatch()
    assert len(worker.items) == 1


def test_a_dispatch_of_what_was_finished_is_dropped():
    desk = Desk()
    worker = desk.worker()
    ref = desk.dispatch()
    desk.finish(ref)
    desk.answer(ref, Verdict.COMMITTED)
    desk.dispatch()
    assert len(worker.items) == 1


def test_a_leaving_replica_takes_nothing():
    desk = Desk()
    worker = desk.worker()
    desk.intake.draining = True
    ref = desk.dispatch()
    assert (worker.items, desk.returned()) == ([], [ref])
