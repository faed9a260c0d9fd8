"""A StateStore: what the sidecars that use it say of it."""

from datetime import datetime
from typing import Any

from antiphon_names import conditions as reasons
from antiphon_names import errors as codes
from antiphon_operator.reconcile import objects
from antiphon_operator.reconcile.appregistration import stalled
from antiphon_operator.reconcile.conditions import Condition, happenings, listed, pending_s, summary
from antiphon_operator.reconcile.observed import OfStore, StoreReport
from antiphon_operator.reconcile.outcome import Body, Outcome


def reconcile(body: Body, observed: OfStore, now: datetime) -> Outcome:
    """Judge one StateStore."""
    store = objects.state_store(body)
    before, known = objects.status(body), objects.conditions(body)
    wait_s = pending_s(known, store.meta.created, now)
    identities = sorted({identity for app in observed.users for identity in app.live.stores})
    report = next((observed.reports[each] for each in identities if each in observed.reports), None)
    found = _pending() if wait_s is not None else _conditions(observed, identities, report)
    status: dict[str, Any] = {
        "observedGeneration": store.meta.generation,
        "backend": store.backend,
        "conditions": listed(found, before=known, generation=store.meta.generation, now=now),
    }
    # What was known of a store whose apps are all at rest stays known: it says whether apps share it.
    for key in ("identity", "serverVersion", "schemaVersion"):
        if key in before:
            status[key] = before[key]
    if len(identities) == 1:
        status["identity"] = identities[0]
    if report is not None and not report.error:
        status |= {"serverVersion": report.server_version, "schemaVersion": report.schema_version}
    return Outcome(status, () if wait_s is not None else happenings(found[0], known), wait_s)


def _pending() -> list[Condition]:
    reason = reasons.PENDING
    names = ("Ready", "Reachable", "SchemaCurrent")
    return [
        *(Condition(name, None, reason.name, reason.summary) for name in names),
        Condition("Stalled", False, reasons.HEALTHY.name),
    ]


def _conditions(observed: OfStore, identities: list[str], report: StoreReport | None) -> list[Condition]:
    if len(identities) > 1:
        split = _split(observed)
        parts = [split, Condition("SchemaCurrent", None, split.reason, "not judged: see Reachable")]
    else:
        parts = [_reachable(identities, report), _current(report)]
    ready = summary("Ready", parts, well=reasons.REACHABLE.name, message=parts[0].message)
    return [ready, *parts, stalled(parts[0] if len(identities) > 1 else None)]


def _split(observed: OfStore) -> Condition:
    uses = "; ".join(
        f"{app.app_id} in {', '.join(sorted(app.live.stores))}" for app in observed.users[:10] if app.live.stores
    )
    return Condition(
        "Reachable",
        False,
        codes.STATE_STORE_MISMATCH.name,
        f"the apps that refer to this StateStore keep their state in different stores: {uses}. Its URL was changed, or "
        "leads to different databases. Restart the pods that have the old one.",
    )


def _reachable(identities: list[str], report: StoreReport | None) -> Condition:
    if not identities:
        reason = reasons.NO_REPLICAS
        return Condition("Reachable", None, reason.name, f"{reason.summary}. {reason.fix}")
    if report is not None and report.error:
        return Condition(
            "Reachable",
            False,
            codes.STORE_UNREACHABLE.name,
            f"a sidecar says: {report.error}. Instances wait until the store answers.",
        )
    return Condition("Reachable", True, reasons.REACHABLE.name, f"identity {identities[0]}")


def _current(report: StoreReport | None) -> Condition:
    if report is None or report.error:
        return Condition("SchemaCurrent", None, reasons.NO_REPLICAS.name, "no sidecar has told yet")
    if report.schema_version > report.newest_schema_version:
        return Condition(
            "SchemaCurrent",
            False,
            codes.STORE_TOO_NEW.name,
            f"the store's schema is {report.schema_version}, the sidecar that was asked knows "
            f"{report.newest_schema_version}. Restart the pods that have the older sidecar.",
        )
    if report.schema_version < report.newest_schema_version:
        return Condition(
            "SchemaCurrent",
            None,
            reasons.WAITING.name,
            f"the store's schema is {report.schema_version}; the next sidecar that starts brings "
            f"{report.newest_schema_version}",
        )
    return Condition("SchemaCurrent", True, reasons.SCHEMA_CURRENT.name, f"schema {report.schema_version}")
