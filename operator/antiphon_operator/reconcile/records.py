"""What sidecars are told by etcd: the records of a namespace's apps."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from antiphon_names.registry import AppRecord, DeclaredName, EntryRecord
from antiphon_operator.contracts.apps import Offer
from antiphon_operator.contracts.findings import Verdict
from antiphon_operator.contracts.schemas import digest
from antiphon_operator.reconcile import objects, workflow
from antiphon_operator.reconcile.landscape import Landscape
from antiphon_operator.reconcile.outcome import Body


def records(
    landscape: Landscape, registrations: Iterable[Body], judged: Iterable[tuple[Body, tuple[Verdict, ...]]]
) -> Mapping[str, AppRecord]:
    """Return the records by app ID: of apps that have a registration, and of those that live without one."""
    entries = _entries(judged)
    found = {
        app_id: AppRecord(entries=entries.get(app_id, {}))
        for app_id, app in landscape.namespace.apps.items()
        if app.registration is None
    }
    for body in registrations:
        registration = objects.app_registration(body)
        if landscape.registrations.get(registration.app_id) == registration.meta.name:
            found[registration.app_id] = _record(registration, entries.get(registration.app_id, {}))
    return found


def _record(registration: objects.AppRegistration, entries: Mapping[str, EntryRecord]) -> AppRecord:
    offers = registration.offers or ()
    return AppRecord(
        declared=registration.offers is not None,
        workflows=_names(offers, "workflow"),
        activities=_names(offers, "activity"),
        allow_from=None if registration.allow_from is None else tuple(sorted(registration.allow_from)),
        activity_limits=registration.activity_limits,
        workflow_limits=registration.workflow_limits,
        entries=entries,
    )


def _names(offers: Iterable[Offer], kind: str) -> tuple[DeclaredName, ...]:
    return tuple(
        DeclaredName(
            offer.name,
            offer.version,
            "" if offer.input is None else digest(offer.input),
            "" if offer.output is None else digest(offer.output),
        )
        for offer in offers
        if offer.kind == kind
    )


def _entries(judged: Iterable[tuple[Body, tuple[Verdict, ...]]]) -> Mapping[str, Mapping[str, EntryRecord]]:
    """Return what is said of each entry; of several Workflows with one entry, a refusal counts, then the oldest."""
    found: dict[str, dict[str, EntryRecord]] = defaultdict(dict)
    by_age = sorted(judged, key=lambda pair: (objects.meta(pair[0]).created, objects.meta(pair[0]).name))
    for body, verdicts in by_age:
        app_id, name = objects.workflow(body).entry
        entry = workflow.entry(body, verdicts)
        known = found[app_id].get(name)
        if known is None:
            found[app_id][name] = entry
        elif known.admit and not entry.admit:
            found[app_id][name] = EntryRecord(entry.admit, entry.reason, entry.message, known.retention)
    return found
