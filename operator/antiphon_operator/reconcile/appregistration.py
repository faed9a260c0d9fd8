"""An AppRegistration: who runs, what is offered, and whether it is what the registration says."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from antiphon_names import conditions as reasons
from antiphon_names import errors as codes
from antiphon_operator.contracts.apps import App
from antiphon_operator.contracts.replicas import Name
from antiphon_operator.reconcile import etcd, objects
from antiphon_operator.reconcile.conditions import Condition, happenings, listed, pending_s, stamp, summary
from antiphon_operator.reconcile.observed import OfRegistration
from antiphon_operator.reconcile.outcome import Body, Outcome

#: An age that is shown may be this old, or a tenth of itself.
_AGE_STEP_S = 30
#: Names in `status.offered`, as many as its lists may hold.
NAMES_MOST = 512


def reconcile(body: Body, observed: OfRegistration, now: datetime) -> Outcome:
    """Judge one AppRegistration."""
    registration = objects.app_registration(body)
    before, known = objects.status(body), objects.conditions(body)
    wait_s = pending_s(known, registration.meta.created, now)
    found = _pending() if wait_s is not None else _conditions(registration, observed)
    status: dict[str, Any] = {
        "observedGeneration": registration.meta.generation,
        "appId": registration.app_id,
        "replicas": {
            "pods": observed.pods.matching,
            "injected": observed.pods.injected,
            "connected": observed.app.live.connected,
            "summary": f"{observed.app.live.connected}/{observed.pods.matching}",
        },
        "offered": _offered(observed.app, before.get("offered") or {}, now),
        "conditions": listed(found, before=known, generation=registration.meta.generation, now=now),
    }
    if store := _store(registration, observed):
        status["store"] = store
    backlog = None
    if observed.backlog is not None:
        counts = {"queued": observed.backlog.queued, "running": observed.backlog.running}
        backlog = {**counts, "oldestSeconds": age_s(observed.backlog.oldest_due, now)}
    if shown := figures(backlog, before.get("backlog")):
        status["backlog"] = shown
    return Outcome(status, () if wait_s is not None else happenings(found[0], known), wait_s)


def age_s(since: datetime | None, now: datetime) -> int:
    """Return whole seconds since a time, 0 for none."""
    return 0 if since is None else max(0, int((now - since).total_seconds()))


def figures(found: Mapping[str, int] | None, before: Mapping[str, int] | None) -> Mapping[str, int] | None:
    """Return the figures to show: those from before while nobody counts, and while only their age has grown a little.

    An age grows all the time. Written whenever it is read, it would cost a write for each object every half minute.
    """
    if found is None or before is None:
        return before if found is None else found
    grown = found["oldestSeconds"] - before.get("oldestSeconds", 0)
    same = all(before.get(key) == value for key, value in found.items() if key != "oldestSeconds")
    return before if same and 0 <= grown <= max(_AGE_STEP_S, found["oldestSeconds"] // 10) else found


def _pending() -> list[Condition]:
    reason = reasons.PENDING
    types = ("Ready", "SidecarInjected", "OffersMatch", "StoreReachable")
    return [Condition(name, None, reason.name, reason.summary) for name in types] + [
        Condition("Stalled", False, reasons.HEALTHY.name)
    ]


def _conditions(registration: objects.AppRegistration, observed: OfRegistration) -> list[Condition]:
    if observed.older is not None:
        return _conflict(registration, observed.older)
    parts = [
        _injected(registration, observed),
        _store_reachable(registration, observed),
        _offers(registration, observed),
    ]
    live = observed.app.live
    ready = summary(
        "Ready",
        parts,
        well=reasons.CONNECTED.name,
        message=f"{live.connected} of {len(live.replicas)} replicas have workers",
    )
    lasting = next((part for part in parts if part.reason == codes.STATE_STORE_MISMATCH.name), None)
    return [ready, *parts, stalled(lasting)]


def stalled(by: Condition | None) -> Condition:
    """Return the condition that says that something does not mend by itself."""
    if by is None:
        return Condition("Stalled", False, reasons.HEALTHY.name)
    return Condition("Stalled", True, by.reason, by.message)


def _conflict(registration: objects.AppRegistration, older: str) -> list[Condition]:
    name = codes.APP_ID_CONFLICT.name
    ready = Condition(
        "Ready",
        False,
        name,
        f'app ID "{registration.app_id}" belongs to AppRegistration {older}, which is older, so this one counts for '
        "nothing. Delete one of the two, or give this one another spec.appId.",
    )
    others = [
        Condition(kind, None, name, "not judged: see Ready")
        for kind in ("SidecarInjected", "StoreReachable", "OffersMatch")
    ]
    return [ready, *others, stalled(ready)]


def _injected(registration: objects.AppRegistration, observed: OfRegistration) -> Condition:
    pods = observed.pods
    if observed.secret_missing is not None:
        return Condition(
            "SidecarInjected",
            False,
            codes.ETCD_CREDENTIALS_MISSING.name,
            f'namespace "{registration.meta.namespace}" has no Secret "{observed.secret_missing}", with which sidecars '
            f"reach etcd: pods of {registration.app_id} with a sidecar cannot start. Create it in this namespace; they "
            "start then.",
        )
    if pods.without:
        return Condition(
            "SidecarInjected",
            False,
            codes.PODS_WITHOUT_SIDECAR.name,
            f"{len(pods.without)} of {pods.matching} pods of {registration.app_id} run without the sidecar: "
            f"{codes.listing(pods.without, most=5)}. Their workers reach nobody. Set the label "
            "antiphon.dev/inject=true on pods or namespace, and restart them.",
        )
    if not pods.matching:
        reason = reasons.NO_PODS
        return Condition("SidecarInjected", None, reason.name, f"{reason.summary}. {reason.fix}")
    return Condition("SidecarInjected", True, reasons.INJECTED.name, f"all {pods.matching} pods have it")


def _store_reachable(registration: objects.AppRegistration, observed: OfRegistration) -> Condition:
    name, live, report = "StoreReachable", observed.app.live, observed.report
    if registration.store is not None and not observed.store_found:
        return Condition(
            name,
            False,
            codes.STATE_STORE_MISSING.name,
            f'spec.storeRef names StateStore "{registration.store}", which namespace "{registration.meta.namespace}" '
            "does not have. Pods of the app are refused until it is there. Create it, or fix the name.",
        )
    if len(live.stores) > 1:
        return Condition(
            name,
            False,
            codes.STATE_STORE_MISMATCH.name,
            f"replicas of {registration.app_id} keep their state in {len(live.stores)} stores: "
            f"{codes.listing(live.stores)}. Restart the pods that have the old one.",
        )
    if report is not None and report.error:
        return Condition(
            name,
            False,
            codes.STORE_UNREACHABLE.name,
            f"a sidecar of {registration.app_id} says: {report.error}. Instances wait until the store answers.",
        )
    if live.stores:
        return Condition(name, True, reasons.REACHABLE.name, f"identity {min(live.stores)}")
    return _nobody(name, observed)


def _nobody(name: str, observed: OfRegistration) -> Condition:
    if not observed.seen:
        return etcd.unread(name, observed.etcd)
    return Condition(name, None, reasons.NO_REPLICAS.name, f"{reasons.NO_REPLICAS.summary}. {reasons.NO_REPLICAS.fix}")


def _offers(registration: objects.AppRegistration, observed: OfRegistration) -> Condition:
    name, live, declared = "OffersMatch", observed.app.live, observed.app.declared
    if observed.etcd.away_since is not None and observed.seen:
        return etcd.away(name, observed.etcd)
    if not live.connected:
        return _nobody(name, observed)
    if declared is None:
        return Condition(name, True, reasons.NOTHING_DECLARED.name, f"workers offer {_said(live.offered)}")
    if missing := [each for each in declared if each not in live.offered]:
        return _missing(registration, observed.app, missing)
    if versions := _versions(observed.app, declared):
        return Condition(
            name,
            False,
            codes.VERSION_NOT_AVAILABLE.name,
            f"declared and not offered: {', '.join(versions)}. Instances pinned to these wait. Deploy workers that "
            "have them, or fix spec.offers.",
        )
    further = [each for each in live.offered if each not in declared]
    also = f"; offered and not declared: {_said(further)}" if further else ""
    return Condition(name, True, reasons.ALL_OFFERED.name, f"{len(declared)} declared names are offered{also}")


def _missing(registration: objects.AppRegistration, app: App, missing: Sequence[Name]) -> Condition:
    live = app.live
    if live.silent:
        reason = reasons.NAMES_NOT_DECLARED
        return Condition(
            "OffersMatch", None, reason.name, f"workers of {registration.app_id} do not say which names they have"
        )
    hints = "".join(codes.nearest(each.name, live.names(each.kind)) for each in missing[:1])
    return Condition(
        "OffersMatch",
        False,
        reasons.DECLARED_NOT_OFFERED.name,
        f"declared and not offered: {_said(missing)}; {registration.app_id} offers {_said(live.offered)} "
        f"({live.connected} replicas with workers).{hints} Calls to them wait. Register them in the app, or take them "
        "out of spec.offers.",
    )


def _versions(app: App, declared: Mapping[Name, Sequence[Any]]) -> list[str]:
    found = []
    for name, offers in declared.items():
        live = {contract.version for contract in app.live.offered[name] if contract.version}
        found += [
            f"{name.name} {offer.version}" for offer in offers if live and offer.version and offer.version not in live
        ]
    return found


def _said(names: Any) -> str:  # noqa: ANN401  (names, in a mapping or a list)
    return codes.listing(name.name for name in names)


def _store(registration: objects.AppRegistration, observed: OfRegistration) -> dict[str, str]:
    live = observed.app.live
    known = observed.app.store.identity if observed.app.store is not None else ""
    found = {"name": registration.store or "", "identity": min(live.stores) if live.stores else known}
    return {key: value for key, value in found.items() if value}


def _offered(app: App, before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return what workers offer; while none is connected, what they offered last: that stays known."""
    if not app.live.connected:
        return dict(before)
    workflows, activities = app.live.names("workflow"), app.live.names("activity")
    names = {
        "workflows": workflows[:NAMES_MOST],
        "activities": activities[:NAMES_MOST],
        "workflowCount": len(workflows),
        "activityCount": len(activities),
    }
    same = all(before.get(key) == value for key, value in names.items()) and "lastChange" in before
    return {**names, "lastChange": before["lastChange"] if same else stamp(now)}
