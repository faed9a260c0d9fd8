"""Which replica runs a task, how many it gets, and what is dispatched again."""

from antiphon_names.hashing import partition_of
from antiphon_sidecar.peers.base import Dispatch
from antiphon_sidecar.runtime import rows
from tests.unit.runtime.board import Board


def test_a_dispatch_carries_what_the_target_needs():
    board = Board()
    board.replica()
    row = board.task()
    board.dispatcher.owned(partition_of(row.slot), row.created_at)
    board.dispatcher.offer([row])
    assert board.sent == [
        ("p1", Dispatch(row.ref, row.incarnation, row.slot, "charge", b"request", 1, board.clock.wall_ns()))
    ]


def test_a_task_that_is_known_is_not_dispatched_again():
    board = Board()
    board.replica()
    board.offer()
    board.offer()
    assert len(board.sent) == 1


def test_the_replica_with_the_fewest_tasks_gets_the_next():
    board = Board()
    board.replica("p1")
    board.replica("p2")
    for number in range(6):
        board.offer(number)
    assert sorted(board.sent_to()) == ["p1"] * 3 + ["p2"] * 3


def test_a_replica_gets_no_more_than_its_credits():
    board = Board(tasks_per_caller_max=2)
    board.replica()
    for number in range(3):
        board.offer(number)
    assert (len(board.sent), board.reasons()) == (2, ["Backlog"])


def test_a_result_makes_room_for_the_next_at_once():
    board = Board(tasks_per_caller_max=1)
    board.replica()
    first, second, _ = (board.offer(number) for number in range(3))
    board.dispatcher.done(first)
    assert [dispatch.ref for _, dispatch in board.sent] == [first, second]
    assert board.reasons() == ["Backlog"]


def test_room_at_one_app_does_not_wake_calls_to_another():
    board = Board(tasks_per_caller_max=1)
    board.replica()
    first = board.offer(1)
    waiting = board.offer(2, target_app="nobody")
    board.dispatcher.done(first)
    assert list(board.dispatcher.held) == [waiting]


def test_a_slow_app_does_not_use_up_the_credits_of_others():
    board = Board(tasks_per_caller_max=1)
    board.replica("p1")
    board.replica("s1", app="stock")
    board.offer(1)
    board.offer(2)
    board.offer(3, target_app="stock")
    assert board.sent_to() == ["p1", "s1"]


def test_memory_is_bounded_and_the_rest_stays_rows():
    board = Board(tasks_in_memory_max=2, tasks_per_caller_max=1)
    board.replica()
    refs = [board.offer(number, instance_id=f"order-{number}") for number in range(3)]
    assert [board.dispatcher.knows(ref) for ref in refs] == [True, True, False]
    assert not board.dispatcher.has_room()
    board.dispatcher.forget(refs[0])
    assert board.dispatcher.has_room()


def test_what_a_lost_replica_had_is_dispatched_again():
    board = Board()
    board.replica("p1")
    ref = board.offer()
    board.registry.leave("p1")
    (row,) = board.dispatcher.stranded()
    assert row.ref == ref
    assert not board.dispatcher.knows(ref)
    board.replica("p2")
    board.dispatcher.offer([rows.next_attempt(row)])
    assert [(to, dispatch.attempt) for to, dispatch in board.sent] == [("p1", 1), ("p2", 2)]


def test_nothing_is_stranded_while_replicas_live():
    board = Board()
    board.replica()
    board.offer()
    assert board.dispatcher.stranded() == []


def test_a_returned_task_is_the_callers_again():
    board = Board()
    board.replica()
    ref = board.offer()
    row = board.dispatcher.returned(ref, "p1")
    assert row is not None
    assert not board.dispatcher.knows(ref)


def test_a_return_from_a_replica_that_had_it_before_is_nothing():
    board = Board()
    board.replica()
    ref = board.offer()
    assert board.dispatcher.returned(ref, "p0") is None
    assert board.dispatcher.knows(ref)


def test_a_return_of_what_is_done_is_nothing():
    board = Board()
    board.replica()
    ref = board.offer()
    board.dispatcher.forget(ref)
    assert board.dispatcher.returned(ref, "p1") is None


def test_a_task_found_in_hand_counts_and_is_not_sent():
    board = Board(tasks_per_caller_max=1)
    board.replica()
    board.dispatcher.adopt(board.task(1), "p1")
    board.offer(2)
    assert (board.sent, board.reasons()) == ([], ["Backlog"])


def test_an_ended_generation_takes_its_tasks_along():
    board = Board()
    board.replica()
    old, new = board.offer(1), board.offer(1, execution_id="x1")
    held = board.offer(2, target_app="nobody")
    board.dispatcher.forget_execution("order-1", "x0")
    assert [board.dispatcher.knows(ref) for ref in (old, held, new)] == [False, False, True]


def test_tasks_of_a_lost_partition_are_forgotten():
    board = Board()
    board.replica()
    sent, held = board.offer(1), board.offer(2, target_app="nobody")
    board.dispatcher.forget_if(lambda row: True)
    assert not board.dispatcher.knows(sent)
    assert not board.dispatcher.knows(held)


def test_what_waits_keeps_its_order():
    board = Board()
    board.known.add("payments")
    refs = [board.offer(number) for number in range(3)]
    board.later(1)
    board.replica()
    board.later(1)
    assert [dispatch.ref for _, dispatch in board.sent] == refs


def test_what_got_credit_while_waiting_is_not_sent_twice():
    board = Board(tasks_per_caller_max=1)
    board.replica("p1")
    first, second, third = (board.offer(number) for number in range(3))
    board.replica("p2")
    board.later(1)
    board.dispatcher.done(first)
    board.dispatcher.done(second)
    board.dispatcher.done(third)
    assert [dispatch.ref for _, dispatch in board.sent] == [first, second, third]
    assert board.dispatcher.held == {}


def test_a_dispatch_is_as_old_as_the_last_commit_of_its_owner_however_late_it_is_sent():
    board = Board()
    board.replica()
    ref, owned_at = board.task().ref, board.clock.wall_ns()
    board.dispatcher.owned(partition_of(board.task().slot), owned_at)
    # The owner was stopped before it heard that its commit had landed: another may be owner by now.
    board.clock.advance(20.0)
    board.offer()
    board.dispatcher.remind(ref)
    assert [dispatch.dispatched_at for _, dispatch in board.sent] == [owned_at, owned_at]


def test_a_dispatch_of_a_partition_in_which_nothing_was_committed_is_never_fresh():
    board = Board()
    board.replica()
    board.offer()
    assert [dispatch.dispatched_at for _, dispatch in board.sent] == [0]
