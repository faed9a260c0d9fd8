"""What happens to a call, by what is known of its target: the table of docs/calls-to-other-apps.md."""

import pytest

from antiphon_sidecar.runtime.dispatch import UnknownApps
from tests.unit.runtime.board import TARGET, Board
from tests.unit.runtime.fakes import EPOCH_NS

# An app that was never seen


def test_an_unknown_app_has_a_grace_to_turn_up():
    board = Board()
    board.offer()
    board.later(4.9)
    assert (board.reasons(), board.failed) == (["TargetAppNotFound"], [])


def test_an_unknown_app_fails_the_call_after_the_grace():
    board = Board()
    board.offer()
    board.later(5.1)
    failure = board.failure()
    assert (failure.error_type, failure.code, failure.non_retriable) == ("TargetAppNotFound", "AN103", False)
    assert board.dispatcher.held == {}


def test_the_failure_names_the_apps_that_are_known_and_the_nearest():
    board = Board()
    board.replica(app="payment")
    board.offer()
    board.later(5.1)
    assert board.failure().message.startswith(
        'AN103 TargetAppNotFound: instance "order-1" (orders) calls activity "charge" in app "payments"'
    )
    assert 'Did you mean "payment"?' in board.failure().message


def test_an_app_that_turns_up_within_the_grace_gets_the_call():
    board = Board()
    board.offer()
    board.replica()
    board.later(1)
    assert board.sent_to() == ["p1"]


def test_the_grace_counts_from_the_call_and_not_from_a_restart():
    board = Board()
    board.offer(created_at=EPOCH_NS - 6_000_000_000)
    assert board.failure().code == "AN103"


def test_unknown_apps_can_be_waited_for():
    board = Board(unknown=UnknownApps(fails=False))
    board.offer()
    board.later(3600)
    assert (board.reasons(), board.failed) == (["TargetAppNotFound"], [])


def test_another_unknown_app_does_not_hold_up_this_call():
    board = Board()
    board.offer(1, target_app="nobody")
    board.replica()
    board.offer(2)
    assert board.sent_to() == ["p1"]


# An app that is known, with no worker to run the call


def test_a_known_app_is_waited_for():
    board = Board()
    board.known.add(TARGET)
    board.offer()
    board.later(3600)
    assert (board.reasons(), board.failed) == (["TargetAppUnavailable"], [])


def test_a_replica_without_a_worker_is_waited_for():
    board = Board()
    board.replica(workers=0, activities=frozenset())
    board.offer()
    board.later(3600)
    assert (board.reasons(), board.failed) == (["TargetAppUnavailable"], [])


def test_the_call_goes_out_when_a_worker_connects():
    board = Board()
    board.replica(workers=0, activities=frozenset())
    board.offer()
    board.replica()
    board.later(0)
    assert board.sent_to() == ["p1"]


def test_the_wait_ends_with_the_schedule_to_start_timeout():
    board = Board()
    board.known.add(TARGET)
    board.offer(start_by=board.clock.wall_ns() + 30_000_000_000)
    board.later(29)
    assert board.failed == []
    board.later(2)
    assert (board.failure().error_type, board.failure().code) == ("TargetAppUnavailable", "AN104")


def test_a_call_that_a_worker_took_in_time_waits_for_its_result():
    board = Board()
    board.replica()
    ref = board.offer(start_by=board.clock.wall_ns() + 1)
    board.begins(ref)
    board.later(60)
    assert board.failed == []


# A name that is offered by some, or by nobody


def test_goes_only_to_replicas_that_offer_the_name():
    board = Board()
    board.replica("p1", activities=frozenset({"refund"}))
    board.replica("p2")
    for number in range(4):
        board.offer(number)
    assert board.sent_to() == ["p2"] * 4


def test_a_name_that_nobody_offers_waits_until_replicas_have_settled():
    board = Board()
    board.replica(activities=frozenset({"refund"}))
    board.offer()
    board.later(14.9)
    assert (board.reasons(), board.failed) == (["ActivityNotRegistered"], [])


def test_a_name_that_nobody_offers_fails_once_replicas_have_settled():
    board = Board()
    board.replica(activities=frozenset({"chargeback", "refund"}), workers=2)
    board.offer(name="chargeBack")
    board.later(15.1)
    failure = board.failure()
    assert (failure.error_type, failure.code, failure.non_retriable) == ("ActivityNotRegistered", "AN101", False)
    assert "payments offers: chargeback, refund (2 workers)." in failure.message
    assert 'Did you mean "chargeback"?' in failure.message


@pytest.mark.parametrize("change", ["join", "leave"])
def test_a_replica_that_joins_or_leaves_begins_the_settling_again(change: str):
    board = Board()
    board.replica("p1", activities=frozenset({"refund"}))
    board.replica("p2", activities=frozenset({"refund"}))
    board.offer()
    board.later(10)
    if change == "join":
        board.replica("p3", activities=frozenset({"refund"}))
    else:
        board.registry.leave("p2")
    board.later(10)
    assert board.failed == []
    board.later(6)
    assert board.failure().code == "AN101"


def test_a_rollout_that_brings_the_name_takes_the_call():
    board = Board()
    board.replica("p1", activities=frozenset({"refund"}))
    board.offer()
    board.later(10)
    board.replica("p2")
    board.later(0)
    assert board.sent_to() == ["p2"]


def test_workers_that_declare_nothing_answer_for_themselves():
    board = Board()
    board.replica(declares=False, activities=frozenset())
    board.offer(name="anything")
    assert board.sent_to() == ["p1"]


def test_one_worker_that_declares_nothing_is_enough():
    board = Board()
    board.replica("p1", activities=frozenset({"refund"}))
    board.replica("p2", declares=False, activities=frozenset())
    board.offer()
    assert board.sent_to() == ["p2"]
