"""AppRegistrations: pods, replicas and stores in, conditions out."""

from datetime import timedelta

import pytest

from antiphon_operator.reconcile import appregistration, selecting
from antiphon_operator.reconcile.objects import app_registration
from antiphon_operator.reconcile.observed import Backlog, Etcd, OfRegistration, Pods, StoreReport
from tests.unit.operator.building import NOW, conditions, known, message, offered, registration, replica

DECLARED = registration("Payments", workflows=[{"name": "refund", "version": "2"}], activities=["charge"])
OFFERS = {
    "workflows": {"refund"},
    "activities": {"charge"},
    "contracts": {offered("workflow", "refund", "2"), offered("activity", "charge")},
}
PODS = Pods(2, 2)


def reconciled(body, *replicas, now=NOW, pods=PODS, **observed):
    app = known(body, replicas=replicas).namespace.apps["Payments"]
    return appregistration.reconcile(body, OfRegistration(app, pods=pods, **observed), now)


def test_a_new_object_is_pending_and_is_looked_at_again():
    outcome = reconciled(registration("Payments", status=None), replica("Payments", **OFFERS))
    assert set(conditions(outcome.status).values()) == {("Unknown", "Pending"), ("False", "Healthy")}
    assert (outcome.again_s, outcome.status["appId"]) == (2.0, "Payments")


def test_a_secret_for_etcd_that_is_missing_is_said():
    outcome = reconciled(DECLARED, secret_missing="antiphon-etcd", pods=Pods(2, 2))
    assert conditions(outcome.status)["Ready"] == ("False", "EtcdCredentialsMissing")
    assert 'has no Secret "antiphon-etcd"' in message(outcome.status, "SidecarInjected")


def test_all_well():
    status = reconciled(DECLARED, replica("Payments", 1, **OFFERS), replica("Payments", 2, **OFFERS)).status
    assert conditions(status) == {
        "Ready": ("True", "Connected"),
        "SidecarInjected": ("True", "Injected"),
        "StoreReachable": ("True", "Reachable"),
        "OffersMatch": ("True", "AllOffered"),
        "Stalled": ("False", "Healthy"),
    }
    assert status["replicas"] == {"pods": 2, "injected": 2, "connected": 2, "summary": "2/2"}
    assert status["store"] == {"name": "main", "identity": "one"}
    assert status["offered"] == {
        "workflows": ["refund"],
        "activities": ["charge"],
        "workflowCount": 1,
        "activityCount": 1,
        "lastChange": "2026-11-20T10:41:00Z",
    }


@pytest.mark.parametrize(
    ("replicas", "observed", "expected"),
    [
        ([], {}, {"Ready": ("Unknown", "NoReplicas"), "OffersMatch": ("Unknown", "NoReplicas")}),
        ([], {"pods": Pods()}, {"Ready": ("Unknown", "NoPods")}),
        ([], {"seen": False}, {"Ready": ("Unknown", "EtcdUnreachable")}),
        (
            [replica("Payments", **OFFERS)],
            {"pods": Pods(2, 1, ("payments-1",))},
            {"Ready": ("False", "PodsWithoutSidecar"), "SidecarInjected": ("False", "PodsWithoutSidecar")},
        ),
        ([replica("Payments", **OFFERS)], {"store_found": False}, {"Ready": ("False", "StateStoreMissing")}),
        (
            [replica("Payments", 1, **OFFERS), replica("Payments", 2, **{**OFFERS, "store": "two"})],
            {},
            {"Ready": ("False", "StateStoreMismatch"), "Stalled": ("True", "StateStoreMismatch")},
        ),
        (
            [replica("Payments", **OFFERS)],
            {"report": StoreReport("one", "postgresql", error="connection refused")},
            {"Ready": ("False", "StoreUnreachable"), "StoreReachable": ("False", "StoreUnreachable")},
        ),
        ([replica("Payments", activities={"charge"})], {}, {"Ready": ("False", "DeclaredNotOffered")}),
        (
            [replica("Payments", **{**OFFERS, "contracts": {offered("workflow", "refund", "1")}})],
            {},
            {"OffersMatch": ("False", "VersionNotAvailable")},
        ),
        ([replica("Payments", declares=False)], {}, {"OffersMatch": ("Unknown", "NamesNotDeclared")}),
        (
            [replica("Payments", **{**OFFERS, "activities": {"charge", "receipt"}})],
            {},
            {"OffersMatch": ("True", "AllOffered")},
        ),
        (
            [replica("Payments", **OFFERS)],
            {"etcd": Etcd("http://etcd:2379", NOW)},
            {"Ready": ("Unknown", "EtcdUnreachable"), "OffersMatch": ("Unknown", "EtcdUnreachable")},
        ),
    ],
)
def test_conditions(replicas, observed, expected):
    found = conditions(reconciled(DECLARED, *replicas, **observed).status)
    assert {key: found[key] for key in expected} == expected


