"""When a worker is gone, what it had goes to another one here, or back to the caller."""

from antiphon_names.hashing import partition_of, slot_of
from antiphon_sidecar.runtime.hand import in_hand
from tests.unit.runtime.desk import Desk


def test_another_worker_here_takes_over():
    desk = Desk()
    first = desk.worker()
    ref = desk.dispatch()
    second = desk.worker()
    desk.leave(first)
    assert (second.refs(), desk.returned()) == ([ref], [])


def test_without_another_worker_the_task_goes_back():
    desk = Desk()
    worker = desk.worker()
    ref = desk.dispatch()
    desk.leave(worker)
    assert (desk.returned(), desk.intake.hands) == ([ref], {})


def test_workers_that_do_not_offer_the_name_do_not_count():
    desk = Desk()
    worker = desk.worker("charge")
    desk.worker("refund")
    ref = desk.dispatch()
    desk.leave(worker)
    assert desk.returned() == [ref]


def test_what_waited_for_the_worker_goes_back_too():
    desk = Desk()
    worker = desk.worker(activities_max=1)
    refs = [desk.dispatch(number) for number in range(3)]
    desk.leave(worker)
    assert sorted(ref.task_id for ref in desk.returned()) == [ref.task_id for ref in refs]


def test_a_result_that_is_on_its_way_stays_on_its_way():
    desk = Desk()
    worker = desk.worker()
    ref = desk.dispatch()
    desk.finish(ref)
    desk.leave(worker)
    assert (desk.returned(), list(desk.intake.hands)) == ([], [ref])


def test_a_result_from_the_lost_worker_still_counts():
    desk = Desk()
    first = desk.worker()
    ref = desk.dispatch()
    second = desk.worker()
    desk.leave(first)
    desk.finish(ref)
    assert [to for to, _ in desk.results()] == ["o1"]
    assert second.stream.activities == 0


def test_says_what_is_in_hand_for_the_partitions_asked_for():
    desk = Desk()
    desk.worker()
    ref = desk.dispatch()
    other = desk.dispatch(instance="elsewhere", app="shop")
    partition = partition_of(slot_of("i1"))
    assert in_hand(desk.intake.hands.values(), "orders", [partition]).refs == ((ref, 1),)
    assert in_hand(desk.intake.hands.values(), "orders", [partition + 1]).refs == ()
    assert other in desk.intake.hands
