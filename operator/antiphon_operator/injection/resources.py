"""What admission reads of the custom resources and namespaces: frozen views, made once when an object arrives.

The views are lenient, since the API server has held the objects against their schemas: what is missing is empty.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from antiphon_operator.injection import selectors
from antiphon_operator.injection.selectors import Selector

#: What stands for a part that is missing.
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Offers:
    """Names that an app has, of activities and of workflows."""

    activities: frozenset[str] = frozenset()
    workflows: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Registration:
    """An AppRegistration; `created` sorts by age, `offers` is None when nothing is declared."""

    name: str
    app_id: str
    selector: Selector
    created: str = ""
    store: str | None = None
    service_account: str | None = None
    sidecar: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    offers: Offers | None = None
    #: What its live workers offer, as its status says; None when that says nothing.
    live: Offers | None = None
    #: Apps that may call it; None: every app of the namespace.
    allow_from: frozenset[str] | None = None

    def activities(self) -> frozenset[str] | None:
        """Return the activities of the app, declared or else live; None when nothing is known of them."""
        known = self.offers or self.live
        return None if known is None else known.activities

    def workflows(self) -> frozenset[str] | None:
        """Return the workflows of the app, declared or else live; None when nothing is known of them."""
        known = self.offers or self.live
        return None if known is None else known.workflows

    def allows(self, caller: str) -> bool:
        """Say whether calls from an app are allowed; an app may always call itself."""
        return self.allow_from is None or caller == self.app_id or caller in self.allow_from


@dataclass(frozen=True, slots=True)
class StateStore:
    """A StateStore and where its URL is: a key of a Secret beside it."""

    name: str
    secret: str
    key: str
    schema: str
    pool_size: int


@dataclass(frozen=True, slots=True)
class Workflow:
    """A Workflow: what is called, and what its input has to look like; `input` is None when it may be anything."""

    name: str
    app_id: str
    workflow: str
    input: Mapping[str, Any] | bool | None = None
    suspended: bool = False
    created: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one namespace."""

    registrations: tuple[Registration, ...] = ()
    stores: tuple[StateStore, ...] = ()
    workflows: tuple[Workflow, ...] = ()

    def by_app(self) -> Mapping[str, Registration]:
        """Return the registration of each app: of several with one app ID the oldest counts."""
        found: dict[str, Registration] = {}
        for registration in sorted(self.registrations, key=_age):
            found.setdefault(registration.app_id, registration)
        return found

    def store(self, name: str) -> StateStore | None:
        """Return the store of this name."""
        return next((store for store in self.stores if store.name == name), None)

    def workflow(self, name: str) -> Workflow | None:
        """Return the workflow resource of this name."""
        return next((workflow for workflow in self.workflows if workflow.name == name), None)


def _age(registration: Registration) -> tuple[bool, str, str]:
    # What has no time yet is being created now.
    return (not registration.created, registration.created, registration.name)


def read_registration(found: Mapping[str, Any]) -> Registration:
    """Read an AppRegistration."""
    spec = _part(found, "spec")
    name = _name(found)
    allowed = spec.get("allowFrom")
    return Registration(
        name=name,
        app_id=str(spec.get("appId") or name),
        selector=selectors.read(spec.get("selector")),
        created=_created(found),
        store=_part(spec, "storeRef").get("name"),
        service_account=spec.get("serviceAccountName"),
        sidecar=_part(spec, "sidecar"),
        offers=_offers(spec.get("offers")),
        live=_live(_part(found, "status").get("offered")),
        allow_from=None if allowed is None else frozenset(str(each.get("appId")) for each in allowed),
    )


def read_store(found: Mapping[str, Any]) -> StateStore:
    """Read a StateStore."""
    postgresql = _part(_part(found, "spec"), "postgresql")
    secret = _part(postgresql, "urlSecretRef")
    return StateStore(
        name=_name(found),
        secret=str(secret.get("name", "")),
        key=str(secret.get("key") or "url"),
        schema=str(postgresql.get("schema") or "antiphon"),
        pool_size=int(postgresql.get("poolSize") or 4),
    )


def read_workflow(found: Mapping[str, Any]) -> Workflow:
    """Read a Workflow."""
    spec = _part(found, "spec")
    entry = _part(spec, "entry")
    return Workflow(
        name=_name(found),
        app_id=str(entry.get("appId", "")),
        workflow=str(entry.get("workflow", "")),
        input=spec.get("input"),
        suspended=bool(spec.get("suspend")),
        created=_created(found),
    )


def _offers(offers: Mapping[str, Any] | None) -> Offers | None:
    if offers is None:
        return None
    return Offers(activities=_names(offers.get("activities")), workflows=_names(offers.get("workflows")))


def _live(offered: Mapping[str, Any] | None) -> Offers | None:
    if offered is None:
        return None
    return Offers(
        activities=frozenset(offered.get("activities") or ()), workflows=frozenset(offered.get("workflows") or ())
    )


def _names(entries: Iterable[Mapping[str, Any]] | None) -> frozenset[str]:
    return frozenset(str(entry.get("name")) for entry in entries or ())


def _name(found: Mapping[str, Any]) -> str:
    return str(_part(found, "metadata").get("name", ""))


def _created(found: Mapping[str, Any]) -> str:
    return str(_part(found, "metadata").get("creationTimestamp") or "")


def _part(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = found.get(key)
    return part if isinstance(part, Mapping) else _NOTHING
