"""What the operator's word, and the target's store, do to calls: the table of docs/calls-to-other-apps.md."""

from collections.abc import Callable

import pytest

from antiphon_names.registry import AppRecord, DeclaredName, EntryRecord, SyncedRecord
from antiphon_sidecar.coordination.base import Registration, View
from antiphon_sidecar.engine.outcome import Call
from antiphon_sidecar.runtime.callrules import CallRules
from antiphon_sidecar.runtime.registry import Registry
from antiphon_sidecar.stores.memory import MemoryStore
from tests.unit.runtime.board import TARGET, Board

SYNCED = SyncedRecord("operator", "2026-11-27T00:00:00Z")
DECLARES = AppRecord(declared=True, activities=(DeclaredName("charge"), DeclaredName("refund")))


def operated(*, synced: bool = True, **apps: AppRecord) -> Board:
    board = Board(operator=True)
    board.apps = dict(apps)
    board.synced = SYNCED if synced else None
    return board


# Apps that are not seen


def test_an_unknown_app_waits_for_the_registry():
    board = operated(synced=False)
    board.offer()
    board.later(600)
    assert (board.reasons(), board.failed) == (["RegistryNotSynced"], [])


def test_an_unknown_app_fails_the_call_once_the_registry_is_synced():
    board = operated(synced=False)
    board.offer()
    board.later(6)
    board.synced = SYNCED
    board.later(0)
    assert board.failure().code == "AN103"


def test_without_an_operator_the_registry_is_not_waited_for():
    board = Board()
    board.offer()
    board.later(6)
    assert board.failure().code == "AN103"


def test_a_registered_app_is_waited_for_although_nobody_has_seen_it():
    board = operated(payments=AppRecord())
    board.offer()
    board.later(600)
    assert (board.reasons(), board.failed) == (["TargetAppUnavailable"], [])


def test_the_failure_names_registered_apps_too():
    board = operated(payment=AppRecord())
    board.offer()
    board.later(6)
    assert 'Did you mean "payment"?' in board.failure().message


# Names


def test_a_declared_name_that_nobody_offers_is_waited_for():
    board = operated(payments=DECLARES)
    board.replica()
    ref = board.offer(name="refund")
    board.later(600)
    assert (board.reasons(), board.failed) == (["ActivityNotRegistered"], [])
    board.replica("p2", activities=frozenset({"refund"}))
    board.later(0)
    assert [(to, dispatch.ref) for to, dispatch in board.sent] == [("p2", ref)]


@pytest.mark.parametrize("record", [DECLARES, AppRecord(declared=False, activities=DECLARES.activities)])
def test_a_name_that_is_not_declared_fails_once_the_rollout_has_settled(record: AppRecord):
    board = operated(payments=record)
    board.replica()
    board.offer(name="charg" if record.declared else "refund")
    board.later(16)
    assert board.failure().code == "AN101"


def test_a_name_waits_while_the_operator_may_still_declare_it():
    board = operated(synced=False)
    board.replica()
    board.offer(name="refund")
    board.later(600)
    assert (board.reasons(), board.failed) == (["RegistryNotSynced"], [])


# Policy and stores


@pytest.mark.parametrize(
    ("allowed", "code"), [(None, None), (("orders",), None), (("shipping",), "AN107"), ((), "AN107")]
)
def test_an_app_takes_calls_from_those_that_it_allows(allowed: tuple[str, ...] | None, code: str | None):
    board = operated(payments=AppRecord(allow_from=allowed))
    board.replica()
    board.offer()
    assert [failure.code for _, failure in board.failed] == ([code] if code else [])
    assert [failure.non_retriable for _, failure in board.failed] == ([True] if code else [])


def test_an_app_may_always_call_itself():
    board = operated(orders=AppRecord(allow_from=()))
    board.replica("o1", app="orders")
    board.offer(target_app="orders")
    assert board.sent_to() == ["o1"]


def test_a_call_that_waits_is_refused_when_it_is_denied_meanwhile():
    board = operated(payments=AppRecord())
    board.offer()
    board.apps = {"payments": AppRecord(allow_from=())}
    board.later(0)
    assert (board.failure().code, board.dispatcher.held) == ("AN107", {})


def test_an_app_on_another_store_is_refused_at_once():
    board = Board()
    board.replica()
    board.elsewhere = {"p1"}
    board.offer()
    failure = board.failure()
    assert (failure.error_type, failure.code, failure.non_retriable) == ("StateStoreMismatch", "AN106", True)


def test_of_an_app_on_two_stores_those_on_this_one_get_the_calls():
    board = Board()
    board.replica("p1")
    board.replica("p2")
    board.elsewhere = {"p1"}
    board.offer(1)
    board.offer(2)
    assert board.sent_to() == ["p2", "p2"]


# What a turn asks for


def rules(view: View, *, shares: Callable[[Registration], bool] = lambda _: True) -> CallRules:
    registry = Registry(MemoryStore(clock=lambda: 0), lambda: view, operator=True)
    return CallRules("orders", registry=registry, view=lambda: view, shares=shares, seen=set)


def test_a_workflow_that_is_not_admitted_is_not_started():
    entry = EntryRecord(admit=False, reason="SchemaMismatch", message="charge was changed.")
    view = View(apps={TARGET: AppRecord(entries={"ship": entry, "open": EntryRecord()})}, synced=SYNCED)
    subject = rules(view)
    refused = subject.at_commit(Call("workflow", "ship", TARGET, "order-1"))
    assert refused is not None
    assert (refused.error_type, refused.code) == ("StartNotAdmitted", "AN411")
    assert "(SchemaMismatch: charge was changed.)" in refused.message
    assert subject.at_commit(Call("workflow", "open", TARGET, "order-1")) is None
    assert subject.at_commit(Call("activity", "ship", TARGET, "order-1")) is None
    assert subject.refusal(Call("workflow", "ship", TARGET, "order-1")) is None


def test_a_child_in_an_app_on_another_store_is_refused():
    view = View({"p1": Registration(TARGET, "p1")})
    refused = rules(view, shares=lambda _: False).at_commit(Call("workflow", "ship", TARGET, "order-1"))
    assert refused is not None
    assert refused.code == "AN106"
