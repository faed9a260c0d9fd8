"""What a contract's calls come to, given what is declared and offered: state in, reason out."""

import itertools
import time
from typing import Any

import pytest

from antiphon_operator.contracts.apps import App, Namespace, Offer, declared
from antiphon_operator.contracts.check import Planned, check
from antiphon_operator.contracts.findings import Call
from antiphon_operator.contracts.replicas import Name, merged
from antiphon_operator.reconcile import workflow
from antiphon_operator.reconcile.observed import OfWorkflow
from tests.unit.operator.building import contract, known, offered, registration, replica, store

CHARGE = {"appId": "Payments", "activity": "charge"}
SHIP = {"appId": "shipping", "workflow": "ship"}
ORDERS = registration("orders", workflows=["buy"])


def results(body: Any, landscape: Any) -> list[tuple[bool | None, str]]:
    """What came of the entry and each call: whether it holds, and why."""
    verdicts = workflow.judge(body, OfWorkflow(landscape.namespace))
    return [
        (not verdict.findings[0].broken and None, verdict.findings[0].reason)
        if verdict.findings
        else (True, "Resolved")
        for verdict in verdicts
    ]


def result(body: Any, landscape: Any) -> tuple[bool | None, str]:
    return results(body, landscape)[-1]


def messages(body: Any, landscape: Any) -> str:
    verdicts = workflow.judge(body, OfWorkflow(landscape.namespace))
    return "\n".join(finding.message for verdict in verdicts for finding in verdict.findings)


GOOD = [ORDERS, registration("Payments", activities=["charge"])]
LIVE = [replica("orders", workflows={"buy"}), replica("Payments", activities={"charge", "receipt", "refund"})]

