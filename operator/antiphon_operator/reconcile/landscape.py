"""The apps of a namespace, put together from AppRegistrations, StateStores and live replicas."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from antiphon_operator.contracts.apps import App, Namespace, StoreUse, declared
from antiphon_operator.contracts.replicas import Live, Name, Replica, merged
from antiphon_operator.reconcile import objects
from antiphon_operator.reconcile.outcome import Body


@dataclass(frozen=True, slots=True)
class Landscape:
    """A namespace, and which registration each app has: of two of one app ID, the older."""

    namespace: Namespace
    registrations: Mapping[str, str]


def landscape(
    name: str,
    *,
    registrations: Iterable[Body],
    stores: Iterable[Body],
    replicas: Iterable[Replica],
    elsewhere: Mapping[str, str],
    seen: bool,
) -> Landscape:
    """Put together what is known of a namespace; the order of what is given does not matter."""
    live: dict[str, list[Replica]] = defaultdict(list)
    for replica in replicas:
        live[replica.app].append(replica)
    together = {app: merged(found) for app, found in live.items()}
    identities = {objects.meta(store).name: str(objects.status(store).get("identity") or "") for store in stores}
    apps: dict[str, App] = {}
    owners: dict[str, str] = {}
    for body in sorted(registrations, key=_age):
        registration = objects.app_registration(body)
        if registration.app_id not in apps:
            owners[registration.app_id] = registration.meta.name
            apps[registration.app_id] = registered(body, together.get(registration.app_id), identities)
    for app, found in together.items():
        if app not in apps:
            apps[app] = App(app, live=found)
    return Landscape(Namespace(name, apps, elsewhere, seen), owners)


def registered(body: Body, live: Live | None, identities: Mapping[str, str]) -> App:
    """Return an app as its registration and its replicas describe it."""
    registration = objects.app_registration(body)
    offered = objects.status(body).get("offered") or {}
    remembered = {Name("workflow", name) for name in offered.get("workflows") or ()}
    remembered |= {Name("activity", name) for name in offered.get("activities") or ()}
    return App(
        app_id=registration.app_id,
        registration=registration.meta.name,
        declared=None if registration.offers is None else declared(registration.offers),
        remembered=frozenset(remembered),
        allow_from=registration.allow_from,
        store=None
        if registration.store is None
        else StoreUse(registration.store, identities.get(registration.store, "")),
        live=live or Live(),
    )


def _age(body: Body) -> tuple[str, str, str]:
    about = objects.meta(body)
    # Whole seconds are equal often enough; then the name decides, and stays decided.
    return about.created or "9", about.name, about.uid
