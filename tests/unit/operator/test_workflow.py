"""Workflows: what is known in, conditions, results and the entry's record out."""

from datetime import timedelta

import pytest

from antiphon_operator.reconcile import objects, workflow
from antiphon_operator.reconcile.observed import Etcd, Instances, OfWorkflow
from tests.unit.operator.building import NOW, conditions, contract, known, message, registration, replica

CHARGE = {"appId": "Payments", "activity": "charge"}
GOOD = [registration("orders", workflows=["buy"]), registration("Payments", activities=["charge"])]
LIVE = [replica("orders", workflows={"buy"}), replica("Payments", activities={"charge"})]
TYPES = [
    *("Ready", "NamespaceShared", "StateStoreShared", "TargetsRegistered", "CallsAllowed", "SchemasMatch"),
    *("Progressing", "Stalled"),
]


def reconciled(body, landscape, *, now=NOW, **observed):
    around = OfWorkflow(landscape.namespace, **observed)
    return workflow.reconcile(body, workflow.judge(body, around), around, now)


def test_a_new_object_is_pending_with_every_condition_there_and_is_looked_at_again():
    outcome = reconciled(contract(CHARGE, status=None), known(*GOOD, replicas=LIVE))
    assert list(conditions(outcome.status)) == TYPES
    assert conditions(outcome.status)["Ready"] == ("Unknown", "Pending")
    assert outcome.status["observedGeneration"] == 1
    assert (outcome.again_s, outcome.happenings) == (2.0, ())


@pytest.mark.parametrize(
    ("age_s", "ready", "again_s"), [(0, "Pending", 2.0), (1.5, "Pending", 0.5), (2, "Resolved", None)]
)
def test_a_new_object_stays_pending_for_a_moment_whatever_happens_meanwhile(age_s, ready, again_s):
    landscape = known(*GOOD, replicas=LIVE)
    first = reconciled(contract(CHARGE, status=None), landscape).status
    outcome = reconciled(contract(CHARGE, status=first), landscape, now=NOW + timedelta(seconds=age_s))
    assert (conditions(outcome.status)["Ready"][1], outcome.again_s) == (ready, again_s)


def test_an_object_that_is_first_seen_when_it_is_old_is_judged_at_once():
    outcome = reconciled(contract(CHARGE, status=None, created="2026-11-20T09:00:00Z"), known(*GOOD, replicas=LIVE))
    assert (conditions(outcome.status)["Ready"], outcome.again_s) == (("True", "Resolved"), None)


def test_all_well():
    outcome = reconciled(contract(CHARGE), known(*GOOD, replicas=LIVE))
    assert conditions(outcome.status) == {
        "Ready": ("True", "Resolved"),
        "NamespaceShared": ("True", "SameNamespace"),
        "StateStoreShared": ("True", "SameStore"),
        "TargetsRegistered": ("True", "AllOffered"),
        "CallsAllowed": ("True", "Allowed"),
        "SchemasMatch": ("True", "Compatible"),
        "Progressing": ("False", "Settled"),
        "Stalled": ("False", "Healthy"),
    }
    assert outcome.status["calls"] == [{"from": "orders", "appId": "Payments", "name": "charge", "result": "Resolved"}]
    assert outcome.status["apps"] == "2/2"


@pytest.mark.parametrize(
    ("call", "objects", "replicas", "expected"),
    [
        (
            {**CHARGE, "activity": "chrage"},
            GOOD,
            LIVE,
            {"Ready": ("False", "ActivityNotRegistered"), "Stalled": ("True", "ActivityNotRegistered")},
        ),
        (
            CHARGE,
            GOOD[:1],
            LIVE[:1],
            {
                "Ready": ("False", "TargetAppNotFound"),
                "StateStoreShared": ("Unknown", "TargetAppNotFound"),
                "Progressing": ("True", "TargetAppNotFound"),
                "Stalled": ("False", "Healthy"),
            },
        ),
        (
            CHARGE,
            [GOOD[0], registration("Payments")],
            LIVE[:1],
            {"Ready": ("Unknown", "TargetAppUnavailable"), "Progressing": ("True", "TargetAppUnavailable")},
        ),
        (
            CHARGE,
            [GOOD[0], registration("Payments", activities=["charge"], allowFrom=[])],
            LIVE,
            {
                "Ready": ("False", "CallDenied"),
                "CallsAllowed": ("False", "CallDenied"),
                "TargetsRegistered": ("True", "AllOffered"),
            },
        ),
        (
            CHARGE,
            GOOD,
            [LIVE[0], replica("Payments", activities={"charge"}, store="two")],
            {"Ready": ("False", "StateStoreMismatch"), "StateStoreShared": ("False", "StateStoreMismatch")},
        ),
        (
            {**CHARGE, "sends": {"type": "object"}},
            [
                GOOD[0],
                registration(
                    "Payments", activities=[{"name": "charge", "input": {"type": "object", "required": ["id"]}}]
                ),
            ],
            LIVE,
            {"Ready": ("True", "Resolved"), "SchemasMatch": ("Unknown", "SchemasNotComparable")},
        ),
        (
            {**CHARGE, "sends": {"type": "array"}},
            [GOOD[0], registration("Payments", activities=[{"name": "charge", "input": {"type": "object"}}])],
            LIVE,
            {"Ready": ("False", "SchemaMismatch"), "SchemasMatch": ("False", "SchemaMismatch")},
        ),
    ],
)
def test_conditions(call, objects, replicas, expected):
    found = conditions(reconciled(contract(call), known(*objects, replicas=replicas)).status)
    assert {key: found[key] for key in expected} == expected