CASES = [
    ("declared, nobody lives", GOOD, [], CHARGE, (True, "Resolved")),
    ("declared and offered", GOOD, LIVE, CHARGE, (True, "Resolved")),
    ("offered, nothing declared", [ORDERS, registration("Payments")], LIVE, CHARGE, (True, "Resolved")),
    ("offered without a registration", [ORDERS], LIVE, CHARGE, (True, "Resolved")),
    (
        "offered and not declared",
        [ORDERS, registration("Payments", activities=["x"])],
        LIVE,
        CHARGE,
        (True, "Resolved"),
    ),
    ("unknown app", [ORDERS], LIVE[:1], CHARGE, (False, "TargetAppNotFound")),
    ("unknown activity", GOOD, LIVE, {**CHARGE, "activity": "chrage"}, (False, "ActivityNotRegistered")),
    ("not among what is declared", GOOD, [], {**CHARGE, "activity": "chrage"}, (False, "ActivityNotRegistered")),
    ("unknown workflow", GOOD, LIVE, {"appId": "Payments", "workflow": "x"}, (False, "WorkflowNotRegistered")),
    (
        "an activity, called as a workflow",
        GOOD,
        LIVE,
        {"appId": "Payments", "workflow": "charge"},
        (False, "WorkflowNotRegistered"),
    ),
    ("case of the app ID matters", GOOD, LIVE, {**CHARGE, "appId": "payments"}, (False, "TargetAppNotFound")),
    (
        "declared, and workers do not offer it",
        GOOD,
        [LIVE[0], replica("Payments", activities={"receipt"})],
        CHARGE,
        (None, "DeclaredNotOffered"),
    ),
    (
        "some replicas offer it",
        GOOD,
        [LIVE[0], replica("Payments", 1, activities={"receipt"}), replica("Payments", 2, activities={"charge"})],
        CHARGE,
        (True, "Resolved"),
    ),
    (
        "nothing declared, nobody connected",
        [ORDERS, registration("Payments")],
        [LIVE[0]],
        CHARGE,
        (None, "TargetAppUnavailable"),
    ),
    (
        "replicas without a worker",
        [ORDERS, registration("Payments")],
        [LIVE[0], replica("Payments", workers=0)],
        CHARGE,
        (None, "TargetAppUnavailable"),
    ),
    (
        "offered when it was last seen",
        [ORDERS, registration("Payments", status={"offered": {"activities": ["charge"], "workflows": []}})],
        [LIVE[0]],
        CHARGE,
        (True, "Resolved"),
    ),
    (
        "workers that do not say their names",
        [ORDERS, registration("Payments")],
        [LIVE[0], replica("Payments", declares=False)],
        CHARGE,
        (None, "NamesNotDeclared"),
    ),
    (
        "workers that do not say their names, declared",
        GOOD,
        [LIVE[0], replica("Payments", declares=False)],
        CHARGE,
        (True, "Resolved"),
    ),
    (
        "not allowed",
        [ORDERS, registration("Payments", activities=["charge"], allowFrom=[])],
        LIVE,
        CHARGE,
        (False, "CallDenied"),
    ),
    (
        "allowed for another",
        [ORDERS, registration("Payments", activities=["charge"], allowFrom=[{"appId": "shipping"}])],
        LIVE,
        CHARGE,
        (False, "CallDenied"),
    ),
    (
        "allowed",
        [ORDERS, registration("Payments", activities=["charge"], allowFrom=[{"appId": "orders"}])],
        LIVE,
        CHARGE,
        (True, "Resolved"),
    ),
    (
        "an app may call itself",
        [registration("orders", workflows=["buy"], activities=["log"], allowFrom=[])],
        LIVE[:1],
        {"appId": "orders", "activity": "log"},
        (None, "DeclaredNotOffered"),
    ),
    (
        "another store",
        GOOD,
        [LIVE[0], replica("Payments", activities={"charge"}, store="two")],
        CHARGE,
        (False, "StateStoreMismatch"),
    ),
    (
        "a copy of the store",
        GOOD,
        [LIVE[0], replica("Payments", activities={"charge"}, apart={"orders-1"})],
        CHARGE,
        (False, "StateStoreMismatch"),
    ),
    (
        "a copy, as the caller sees it",
        GOOD,
        [replica("orders", workflows={"buy"}, apart={"Payments-1"}), LIVE[1]],
        CHARGE,
        (False, "StateStoreMismatch"),
    ),
    (
        "apart from somebody else",
        GOOD,
        [replica("orders", workflows={"buy"}, apart={"billing-1"}), LIVE[1]],
        CHARGE,
        (True, "Resolved"),
    ),
    (
        "StateStores of other identities, nobody lives",
        [
            ORDERS,
            registration("Payments", activities=["charge"], storeRef={"name": "other"}),
            store("main", identity="one"),
            store("other", identity="two"),
        ],
        [],
        CHARGE,
        (False, "StateStoreMismatch"),
    ),
    (
        "two StateStores of one identity",
        [
            ORDERS,
            registration("Payments", activities=["charge"], storeRef={"name": "other"}),
            store("main", identity="one"),
            store("other", identity="one"),
        ],
        [],
        CHARGE,
        (True, "Resolved"),
    ),
    (
        "two StateStores of which nobody has told",
        [ORDERS, registration("Payments", activities=["charge"], storeRef={"name": "other"})],
        [],
        CHARGE,
        (None, "StoreNotKnown"),
    ),
    ("a caller that is not there", GOOD, LIVE, {**CHARGE, "from": "shipping"}, (False, "TargetAppNotFound")),
]


