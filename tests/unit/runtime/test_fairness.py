"""Who waits for whom: callers take turns at a target, instances of one caller at its owner and at the target."""

from tests.unit.runtime.board import Board
from tests.unit.runtime.desk import Desk, Worker

MANY = 1_000


def served(desk: Desk, worker: Worker, most: int) -> int:
    """Let the worker end its oldest task again and again; return after how many the one of "shop" had its turn."""
    for count in range(most):
        if any(ref.app == "shop" for ref in worker.refs()):
            return count
        desk.finish(worker.refs()[count])
    raise AssertionError("never")


def test_a_caller_with_a_backlog_does_not_delay_another_callers_task():
    desk = Desk()
    worker = desk.worker(activities_max=4)
    for number in range(MANY):
        desk.dispatch(number)
    desk.dispatch(1, app="shop")
    # Without the backlog it would begin at once; with it, when the first place becomes free.
    assert served(desk, worker, MANY) <= 2


def test_two_callers_with_backlogs_share_the_workers():
    desk = Desk()
    worker = desk.worker(activities_max=1)
    for number in range(50):
        desk.dispatch(number)
    for number in range(50):
        desk.dispatch(number, app="shop")
    for count in range(40):
        desk.finish(worker.refs()[count])
    assert [ref.app for ref in worker.refs()].count("shop") in (20, 21)


def test_instances_of_one_caller_take_turns_at_the_target():
    desk = Desk()
    worker = desk.worker(activities_max=1)
    for number in range(50):
        desk.dispatch(number)
    desk.dispatch(7, instance="i2")
    desk.finish(worker.refs()[0])
    desk.finish(worker.refs()[1])
    assert "i2" in [ref.instance_id for ref in worker.refs()]


def test_instances_of_one_caller_take_turns_for_credit():
    board = Board(tasks_per_caller_max=2)
    board.replica()
    running = [board.offer(number) for number in range(MANY)][:2]
    late = board.offer(1, instance_id="order-2")
    board.dispatcher.done(running[0])
    board.dispatcher.done(running[1])
    assert late in [dispatch.ref for _, dispatch in board.sent]


def test_one_instance_does_not_take_all_the_memory():
    board = Board(tasks_in_memory_max=10, tasks_per_caller_max=1)
    board.replica()
    refs = [board.offer(number) for number in range(20)]
    other = board.offer(1, instance_id="order-2")
    assert sum(map(board.dispatcher.knows, refs)) == 5
    assert board.dispatcher.knows(other)
