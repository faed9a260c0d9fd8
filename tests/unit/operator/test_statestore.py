"""StateStores: what sidecars say in, conditions out."""

from datetime import timedelta

import pytest

from antiphon_operator.reconcile import statestore
from antiphon_operator.reconcile.observed import OfStore, StoreReport
from tests.unit.operator.building import NOW, conditions, known, message, registration, replica, store

REPORT = StoreReport("one", "postgresql", "16.4", 7, 7)


def reconciled(body, *replicas, reports=(), now=NOW):
    users = [registration("orders"), registration("Payments")]
    apps = known(*users, replicas=replicas).namespace.apps.values()
    return statestore.reconcile(body, OfStore(tuple(apps), {each.identity: each for each in reports}), now)


@pytest.mark.parametrize(
    ("replicas", "reports", "expected"),
    [
        ([], [], {"Ready": ("Unknown", "NoReplicas"), "Reachable": ("Unknown", "NoReplicas")}),
        ([replica("orders")], [], {"Reachable": ("True", "Reachable"), "SchemaCurrent": ("Unknown", "NoReplicas")}),
        (
            [replica("orders")],
            [REPORT],
            {
                "Ready": ("True", "Reachable"),
                "SchemaCurrent": ("True", "SchemaCurrent"),
                "Stalled": ("False", "Healthy"),
            },
        ),
        (
            [replica("orders")],
            [StoreReport("one", "postgresql", error="connection refused")],
            {"Ready": ("False", "StoreUnreachable"), "SchemaCurrent": ("Unknown", "NoReplicas")},
        ),
        (
            [replica("orders")],
            [StoreReport("one", "postgresql", "16.4", 8, 7)],
            {"Ready": ("False", "StoreTooNew"), "SchemaCurrent": ("False", "StoreTooNew")},
        ),
        (
            [replica("orders")],
            [StoreReport("one", "postgresql", "16.4", 6, 7)],
            {"SchemaCurrent": ("Unknown", "Waiting")},
        ),
        (
            [replica("orders"), replica("Payments", store="two")],
            [REPORT],
            {"Ready": ("False", "StateStoreMismatch"), "Stalled": ("True", "StateStoreMismatch")},
        ),
    ],
)
def test_conditions(replicas, reports, expected):
    found = conditions(reconciled(store(), *replicas, reports=reports).status)
    assert {key: found[key] for key in expected} == expected


def test_apps_in_different_stores_are_named():
    status = reconciled(store(), replica("orders"), replica("Payments", store="two")).status
    assert "orders in one; Payments in two" in message(status, "Ready")
    assert "identity" not in status


def test_what_was_known_stays_while_nobody_runs():
    first = reconciled(store(), replica("orders"), reports=[REPORT]).status
    assert (first["identity"], first["serverVersion"], first["schemaVersion"]) == ("one", "16.4", 7)
    later = reconciled({**store(), "status": first}, now=NOW + timedelta(hours=1)).status
    assert later["identity"] == "one"


def test_what_is_unchanged_gives_the_same_status_later():
    first = reconciled(store(), replica("orders"), reports=[REPORT]).status
    again = reconciled({**store(), "status": first}, replica("orders"), reports=[REPORT], now=NOW + timedelta(hours=1))
    assert (again.status, again.happenings) == (first, ())