def test_the_younger_of_two_registrations_of_an_app_id_says_so():
    status = reconciled(DECLARED, older="pay").status
    assert conditions(status)["Ready"] == ("False", "AppIdConflict")
    assert conditions(status)["Stalled"] == ("True", "AppIdConflict")
    assert "AppRegistration pay" in message(status, "Ready")


def test_the_older_registration_counts_and_of_two_as_old_the_first_by_name():
    old = registration("Payments", name="z", created="2026-11-20T09:00:00Z", activities=["charge"])
    young = registration("Payments", name="a", created="2026-11-20T09:00:01Z", activities=["x"])
    assert known(young, old).registrations == {"Payments": "z"}
    twin = registration("Payments", name="y", created="2026-11-20T09:00:00Z")
    assert known(old, twin).registrations == known(twin, old).registrations == {"Payments": "y"}


def test_what_was_offered_stays_known_while_no_worker_is_connected():
    first = reconciled(DECLARED, replica("Payments", **OFFERS)).status
    later = reconciled(registration("Payments", status=first), now=NOW + timedelta(hours=1)).status
    assert later["offered"] == first["offered"]
    assert later["replicas"]["connected"] == 0


def test_what_is_unchanged_gives_the_same_status_later():
    live = replica("Payments", **OFFERS)
    first = reconciled(DECLARED, live).status
    again = reconciled({**DECLARED, "status": first}, live, now=NOW + timedelta(hours=1))
    assert (again.status, again.happenings) == (first, ())


def test_a_backlog_is_shown_and_stays_while_nobody_counts():
    backlog = Backlog(3, 4, NOW - timedelta(seconds=90))
    first = reconciled(DECLARED, replica("Payments", **OFFERS), backlog=backlog).status
    assert first["backlog"] == {"queued": 3, "running": 4, "oldestSeconds": 90}
    again = reconciled({**DECLARED, "status": first}, replica("Payments", **OFFERS))
    assert again.status == first


def pod(name, *, injected=True, app="Payments", phase="Running", **meta):
    labels = {"app": app, **({"antiphon.dev/injected": "true"} if injected else {})}
    return {"metadata": {"name": name, "labels": labels, **meta}, "status": {"phase": phase}}


def test_pods_are_counted_that_match_and_run():
    found = [
        pod("a"),
        pod("b", injected=False),
        pod("c", app="other"),
        pod("d", phase="Succeeded"),
        pod("e", deletionTimestamp="2026-11-20T10:00:00Z"),
    ]
    assert selecting.pods(app_registration(DECLARED), found) == Pods(2, 1, ("b",))


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        ({}, {"a": "1"}, False),
        ({"matchLabels": {"a": "1"}}, {"a": "1", "b": "2"}, True),
        ({"matchLabels": {"a": "1"}}, {"a": "2"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, {"a": "2"}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, {}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, {"a": "1"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {"a": ""}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {"a": ""}, False),
    ],
)
def test_a_label_selector_matches_as_the_api_servers_does(selector, labels, selected):
    assert selecting.selects(selector, labels) is selected
