"""Before a task runs again, or late, the store is asked whether it is still to be run, and by whom."""

from tests.unit.runtime.desk import ME, Desk


async def test_a_first_and_fresh_dispatch_asks_nobody():
    desk = Desk()
    worker = desk.worker()
    desk.dispatch()
    assert (len(worker.items), desk.to_claim) == (1, [])


async def test_a_second_attempt_runs_once_the_claim_is_ours():
    desk = Desk()
    worker = desk.worker()
    await desk.row(attempt=2)
    ref = desk.dispatch(attempt=2)
    assert worker.items == []
    await desk.ports()
    assert worker.refs() == [ref]


async def test_a_dispatch_older_than_half_a_lease_is_claimed():
    desk = Desk(lease_s=10.0)
    worker = desk.worker()
    await desk.row()
    sent_at = desk.store_clock.now()
    desk.clock.advance(5.1)
    ref = desk.dispatch(dispatched_at=sent_at)
    assert worker.items == []
    await desk.ports()
    assert worker.refs() == [ref]


async def test_a_task_that_waited_here_too_long_is_claimed():
    desk = Desk(lease_s=10.0)
    worker = desk.worker(activities_max=1)
    first = desk.dispatch(1)
    await desk.row(2)
    second = desk.dispatch(2)
    desk.clock.advance(5.1)
    desk.finish(first)
    assert worker.refs() == [first]
    await desk.ports()
    assert worker.refs() == [first, second]


async def test_a_task_whose_row_is_gone_does_not_run():
    desk = Desk()
    worker = desk.worker()
    ref = desk.dispatch(attempt=2)
    await desk.ports()
    assert (worker.items, desk.returned(), desk.intake.hands) == ([], [ref], {})


async def test_a_task_that_another_replica_claimed_does_not_run():
    desk = Desk()
    worker = desk.worker()
    await desk.row(attempt=2)
    ref = desk.dispatch(attempt=2)
    assert await desk.store.claim_tasks(replica="p2", items=[(ref, 2)]) == [True]
    await desk.ports()
    assert (worker.items, desk.returned()) == ([], [ref])


async def test_a_task_that_moved_on_to_another_attempt_does_not_run():
    desk = Desk()
    worker = desk.worker()
    await desk.row(attempt=3)
    desk.dispatch(attempt=2)
    await desk.ports()
    assert worker.items == []


async def test_a_claim_that_was_answered_late_does_not_run_what_is_settled():
    desk = Desk()
    worker = desk.worker()
    await desk.row(attempt=2)
    ref = desk.dispatch(attempt=2)
    desk.finish(ref)
    await desk.ports()
    assert worker.items == []


async def test_the_claim_is_made_in_this_replicas_name():
    desk = Desk()
    desk.worker()
    await desk.row(attempt=2)
    desk.dispatch(attempt=2)
    await desk.ports()
    loaded = await desk.store.load(app="orders", instance_id="i1")
    assert loaded is not None
    assert [task.claimed_by for task in loaded.tasks] == [ME]


async def test_what_became_old_on_its_way_to_a_worker_is_claimed_before_it_is_sent():
    desk = Desk(lease_s=10.0)
    worker = desk.worker()
    await desk.row()
    ref = desk.dispatch()
    (item,) = worker.items
    # The sidecar is stopped before it has written the item.
    desk.clock.advance(5.1)
    assert not desk.intake.may_send(item)
    await desk.ports()
    assert worker.refs() == [ref, ref]
    assert desk.intake.may_send(worker.items[1])


async def test_what_became_old_on_its_way_and_is_gone_is_not_sent():
    desk = Desk(lease_s=10.0)
    worker = desk.worker()
    ref = desk.dispatch()
    desk.clock.advance(5.1)
    assert not desk.intake.may_send(worker.items[0])
    await desk.ports()
    assert (len(worker.items), desk.returned(), desk.intake.hands) == (1, [ref], {})
