"""What a turn's outcome becomes: one commit, whose rows say what it consumed and what it causes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest

from antiphon_names.hashing import slot_of
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.actions import Target
from antiphon_sidecar.engine.ids import child_incarnation, result_row_id
from antiphon_sidecar.engine.messages import Row
from antiphon_sidecar.engine.result import Result, end_without_worker
from antiphon_sidecar.engine.turn import begin_turn
from antiphon_sidecar.runtime import rows
from antiphon_sidecar.runtime.lane import Meanwhile
from antiphon_sidecar.stores.base import NEVER, Commit, InboxKind, TaskRef
from tests.unit.engine.build import (
    APP,
    ID,
    NOW,
    RUN,
    SECOND,
    again,
    began,
    child,
    child_result,
    done,
    ended,
    fired,
    ident,
    raised,
    result,
    resume,
    running,
    start,
    suspend,
    task,
    terminate,
    timer,
)

SLOT = slot_of(ID)


def assembled(
    outcome: Result,
    *,
    known: Iterable[bytes] = (),
    replaced: Iterable[int] = (),
    written: Iterable[bytes] = (),
    sealed: Sequence[bytes] = (),
    check_child: Callable[[str], int | None] = lambda app: None,
) -> Commit:
    return rows.assemble(
        outcome,
        epoch=7,
        commit_id=ident("commit"),
        now=NOW,
        known_rows=known,
        meanwhile=Meanwhile(frozenset(replaced), frozenset(written)),
        sealed_turn=sealed,
        check_child=check_child,
    ).commit


def test_a_first_turn_expects_no_row_and_consumes_its_start():
    commit = assembled(ended(began(None, start())))
    assert (commit.expect_incarnation, commit.expect_version) == (None, None)
    assert commit.consume_inbox == (RUN,)
    assert (commit.row.version, commit.row.created_at, commit.row.status) == (1, NOW, ev.Status.RUNNING)


def test_names_the_instance_the_fence_and_itself():
    commit = assembled(ended(began(None, start())))
    assert (commit.app, commit.instance_id, commit.slot, commit.epoch) == (APP, ID, SLOT, 7)
    assert commit.history is not None
    assert commit.commit_id == commit.history.commit_id == ident("commit")


def test_a_later_turn_expects_the_version_before():
    commit = assembled(ended(began(running(), raised())))
    assert (commit.expect_incarnation, commit.expect_version, commit.row.version) == (RUN, 1, 2)
    assert commit.history is not None
    assert (commit.history.turn, commit.history.generation) == (1, 0)


def test_history_holds_the_turns_events_and_what_they_caused():
    outcome = ended(began(running(), raised()), task(1))
    commit = assembled(outcome)
    assert commit.history is not None
    assert [codec.unseal(raw) for raw in codec.unpack(commit.history.events)] == outcome.events
    assert commit.history.event_count == 3


def test_history_keeps_the_bytes_that_the_worker_was_sent():
    turn = began(running(), raised())
    sent = [codec.seal(event) + b"\xb8\x3e\x07" for event in turn.events]
    commit = assembled(ended(turn), sealed=sent)
    assert commit.history is not None
    assert list(codec.unpack(commit.history.events)) == sent


def test_a_version_that_the_worker_reported_replaces_the_bytes_it_was_sent():
    turn = began(running(), raised())
    sent = [codec.seal(event) for event in turn.events]
    commit = assembled(ended(turn, version="v2"), sealed=sent)
    assert commit.history is not None
    first, second = codec.unpack(commit.history.events)
    assert codec.unseal(first) == ev.WorkflowStarted(NOW, "v2")
    assert second == sent[1]


def test_remembers_the_client_messages_that_were_applied():
    commit = assembled(ended(began(running(task(1)), raised(message_id="m1"), result(1))))
    assert commit.history is not None
    assert commit.history.message_ids == ident("m1")


def test_a_result_that_came_directly_consumes_its_task_row():
    commit = assembled(ended(began(running(task(1)), result(1))), known=[ident("held")])
    assert commit.consume_tasks == (TaskRef(APP, ID, "x0", 1),)
    assert commit.consume_inbox == ()
    assert commit.known_inbox == (ident("held"),)


def test_a_result_whose_row_was_replaced_meanwhile_consumes_the_inbox_row():
    commit = assembled(ended(began(running(task(1)), result(1))), replaced=[1])
    assert (commit.consume_tasks, commit.consume_inbox) == ((), (result_row_id(RUN, "x0", 1),))


def test_what_came_by_the_inbox_need_not_be_checked_against_unread_rows():
    commit = assembled(ended(began(running(task(1)), result(1, row=Row.INBOX))), known=[ident("held")])
    assert commit.known_inbox is None


def test_a_call_without_effect_is_checked_against_unread_rows_too():
    # The suspend that this resume is to end may be among them.
    turn = began(running(), replace(resume(), row=Row.NONE))
    commit = assembled(end_without_worker(turn, now=NOW), known=[ident("held")])
    assert commit.known_inbox == (ident("held"),)


def test_a_withdrawal_without_effect_leaves_the_childs_start_alone():
    state = running(child(2))
    withdrawn = replace(child_result(2), message_id=child_incarnation(RUN, "x0", 2))
    gone = end_without_worker(began(state, terminate()), now=NOW).state
    commit = assembled(end_without_worker(began(gone, withdrawn), now=NOW))
    assert (commit.consume_inbox, commit.discard_inbox) == ((), ())


def test_a_timer_consumes_its_row_also_when_it_has_no_effect():
    state = running(timer(3))
    commit = assembled(end_without_worker(began(state, fired(3, NOW, execution="old")), now=NOW))
    assert commit.consume_timers == (TaskRef(APP, ID, "old", 3),)
    assert assembled(ended(began(running(timer(3)), fired(3, NOW)))).consume_timers == (TaskRef(APP, ID, "x0", 3),)


def test_late_messages_lose_their_rows_if_they_have_any():
    turn = began(running(), result(1), child_result(2))
    commit = assembled(end_without_worker(turn, now=NOW))
    assert commit.discard_inbox == (ident("child-2"),)
    assert (commit.consume_inbox, commit.consume_tasks, commit.history) == ((), (), None)


def test_a_task_gets_a_row_that_names_its_target_and_holds_the_request():
    timeouts = ev.Timeouts(schedule_to_start_ns=SECOND, schedule_to_close_ns=9, start_to_close_ns=8, heartbeat_ns=7)
    commit = assembled(ended(began(running(), raised()), task(4, target=Target("payments"), timeouts=timeouts)))
    (row,) = commit.tasks
    assert (row.app, row.instance_id, row.slot, row.incarnation) == (APP, ID, SLOT, RUN)
    assert (row.task_id, row.target_app, row.name, row.attempt) == (4, "payments", "charge", 1)
    assert (row.start_by, row.created_at) == (NOW + SECOND, NOW)
    assert (row.close_by, row.start_to_close, row.heartbeat) == (NOW + 9, 8, 7)
    assert wk.ActivityRequest.FromString(row.request).task_id == 4


def test_the_timeouts_of_a_call_count_from_its_row_however_old_its_event_is():
    timeouts = ev.Timeouts(schedule_to_start_ns=SECOND, schedule_to_close_ns=9 * SECOND)
    outcome = ended(began(running(), raised()), task(4, timeouts=timeouts), now=NOW - 500 * SECOND)
    (row,) = assembled(outcome).tasks
    assert (row.start_by, row.close_by) == (NOW + SECOND, NOW + 9 * SECOND)


def test_a_task_without_a_target_is_for_this_app():
    (row,) = assembled(ended(began(running(), raised()), task())).tasks
    assert row.target_app == APP


def test_a_timer_gets_a_row_with_the_event_it_becomes():
    (row,) = assembled(ended(began(running(), raised()), timer(3, NOW + SECOND))).timers
    assert (row.timer_id, row.due_at) == (3, NOW + SECOND)
    message = rows.timer_message(row)
    assert message.events == (ev.TimerFired(NOW + SECOND, 3, NOW + SECOND),)
    assert (message.ref_id, message.execution_id, message.row) == (3, "x0", Row.TIMER)


def test_a_timer_for_ever_gets_no_row():
    outcome = ended(began(running(), raised()), timer(3, ev.SENTINEL_NS))
    assert assembled(outcome).timers == ()
    assert 3 in outcome.state.timers


@pytest.mark.parametrize(
    ("fire_at", "due_at"),
    [
        pytest.param(ev.SENTINEL_NS - 1, NEVER, id="year 9999"),
        pytest.param(NEVER + 1, NEVER, id="year 2262"),
        pytest.param(-62_135_596_800 * SECOND, 0, id="year 1"),
    ],
)
def test_a_timer_beyond_what_stores_can_hold_is_due_at_their_end(fire_at: int, due_at: int):
    (row,) = assembled(ended(began(running(), raised()), timer(3, fire_at))).timers
    assert row.due_at == due_at
    assert rows.timer_message(row).events == (ev.TimerFired(fire_at, 3, fire_at),)


def test_a_deadline_beyond_what_stores_can_hold_is_at_their_end():
    outcome = ended(began(running(), raised()), task(timeouts=ev.Timeouts(schedule_to_start_ns=1 << 80)))
    assert assembled(outcome).tasks[0].start_by == NEVER


def test_a_start_in_the_far_future_fits_its_row():
    outcome = end_without_worker(began(None, start(scheduled_at=ev.SENTINEL_NS), suspend()), now=NOW)
    assert assembled(outcome).row.scheduled_at == NEVER


def test_a_child_gets_an_inbox_row_at_its_app_in_the_same_commit():
    commit = assembled(ended(began(running(), raised()), child(2, "c1", target=Target("stock"))))
    (row,) = commit.messages
    assert (row.app, row.instance_id, row.slot, row.kind) == ("stock", "c1", slot_of("c1"), InboxKind.START)
    assert row.row_id == row.incarnation == child_incarnation(RUN, "x0", 2)
    turn = begin_turn(None, [rows.message_of(row)], now=NOW)
    assert turn is not None
    assert (turn.base.app, turn.base.instance_id) == ("stock", "c1")


def test_a_child_of_an_app_that_nobody_saw_is_looked_after():
    commit = assembled(
        ended(began(running(), raised()), child(2, target=Target("stock"))), check_child=lambda app: NOW + 5
    )
    (check,) = commit.timers
    assert (check.timer_id, check.due_at) == (-4, NOW + 5)


def test_the_end_releases_the_generation_and_tells_the_parent():
    parent = ev.Parent("shop", "p1", "px", ident("parent"), 7, "buy")
    commit = assembled(ended(began(running(task(1), parent=parent), raised()), done(result='"é"')))
    assert commit.end_execution == "x0"
    assert (commit.row.status, commit.row.output) == (ev.Status.COMPLETED, '"é"'.encode())
    (row,) = commit.messages
    assert (row.app, row.instance_id, row.ref_id, row.execution_id) == ("shop", "p1", 7, "px")
    assert (row.kind, row.incarnation) == (InboxKind.CHILD_RESULT, ident("parent"))


def test_a_failure_is_on_the_row():
    commit = assembled(end_without_worker(began(running(), terminate(output="5")), now=NOW))
    assert (commit.row.status, commit.row.output, commit.row.failure) == (ev.Status.TERMINATED, b"5", None)


def test_continue_as_new_drops_the_history_and_begins_another():
    commit = assembled(ended(began(running(task(1)), raised(message_id="m1")), again()))
    assert (commit.end_execution, commit.drop_history) == ("x0", True)
    assert (commit.row.generation, commit.row.execution_id, commit.row.version) == (1, "x1", 2)
    assert commit.history is not None
    assert (commit.history.generation, commit.history.turn, commit.history.event_count) == (1, 0, 0)
    assert commit.history.message_ids == ident("m1")
    (row,) = commit.messages
    assert (row.instance_id, row.kind, row.execution_id) == (ID, InboxKind.START, "x1")


def test_a_new_run_replaces_the_row_of_the_finished_one():
    old = ended(began(None, start()), done()).state
    turn = began(old, start(ident("run-2"), execution_id="y0"))
    commit = assembled(ended(turn))
    assert (commit.expect_incarnation, commit.expect_version) == (RUN, old.version)
    assert (commit.row.incarnation, commit.row.version, commit.drop_history) == (ident("run-2"), 1, True)


def test_a_rejected_start_loses_its_row():
    other = start(ident("run-2"), parent=ev.Parent("shop", "p1", "px", ident("p"), 7, "buy"))
    commit = assembled(end_without_worker(began(running(), other), now=NOW))
    assert commit.consume_inbox == (ident("run-2"),)
    assert [row.instance_id for row in commit.messages] == ["p1"]


def test_an_inbox_row_comes_back_as_the_message_it_was():
    commit = assembled(ended(began(running(), raised()), child(2)))
    (row,) = commit.messages
    message = rows.message_of(row)
    assert (message.message_id, message.incarnation, message.execution_id) == (
        row.row_id,
        row.incarnation,
        row.execution_id,
    )
    assert message.row is Row.INBOX


def test_the_row_that_replaces_a_task_is_the_same_whoever_makes_it():
    ref = TaskRef(APP, ID, "x0", 4)
    event = codec.seal(ev.TaskCompleted(NOW, 4, "1"))
    made = rows.replaced_result(ref, slot=SLOT, incarnation=RUN, event=event)
    assert made.row_id == result_row_id(RUN, "x0", 4)
    message = rows.message_of(made)
    assert (message.ref_id, message.events) == (4, (ev.TaskCompleted(NOW, 4, "1"),))