def test_what_is_unchanged_gives_the_same_status_later():
    first = reconciled(contract(CHARGE), known(*GOOD, replicas=LIVE)).status
    again = reconciled(contract(CHARGE, status=first), known(*GOOD, replicas=LIVE), now=NOW + timedelta(hours=1))
    assert again.status == first
    assert again.happenings == ()


def test_a_transition_moves_the_time_of_the_conditions_that_changed_alone():
    first = reconciled(contract(CHARGE), known(*GOOD, replicas=LIVE)).status
    later = reconciled(
        contract(CHARGE, status=first), known(*GOOD[:1], replicas=LIVE[:1]), now=NOW + timedelta(hours=1)
    )
    times = {each["type"]: each["lastTransitionTime"] for each in later.status["conditions"]}
    assert times["Ready"] == times["TargetsRegistered"] == "2026-11-20T11:41:00Z"
    assert times["NamespaceShared"] == times["Stalled"] == "2026-11-20T10:41:00Z"


def test_breaking_and_mending_are_each_reported_once():
    good, bad = known(*GOOD, replicas=LIVE), known(*GOOD[:1], replicas=LIVE[:1])
    well = reconciled(contract(CHARGE), good)
    broken = reconciled(contract(CHARGE, status=well.status), bad)
    still = reconciled(contract(CHARGE, status=broken.status), bad)
    mended = reconciled(contract(CHARGE, status=broken.status), good)
    said = [[(each.kind, each.reason) for each in outcome.happenings] for outcome in (well, broken, still, mended)]
    assert said == [[], [("Warning", "TargetAppNotFound")], [], [("Normal", "Resolved")]]


def test_a_contract_that_is_off_holds_nothing_up_and_reports_nothing():
    outcome = reconciled(contract(CHARGE, contractPolicy="Off"), known(*GOOD[:1]))
    found = conditions(outcome.status)
    assert found["Ready"] == ("True", "NotChecked")
    assert found["TargetsRegistered"] == ("False", "TargetAppNotFound")
    assert outcome.happenings == ()


def test_several_broken_calls_are_told_in_one_condition_and_listed_each():
    calls = [{"appId": "Payments", "activity": f"x{number}"} for number in range(5)]
    outcome = reconciled(contract(*calls), known(*GOOD, replicas=LIVE))
    assert message(outcome.status, "TargetsRegistered").endswith("And 2 more: see status.calls.")
    assert [each["result"] for each in outcome.status["calls"]] == ["ActivityNotRegistered"] * 5


def test_an_etcd_that_is_away_is_said_and_what_is_known_to_be_wrong_stays():
    away = Etcd("http://etcd:2379", NOW)
    well = reconciled(contract(CHARGE), known(*GOOD, replicas=LIVE), etcd=away)
    assert conditions(well.status)["Ready"] == ("Unknown", "EtcdUnreachable")
    assert "since 2026-11-20T10:41:00Z" in message(well.status, "Ready")
    broken = reconciled(contract({**CHARGE, "activity": "x"}), known(*GOOD, replicas=LIVE), etcd=away)
    assert conditions(broken.status)["Ready"] == ("False", "ActivityNotRegistered")


def test_instances_are_counted_and_stay_while_nobody_counts():
    counted = Instances(412, 1, 2, 3, NOW - timedelta(minutes=3))
    first = reconciled(contract(CHARGE), known(*GOOD, replicas=LIVE), instances=counted).status
    assert first["instances"] == {
        "running": 412,
        "suspended": 1,
        "stalled": 2,
        "failedLastHour": 3,
        "oldestSeconds": 180,
    }
    assert reconciled(contract(CHARGE, status=first), known(*GOOD, replicas=LIVE)).status == first


@pytest.mark.parametrize(
    ("spec", "broken", "admitted", "reason"),
    [
        ({}, False, True, ""),
        ({}, True, False, "TargetAppNotFound"),
        ({"contractPolicy": "Enforce"}, True, False, "TargetAppNotFound"),
        ({"contractPolicy": "Warn"}, True, True, "TargetAppNotFound"),
        ({"contractPolicy": "Off"}, True, True, ""),
        ({"suspend": True}, False, False, "WorkflowSuspended"),
        ({"suspend": True, "contractPolicy": "Off"}, True, False, "WorkflowSuspended"),
    ],
)
def test_whether_new_instances_are_admitted(spec, broken, admitted, reason):
    body = contract(CHARGE, **spec)
    around = OfWorkflow(known(*(GOOD[:1] if broken else GOOD)).namespace)
    entry = workflow.entry(body, workflow.judge(body, around))
    assert (entry.admit, entry.reason, bool(entry.message)) == (admitted, reason, bool(reason))


def test_what_is_not_known_yet_refuses_nobody():
    body = contract(CHARGE)
    around = OfWorkflow(known(GOOD[0], registration("Payments")).namespace)
    assert workflow.entry(body, workflow.judge(body, around)).admit


def test_retention_is_handed_on_in_seconds():
    body = contract(retention={"completed": "168h", "failed": "1h30m"})
    entry = workflow.entry(body, ())
    assert entry.retention == {"completed": 604_800, "failed": 5_400}


@pytest.mark.parametrize("text", ["", "5", "h", "1h 30m", "-1h", "1y"])
def test_refuses_what_is_no_duration(text):
    with pytest.raises(ValueError, match="is no duration"):
        objects.seconds(text)