@pytest.mark.parametrize(
    ("objects", "replicas", "call", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_call_comes_to(objects, replicas, call, expected):
    assert result(contract(call), known(*objects, replicas=replicas)) == expected


def test_an_app_of_another_namespace_is_named():
    landscape = known(ORDERS, elsewhere={"Payments": "billing"})
    assert result(contract(CHARGE), landscape) == (False, "NamespaceMismatch")
    assert 'namespace "billing"' in messages(contract(CHARGE), landscape)


def test_what_lives_is_not_judged_before_etcd_was_read():
    assert result(contract(CHARGE), known(ORDERS, seen=False)) == (None, "EtcdUnreachable")
    undeclared = known(ORDERS, registration("Payments"), seen=False)
    assert result(contract(CHARGE), undeclared) == (None, "EtcdUnreachable")


def test_what_is_declared_is_judged_before_etcd_was_read():
    assert result(contract({**CHARGE, "activity": "x"}), known(*GOOD, seen=False)) == (False, "ActivityNotRegistered")


def test_a_message_says_what_where_what_is_known_the_nearest_match_and_the_fix():
    text = messages(
        contract({"appId": "Payments", "activity": "chargeBack"}),
        known(ORDERS, replicas=[LIVE[0], replica("Payments", activities={"charge", "chargeback", "receipt"})]),
    )
    assert text == (
        'workflow "buy" (orders) calls activity "chargeBack" in app "Payments"; Payments offers: charge, chargeback, '
        "receipt "
        '(1 replica with workers). Did you mean "chargeback"? Such a call fails. Fix the name in orders, or register '
        "it in "
        "Payments."
    )


def test_a_name_of_the_other_kind_is_pointed_out():
    text = messages(contract({"appId": "Payments", "workflow": "charge"}), known(*GOOD))
    assert 'It has an activity of this name: say "activity" in the call.' in text


@pytest.mark.parametrize(
    ("wanted", "there", "expected"),
    [
        ("2", [offered("workflow", "buy", "2")], (True, "Resolved")),
        ("2", [offered("workflow", "buy", "1"), offered("workflow", "buy", "2")], (True, "Resolved")),
        ("2", [offered("workflow", "buy", "1")], (False, "VersionNotAvailable")),
        ("2", [offered("workflow", "buy")], (True, "Resolved")),
        ("", [offered("workflow", "buy", "1")], (True, "Resolved")),
    ],
)
def test_the_version_of_the_entry_is_looked_for(wanted, there, expected):
    live = [replica("orders", workflows={"buy"}, contracts=set(there))]
    assert results(contract(entry={"version": wanted}), known(registration("orders"), replicas=live))[0] == expected


def test_policy_does_not_concern_whoever_starts_the_workflow():
    closed = registration("orders", workflows=["buy"], allowFrom=[])
    assert results(contract(), known(closed)) == [(True, "Resolved")]


SENT = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}


@pytest.mark.parametrize(
    ("call", "offer", "expected"),
    [
        ({"sends": SENT}, {"input": SENT}, (True, "Resolved")),
        ({"sends": SENT}, {"input": {"type": "object"}}, (True, "Resolved")),
        ({"sends": SENT}, {}, (True, "Resolved")),
        ({}, {"input": SENT}, (True, "Resolved")),
        ({"sends": {"type": "object"}}, {"input": SENT}, (None, "SchemasNotComparable")),
        ({"sends": {"type": "string"}}, {"input": SENT}, (False, "SchemaMismatch")),
        ({"expects": SENT}, {"output": SENT}, (True, "Resolved")),
        ({"expects": SENT}, {"output": {"type": "array"}}, (False, "SchemaMismatch")),
    ],
)
def test_schemas_are_compared(call, offer, expected):
    target = registration("Payments", activities=[{"name": "charge", **offer}])
    assert result(contract({**CHARGE, **call}), known(ORDERS, target)) == expected


def test_the_order_of_objects_and_replicas_does_not_matter():
    objects = [*GOOD, registration("shipping", workflows=["sip"]), store("main", identity="one")]
    replicas = [*LIVE, replica("shipping", 2, store="two")]
    body = contract(CHARGE, SHIP, {"appId": "nobody", "activity": "x"})
    found = {
        workflow.judge(body, OfWorkflow(known(*order, replicas=replicas[:: (-1) ** turn]).namespace))
        for turn, order in enumerate(itertools.permutations(objects))
    }
    assert len(found) == 1


def test_a_registration_of_an_unknown_kind_of_key_is_left_out():
    assert merged([]).connected == 0


def _large(*, broken: int) -> tuple[Namespace, list[Planned]]:
    """200 apps with 20 names each; one contract that calls all of them, and misspells those of `broken` apps."""
    apps, planned = {}, []
    for number in range(200):
        names = [f"activity_{number}_{place}" for place in range(20)]
        app = f"app{number}"
        live = merged([replica(app, activities=set(names))])
        apps[app] = App(app, app, declared(tuple(Offer("activity", name) for name in names)), live=live)
        wrong = "x" if number < broken else ""
        planned += [Planned(Call("app0", app, "activity", name + wrong), sends=SENT) for name in names]
    return Namespace("shop", apps), planned


@pytest.mark.parametrize("broken", [0, 20])
def test_200_apps_with_20_names_each_are_judged_within_100_ms(broken):
    namespace, planned = _large(broken=broken)
    took = []
    for _ in range(3):
        began = time.thread_time()
        verdicts = check('workflow "all" (app0)', planned, namespace)
        took.append(time.thread_time() - began)
    assert len(verdicts) == 4_000
    assert sum(bool(verdict.findings) for verdict in verdicts) == broken * 20
    assert min(took) <= 0.1


def test_names_are_pairs_of_kind_and_name():
    assert Name("activity", "charge") != Name("workflow", "charge")
