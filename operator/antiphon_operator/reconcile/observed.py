"""What is observed around an object beside its namespace's apps: pods, the state of etcd, figures of sidecars."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from antiphon_operator.contracts.apps import App, Namespace


@dataclass(frozen=True, slots=True)
class Etcd:
    """How etcd is: `away_since` is when it stopped answering, None while it answers or has only just stopped."""

    endpoints: str = ""
    away_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods that an AppRegistration selects; `without`: names of those that have no sidecar."""

    matching: int = 0
    injected: int = 0
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Backlog:
    """Tasks addressed to an app; `oldest_due`: when the oldest was due."""

    queued: int
    running: int
    oldest_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Instances:
    """Instances of a workflow; `oldest_created`: when the oldest unfinished one was."""

    running: int
    suspended: int
    stalled: int
    failed_last_hour: int
    oldest_created: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What a sidecar says of its state store; `error` is empty while the store answers it."""

    identity: str
    backend: str
    server_version: str = ""
    schema_version: int = 0
    newest_schema_version: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class OfRegistration:
    """What is observed around an AppRegistration.

    `app`: the app as its own registration declares it. `older`: the registration that has the app ID already.
    `store_found`: the StateStore that it refers to exists. `report`: None until a sidecar has told.
    """

    app: App
    older: str | None = None
    pods: Pods = Pods()
    store_found: bool = True
    report: StoreReport | None = None
    backlog: Backlog | None = None
    etcd: Etcd = Etcd()
    seen: bool = True


@dataclass(frozen=True, slots=True)
class OfWorkflow:
    """What is observed around a Workflow."""

    namespace: Namespace
    instances: Instances | None = None
    etcd: Etcd = Etcd()


@dataclass(frozen=True, slots=True)
class OfStore:
    """What is observed around a StateStore.

    `users`: the apps whose AppRegistrations refer to it. `reports`: by identity, what sidecars say of their stores.
    """

    users: tuple[App, ...] = ()
    reports: Mapping[str, StoreReport] = field(default_factory=dict)
