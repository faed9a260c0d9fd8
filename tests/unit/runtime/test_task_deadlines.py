"""A task's four timeouts at the caller's owner: when each begins to count, what ends it, who hears of it."""

from typing import Any

import pytest

from antiphon_sidecar.stores.base import TaskRef
from tests.unit.runtime.board import TARGET, Board

_NS = 1_000_000_000


def at(board: Board, seconds: float) -> int:
    return board.clock.wall_ns() + int(seconds * _NS)


def running(board: Board, **over: Any) -> TaskRef:
    board.replica()
    ref = board.offer(**over)
    board.begins(ref)
    return ref


def test_start_to_close_counts_from_when_a_worker_got_it():
    board = Board()
    board.replica()
    ref = board.offer(start_to_close=5 * _NS)
    board.later(60)
    assert board.failed == []
    board.begins(ref)
    board.later(4.9)
    assert board.failed == []
    board.later(0.2)
    assert (board.failure().error_type, board.failure().code) == ("ActivityStartToCloseTimedOut", "AN111")
    assert "start-to-close timeout of 5 s" in board.failure().message


def test_another_worker_of_the_same_attempt_gets_the_whole_time():
    board = Board()
    ref = running(board, start_to_close=5 * _NS)
    board.later(3)
    board.begins(ref)
    board.later(3)
    assert board.failed == []
    board.later(2.1)
    assert board.failure().code == "AN111"


def test_schedule_to_close_counts_also_while_nobody_takes_it():
    board = Board()
    board.known.add(TARGET)
    board.offer(close_by=at(board, 5))
    board.later(5.1)
    assert (board.failure().error_type, board.failure().code) == ("ActivityScheduleToCloseTimedOut", "AN112")


def test_schedule_to_close_counts_while_it_runs():
    board = Board()
    running(board, close_by=at(board, 5), start_to_close=50 * _NS)
    board.later(5.1)
    assert board.failure().code == "AN112"


def test_a_task_without_a_sign_of_life_fails():
    board = Board()
    running(board, heartbeat=5 * _NS)
    board.later(5.1)
    assert (board.failure().error_type, board.failure().code) == ("ActivityHeartbeatTimedOut", "AN113")


def test_each_sign_of_life_gives_the_whole_time_again():
    board = Board()
    ref = running(board, heartbeat=5 * _NS)
    for _ in range(4):
        board.later(4)
        board.beats(ref)
    assert board.failed == []
    board.later(5.1)
    assert board.failure().code == "AN113"


def test_a_target_that_did_not_say_that_it_began_is_asked_before_the_call_fails():
    board = Board()
    board.replica()
    ref = board.offer(start_by=at(board, 5))
    board.later(5.1)
    assert (len(board.sent), board.failed) == (2, [])
    board.begins(ref)
    board.later(60)
    assert board.failed == []


def test_a_task_that_waits_at_its_target_fails_by_schedule_to_start():
    board = Board()
    board.replica()
    board.offer(start_by=at(board, 5))
    board.later(5.1)
    board.later(1.1)
    assert board.failure().error_type == "TargetAppUnavailable"


def test_the_worker_is_told_once_the_failure_is_durable():
    board = Board()
    ref = running(board, start_to_close=_NS)
    board.later(1.1)
    assert (len(board.failed), board.cancelled) == (1, [])
    board.dispatcher.done(ref)
    assert board.cancelled == [("p1", ref)]


def test_nobody_is_told_when_another_owner_decides():
    board = Board()
    ref = running(board, start_to_close=_NS)
    board.later(1.1)
    board.dispatcher.forget_if(lambda row: True)
    board.dispatcher.done(ref)
    assert board.cancelled == []


def test_who_runs_a_task_of_an_ended_generation_is_told():
    board = Board()
    ref = running(board)
    waiting = board.offer(2, name="nobody's")
    board.dispatcher.forget_execution("order-1", "x0")
    assert board.cancelled == [("p1", ref)]
    assert not board.dispatcher.knows(waiting)


def test_a_task_that_is_done_does_not_time_out():
    board = Board()
    ref = running(board, start_to_close=_NS, heartbeat=_NS, close_by=at(board, 1))
    board.dispatcher.done(ref)
    board.later(2)
    assert (board.failed, board.alarms) == ([], {})


def test_a_timed_out_task_makes_room_for_the_next():
    board = Board(tasks_per_caller_max=1)
    first = running(board, start_to_close=_NS)
    second = board.offer(2)
    board.later(1.1)
    assert [ref for ref, _ in board.failed] == [first]
    assert [dispatch.ref for _, dispatch in board.sent] == [first, second]


def test_the_next_attempt_begins_afresh():
    board = Board()
    ref = running(board, start_to_close=5 * _NS)
    board.later(4)
    row = board.dispatcher.returned(ref, "p1")
    assert row is not None
    board.offer(start_to_close=5 * _NS, attempt=2)
    board.later(4)
    assert board.failed == []
    # The first attempt's word means nothing for the second.
    board.begins(ref, attempt=1)
    board.later(10)
    assert board.failed == []


def test_what_it_said_of_its_progress_goes_to_the_next_attempt():
    board = Board()
    ref = running(board)
    board.beats(ref, b'"half"')
    row = board.dispatcher.returned(ref, "p1")
    assert row is not None
    board.dispatcher.offer([row])
    assert board.sent[-1][1].details == b'"half"'


def test_progress_is_saved_when_there_is_something_new():
    board = Board()
    ref = running(board)
    assert board.dispatcher.unsaved_details() == []
    board.beats(ref, b"1")
    board.beats(ref, b"2")
    assert board.dispatcher.unsaved_details() == [(ref, b"2")]
    board.beats(ref, b"2")
    board.beats(ref)
    assert board.dispatcher.unsaved_details() == []


def test_the_word_of_a_replica_that_does_not_have_the_task_means_nothing():
    board = Board()
    board.replica()
    ref = board.offer(start_to_close=_NS)
    board.begins(ref, replica="p9")
    board.later(5)
    assert board.failed == []


@pytest.mark.parametrize("over", [{"close_by": 1}, {"start_by": 1}], ids=["close", "start"])
def test_a_task_whose_time_was_over_before_it_came_fails_at_once(over: dict[str, int]):
    board = Board()
    board.replica()
    board.offer(**over)
    assert (len(board.failed), board.sent) == (1, [])
