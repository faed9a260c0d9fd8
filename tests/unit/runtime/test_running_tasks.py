"""What a target says of the tasks that its workers run, and how they are cancelled."""

from antiphon_sidecar.peers.base import Progress, Verdict
from antiphon_sidecar.runtime.hand import in_hand
from antiphon_sidecar.runtime.intake import CANCEL_S
from antiphon_sidecar.runtime.workers import CancelItem
from antiphon_sidecar.stores.base import TaskRef
from tests.unit.runtime.desk import OWNER, Desk


def said(desk: Desk) -> list[Progress]:
    return [message for _, message in desk.sent if isinstance(message, Progress)]


def beat(desk: Desk, ref: TaskRef, details: bytes | None = None) -> bool:
    desk.clock.advance(1)
    return desk.intake.beat(ref, slot=7, attempt=1, details=details)


def test_the_owner_hears_when_a_watched_task_begins():
    desk = Desk()
    ref = desk.dispatch(watched=True)
    assert said(desk) == []
    desk.clock.advance(3)
    desk.worker()
    assert said(desk) == [Progress(ref, 1, desk.clock.wall_ns(), 0)]


def test_nothing_is_said_of_a_task_that_nobody_watches():
    desk = Desk()
    desk.worker()
    desk.dispatch()
    assert desk.sent == []


def test_a_repeated_dispatch_of_a_task_that_runs_is_answered():
    desk = Desk()
    desk.worker()
    ref = desk.dispatch(watched=True)
    desk.dispatch(watched=True)
    assert [progress.ref for progress in said(desk)] == [ref, ref]


def test_a_sign_of_life_goes_to_the_owner_with_its_details():
    desk = Desk()
    desk.worker()
    ref = desk.dispatch()
    assert not beat(desk, ref, b'"half"')
    assert said(desk)[-1] == Progress(ref, 1, desk.clock.wall_ns() - 1_000_000_000, desk.clock.wall_ns(), b'"half"')


def test_signs_of_life_are_passed_on_at_a_bounded_rate():
    desk = Desk()
    desk.worker()
    ref = desk.dispatch()
    beat(desk, ref)
    for number in range(50):
        desk.intake.beat(ref, slot=7, attempt=1, details=b"%d" % number)
    assert len(said(desk)) == 1
    desk.intake.tend()
    assert said(desk)[-1].details == b"49"


def test_from_time_to_time_all_that_runs_is_said():
    desk = Desk()
    desk.worker(activities_max=1)
    running, _waiting = desk.dispatch(1), desk.dispatch(2)
    desk.intake.tend()
    assert [progress.ref for progress in said(desk)] == [running]


def test_a_worker_that_can_be_told_is_told():
    desk = Desk()
    worker = desk.worker(cancels=True)
    ref = desk.dispatch()
    desk.intake.cancelled(ref)
    desk.intake.cancelled(ref)
    assert desk.told == [CancelItem(worker.items[0].token, ref)]


def test_a_worker_that_cannot_be_told_is_not():
    desk = Desk()
    desk.worker()
    desk.intake.cancelled(desk.dispatch())
    assert desk.told == []


def test_a_heartbeat_says_that_the_task_is_cancelled():
    desk = Desk()
    desk.worker()
    ref = desk.dispatch()
    desk.intake.cancelled(ref)
    assert beat(desk, ref)


def test_a_task_that_waits_is_never_begun_once_it_is_cancelled():
    desk = Desk()
    ref = desk.dispatch()
    desk.intake.cancelled(ref)
    assert desk.worker().items == []
    desk.dispatch()
    assert desk.intake.hands == {}


def test_a_cancelled_task_keeps_its_place_until_it_ends():
    desk = Desk()
    worker = desk.worker(activities_max=1)
    first, second = desk.dispatch(1), desk.dispatch(2)
    desk.intake.cancelled(first)
    assert worker.refs() == [first]
    desk.finish(first)
    assert (worker.refs(), desk.acknowledged, desk.results()) == ([first, second], [first], [])


def test_a_cancelled_task_that_does_not_end_loses_its_place():
    desk = Desk()
    worker = desk.worker(activities_max=1)
    first, second = desk.dispatch(1), desk.dispatch(2)
    desk.intake.cancelled(first)
    desk.clock.advance(CANCEL_S - 1)
    desk.intake.tend()
    assert worker.refs() == [first]
    desk.clock.advance(1)
    desk.intake.tend()
    # It waited for longer than half a lease: the store is asked first.
    assert [hand.ref for hand in desk.to_claim] == [second]
    desk.finish(first)
    assert desk.acknowledged == [first]


