"""What is observed around an object beside its namespace's apps: pods, the state of etcd, figures of sidecars."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from antiphon_names.registry import EntryRecord
from antiphon_operator.contracts.apps import App, Namespace
from antiphon_operator.reconcile.outcome import Body, Steer


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
    `store_found`: the StateStore that it refers to exists. `report`: None until a sidecar has told. `secret_missing`:
    the name of the Secret for etcd, where the namespace does not have it.
    """

    app: App
    older: str | None = None
    pods: Pods = Pods()
    store_found: bool = True
    secret_missing: str | None = None
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


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an instance failed; `code` is the name of a code of ours, empty when the app's code raised it."""

    type: str
    message: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance as a sidecar tells of it; times are UTC.

    `state`: as the control API has it, without its prefix. `output`: JSON text; with `too_large` it did not even fit an
    answer. Both, and `failure`, are asked for once it has ended. `waiting_on`: why a stalled one cannot go on.
    """

    state: str
    created: datetime
    completed: datetime | None = None
    output: str | None = None
    too_large: bool = False
    failure: Failure | None = None
    waiting_on: str = ""

    @property
    def ended(self) -> bool:
        """Tell whether it will never do anything again."""
        return self.state in ("COMPLETED", "FAILED", "TERMINATED", "CANCELED")


class Absent:
    """A sidecar said that there is no such instance."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nobody told: a reason and what is known. `lately`: only just, which may be a sidecar that changes places."""

    reason: str
    message: str
    lately: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a sidecar said no to. `lasting`: it would say no to the same request for ever."""

    reason: str
    message: str
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the instances of a run's Workflow begin, and whether new ones are admitted; None: not judged yet."""

    app_id: str
    workflow: str
    version: str | None
    admission: EntryRecord | None


@dataclass(frozen=True, slots=True)
class OfRun:
    """What is observed around a WorkflowRun.

    `entry`: None when its Workflow does not exist, with `workflows`, the names that do. `reachable`: a sidecar that
    could be asked to start it is there; else why not. `found`: what was told of the instance, None when nobody was
    asked. `refused`: how the last start was answered; `may_start`: it is time to try again. `steered`: what the
    instance was asked to do lately, so that it is not asked again already.
    """

    entry: Entry | None = None
    workflows: tuple[str, ...] = ()
    reachable: Literal[True] | Unanswered = True
    found: Instance | Absent | Unanswered | None = None
    refused: Refusal | None = None
    may_start: bool = True
    steered: Steer | None = None


@dataclass(frozen=True, slots=True)
class OfSchedule:
    """What is observed around a WorkflowSchedule.

    `entry` and `workflows`: as of a run. `runs`: those that it made. `taken`: names of runs that it did not make.
    `refused`: why the API server did not take the last run.
    """

    entry: Entry | None = None
    workflows: tuple[str, ...] = ()
    runs: tuple[Body, ...] = ()
    taken: frozenset[str] = frozenset()
    refused: str = ""
