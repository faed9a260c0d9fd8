"""A result is acknowledged to its worker once it is durable or known to be unwanted, and not before."""

import pytest

from antiphon_sidecar.peers.base import Verdict
from antiphon_sidecar.runtime.intake import FINISHED_MAX
from antiphon_sidecar.stores.base import InboxKind, TaskRef
from tests.unit.runtime.desk import OWNER, Desk


def finished(desk: Desk) -> TaskRef:
    desk.worker()
    ref = desk.dispatch()
    desk.finish(ref)
    return ref


def test_a_result_goes_to_the_owner_of_the_callers_instance():
    desk = Desk()
    ref = finished(desk)
    assert (desk.results(), desk.acknowledged) == ([(OWNER, ref)], [])


@pytest.mark.parametrize("verdict", [Verdict.COMMITTED, Verdict.GONE])
def test_is_acknowledged_when_the_owner_says(verdict: Verdict):
    desk = Desk()
    ref = finished(desk)
    desk.answer(ref, verdict)
    assert (desk.acknowledged, desk.intake.hands) == ([ref], {})


def test_after_a_refusal_the_new_owner_is_asked_once():
    desk = Desk()
    ref = finished(desk)
    desk.own("orders", "o2")
    desk.answer(ref, Verdict.REFUSED)
    assert (desk.results(), desk.to_replace) == ([(OWNER, ref), ("o2", ref)], [])


async def test_after_two_refusals_the_target_writes_the_result_itself():
    desk = Desk()
    await desk.row()
    ref = finished(desk)
    desk.answer(ref, Verdict.REFUSED)
    desk.answer(ref, Verdict.REFUSED)
    assert desk.acknowledged == []
    await desk.ports()
    assert desk.acknowledged == [ref]
    loaded = await desk.store.load(app="orders", instance_id="i1")
    assert loaded is not None
    assert [row.kind for row in loaded.inbox] == [InboxKind.TASK_RESULT]
    assert loaded.tasks == ()


async def test_without_an_answer_for_a_second_the_target_writes_the_result_itself():
    desk = Desk()
    await desk.row()
    ref = finished(desk)
    desk.clock.advance(0.9)
    desk.intake.tick()
    assert desk.to_replace == []
    desk.clock.advance(0.2)
    desk.intake.tick()
    desk.intake.tick()
    assert len(desk.to_replace) == 1
    await desk.ports()
    assert desk.acknowledged == [ref]


async def test_without_an_owner_the_target_writes_the_result_at_once():
    desk = Desk()
    await desk.row()
    desk.own("orders", None)
    ref = finished(desk)
    await desk.ports()
    assert desk.acknowledged == [ref]


async def test_a_result_whose_task_row_is_gone_is_dropped_and_acknowledged():
    desk = Desk()
    desk.own("orders", None)
    ref = finished(desk)
    await desk.ports()
    assert desk.acknowledged == [ref]
    assert await desk.store.load(app="orders", instance_id="i1") is None


def test_the_first_of_two_results_counts():
    desk = Desk()
    ref = finished(desk)
    desk.finish(ref)
    assert len(desk.results()) == 1
    desk.answer(ref, Verdict.COMMITTED)
    assert desk.acknowledged == [ref, ref]


def test_a_result_of_what_is_settled_is_acknowledged_at_once():
    desk = Desk()
    ref = finished(desk)
    desk.answer(ref, Verdict.COMMITTED)
    desk.finish(ref)
    assert (len(desk.results()), desk.acknowledged) == (1, [ref, ref])


def test_a_result_of_a_task_from_before_a_restart_is_taken():
    desk = Desk()
    ref = TaskRef("orders", "i1", "x0", 7)
    desk.finish(ref)
    assert desk.results() == [(OWNER, ref)]


def test_a_repeated_dispatch_of_a_finished_task_sends_the_result_again():
    desk = Desk()
    ref = finished(desk)
    desk.dispatch(attempt=2)
    assert desk.results() == [(OWNER, ref), (OWNER, ref)]
    assert desk.to_claim == []


def test_an_answer_to_what_is_not_finished_is_nothing():
    desk = Desk()
    desk.worker()
    ref = desk.dispatch()
    desk.answer(ref, Verdict.COMMITTED)
    assert ref in desk.intake.hands


def test_remembers_a_bounded_number_of_finished_tasks():
    desk = Desk()
    worker = desk.worker(activities_max=FINISHED_MAX * 2)
    for number in range(FINISHED_MAX + 1):
        ref = desk.dispatch(number)
        desk.finish(ref)
        desk.answer(ref, Verdict.GONE)
    desk.dispatch(FINISHED_MAX)
    assert len(worker.items) == FINISHED_MAX + 1
    desk.dispatch(0)
    assert len(worker.items) == FINISHED_MAX + 2
