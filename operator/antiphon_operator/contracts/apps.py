"""What is known of the apps of one namespace: declared by AppRegistrations, offered by live replicas."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from antiphon_operator.contracts.replicas import Live, Name

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """A name that an AppRegistration declares; a version or schema that it leaves out is empty."""

    kind: str
    name: str
    version: str = ""
    input: Schema | None = None
    output: Schema | None = None


@dataclass(frozen=True, slots=True)
class StoreUse:
    """The StateStore that an AppRegistration refers to, and the identity that it is known to have."""

    name: str
    identity: str = ""


@dataclass(frozen=True, slots=True)
class App:
    """One app.

    `registration`: the AppRegistration's name, None when there is none. `declared`: None when it lists no offers.
    `remembered`: what was offered when a worker was last connected. `allow_from`: None allows every app of the
    namespace.
    """

    app_id: str
    registration: str | None = None
    declared: Mapping[Name, tuple[Offer, ...]] | None = None
    remembered: frozenset[Name] = frozenset()
    allow_from: frozenset[str] | None = None
    store: StoreUse | None = None
    live: Live = field(default_factory=Live)

    def known(self, kind: str) -> set[str]:
        """Return the names of a kind that are declared, offered or were offered last."""
        names = {*(self.declared or ()), *self.live.offered, *(() if self.live.connected else self.remembered)}
        return {name.name for name in names if name.kind == kind}


@dataclass(frozen=True, slots=True)
class Namespace:
    """The apps of a namespace by ID.

    `elsewhere`: app IDs of other namespaces that are watched, with one namespace each. `seen`: etcd has been read, so
    that a replica that is not here does not live.
    """

    name: str
    apps: Mapping[str, App] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    seen: bool = True


def declared(offers: tuple[Offer, ...]) -> Mapping[Name, tuple[Offer, ...]]:
    """Return offers by name; a name may be offered in several versions."""
    found: dict[Name, tuple[Offer, ...]] = {}
    for offer in offers:
        name = Name(offer.kind, offer.name)
        found[name] = (*found.get(name, ()), offer)
    return found