def test_a_result_that_crosses_its_cancellation_is_answered_as_ever():
    desk = Desk()
    desk.worker()
    ref = desk.dispatch()
    desk.finish(ref)
    desk.intake.cancelled(ref)
    assert desk.acknowledged == []
    desk.answer(ref, Verdict.GONE)
    assert desk.acknowledged == [ref]


def test_a_cancelled_task_of_a_lost_worker_goes_nowhere():
    desk = Desk()
    worker, other = desk.worker(), None
    ref = desk.dispatch()
    desk.intake.cancelled(ref)
    desk.leave(worker)
    other = desk.worker()
    assert (other.items, desk.intake.hands) == ([], {})


def test_a_new_owner_is_not_told_of_cancelled_tasks():
    desk = Desk()
    desk.worker()
    ref, other = desk.dispatch(1), desk.dispatch(2)
    desk.intake.cancelled(ref)
    assert [ref for ref, _ in in_hand(desk.intake.hands.values(), "orders", range(32)).refs] == [other]


def test_a_mere_question_is_no_sign_of_life():
    desk = Desk()
    desk.worker()
    ref = desk.dispatch()
    assert not desk.intake.beat(ref, slot=7, attempt=1, details=None, only_asks=True)
    assert desk.intake.hands[ref].beat_at == 0
    desk.intake.cancelled(ref)
    assert desk.intake.beat(ref, slot=7, attempt=1, details=None, only_asks=True)


def test_a_sign_of_life_of_what_an_earlier_sidecar_began_reaches_the_owner():
    desk = Desk()
    ref = TaskRef("orders", "i1", "x0", 5)
    assert not beat(desk, ref, b"3")
    assert desk.sent == [(OWNER, Progress(ref, 1, 0, desk.clock.wall_ns(), b"3"))]
    desk.intake.cancelled(ref)
    assert beat(desk, ref)


# Limits


async def test_no_more_run_than_the_limit_allows():
    desk = Desk(most={"charge": 2})
    worker = desk.worker()
    refs = [desk.dispatch(number) for number in range(4)]
    await desk.grants()
    assert worker.refs() == refs[:2]
    desk.finish(refs[0])
    await desk.grants()
    assert worker.refs() == refs[:3]


async def test_the_owner_hears_what_a_task_waits_for():
    desk = Desk(most={"charge": 1})
    desk.worker()
    ref = desk.dispatch()
    assert [(progress.ref, progress.waits_for) for progress in said(desk)] == [(ref, "ConcurrencyLimited")]
    await desk.grants()
    assert said(desk)[-1].waits_for == ""


async def test_callers_take_turns_at_a_limit():
    desk = Desk(most={"charge": 1})
    worker = desk.worker()
    many = [desk.dispatch(number) for number in range(3)]
    one = desk.dispatch(1, app="shop")
    for _ in range(3):
        await desk.grants()
        desk.finish(worker.refs()[-1])
    assert worker.refs() == [many[0], one, many[1]]


async def test_names_without_a_limit_ask_for_nothing():
    desk = Desk(most={"refund": 1})
    worker = desk.worker()
    ref = desk.dispatch()
    assert (worker.refs(), desk.to_ask) == ([ref], [])


async def test_a_task_that_is_cancelled_while_it_waits_leaves_no_grant():
    desk = Desk(most={"charge": 1})
    worker = desk.worker()
    first, second, third = (desk.dispatch(number) for number in range(3))
    desk.intake.cancelled(first)
    desk.intake.cancelled(second)
    await desk.grants()
    assert worker.refs() == [third]


async def test_an_attempt_lost_with_its_worker_keeps_its_grant_while_it_may_run():
    desk = Desk(most={"charge": 1})
    worker = desk.worker()
    lost = desk.dispatch(1, lapses_ns=30_000_000_000)
    await desk.grants()
    desk.leave(worker)
    assert desk.returned() == [lost]
    other = desk.worker()
    waiting = desk.dispatch(2)
    await desk.grants()
    assert other.items == []
    desk.clock.advance(30)
    desk.intake.tend()
    await desk.grants()
    # It waited for longer than half a lease: whether it is still to be run is asked first.
    assert [hand.ref for hand in desk.to_claim] == [waiting]


async def test_the_result_of_an_attempt_lost_with_its_stream_ends_its_grant():
    desk = Desk(most={"charge": 1})
    lost = desk.dispatch(1, lapses_ns=30_000_000_000)
    worker = desk.worker()
    await desk.grants()
    desk.leave(worker)
    desk.finish(lost)
    await desk.grants()
    again, waiting = desk.worker(), desk.dispatch(2)
    await desk.grants()
    assert again.refs() == [waiting]
