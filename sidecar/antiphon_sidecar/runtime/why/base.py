"""What every part of `why` shares: a wait, the scene it is looked for in, and what a history tells."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Protocol

from antiphon_names.errors import Code
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.codec.timers import Purpose, purpose
from antiphon_sidecar.coordination.base import Registration, View
from antiphon_sidecar.engine.events import (
    EventRaised,
    ExecutionSuspended,
    Failure,
    TaskFailed,
    TaskScheduled,
    TimerCreated,
)
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.runtime.known import KnownApps
from antiphon_sidecar.runtime.lane import Lane
from antiphon_sidecar.runtime.registry import Registry
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.stores.base import InstanceRow, Loaded, Store, TaskRef

_NS = 1_000_000_000
#: Whoever waits longer is probably stuck, and wants to know where to look.
LONG_NS = 60 * _NS


@dataclass(frozen=True, slots=True)
class Wait:
    """One thing that an instance waits for; `since` and `until` in store time, 0 for not known, None without an end.

    `kind` is what is waited for: activity, workflow, timer, event, worker, person or store. `waits` is what a
    child workflow waits for itself.
    """

    reason: str
    message: str
    since: int
    kind: str
    app: str = ""
    name: str = ""
    instance_id: str = ""
    event_id: int = 0
    until: int | None = None
    replica: str = ""
    attempt: int = 0
    waits: tuple["Wait", ...] = ()


class Stage(Enum):
    """How far a replica is with an activity that it was handed."""

    ABSENT = "absent"
    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class TaskAt:
    """What a replica says of an activity; `since`: when a worker began it, in store time.

    `workers` and `activities`: how many of them the replica has, and how many activities of all kinds run there.
    """

    stage: Stage
    since: int = 0
    workers: int = 0
    activities: int = 0


class Silent(Exception):
    """A replica did not answer; the text is what was seen instead, as a part of a sentence."""


class Others(Protocol):
    """Asks other replicas what only they know, each within a deadline."""

    async def why(self, to: Registration, *, app: str, instance_id: str) -> Sequence[Wait]:
        """Return what an instance waits for, by the memory of its owner; children are named and not followed.

        Raises:
            Silent: no answer.
        """

    async def task_at(self, to: Registration, ref: TaskRef) -> TaskAt:
        """Return how far a replica is with an activity.

        Raises:
            Silent: no answer.
        """


@dataclass(frozen=True, slots=True)
class Scene:
    """What can be seen from a process: the store, all apps, its own replicas; `now` in store time.

    `others`: how other replicas are asked, None when nobody is. `lease_s`: how long others wait for a silent replica.
    `etcd_away_since`: in store time; None while etcd answers, or where there is none. `alone`: the store is all there
    is; who owns what and who has workers is not known then, and `view` holds who wrote to the store a moment ago.
    """

    store: Store
    view: View
    replica_of: Callable[[str], Replica | None]
    known: KnownApps
    now: int
    others: Others | None = None
    lease_s: float = 10.0
    etcd_away_since: int | None = None
    alone: bool = False
    registry: Registry = field(default_factory=Registry)

    def workers(self, app: str) -> int:
        """Return how many workers of an app are connected."""
        return sum(r.workers for r in self.view.of_app(app))

    def apps(self) -> frozenset[str]:
        """Return the apps that are known."""
        return self.known.names() | {r.app for r in self.view.replicas.values()} | self.registry.apps()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a generation's events tell that its state does not keep."""

    suspended: ExecutionSuspended | None = None
    timers: dict[int, tuple[TimerCreated, Purpose]] = field(default_factory=dict)
    tasks: dict[str, TaskScheduled] = field(default_factory=dict)
    failures: dict[str, list[Failure]] = field(default_factory=dict)
    #: Names of the events that were raised, and the timers whose event has come: they alone are left, without effect.
    raised: dict[str, None] = field(default_factory=dict)
    answered: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Subject:
    """The instance that is asked about, as the store has it; `lane` when it is in this process's memory.

    `replica`: this process's, when it is the owner, so that what is not in its memory is in nobody's.
    """

    row: InstanceRow
    state: State
    loaded: Loaded
    facts: Facts
    replica: Replica | None
    lane: Lane | None

    @property
    def has_work(self) -> bool:
        """Tell whether something waits to be applied by the instance."""
        return bool(not self.state.started or self.loaded.inbox or (self.lane and self.lane.queue))


def facts(events: Iterable[bytes]) -> Facts:
    """Read a generation's events, oldest first."""
    suspended: ExecutionSuspended | None = None
    found = Facts()
    waiting: dict[str, list[int]] = {}
    for raw in events:
        event = codec.unseal(raw)
        match event:
            case ExecutionSuspended():
                suspended = event
            case TimerCreated():
                why = purpose(event.extra)
                found.timers[event.event_id] = (event, why)
                if why.event is not None:
                    waiting.setdefault(why.event.casefold(), []).append(event.event_id)
            case TaskScheduled():
                found.tasks[event.task_execution_id] = event
            case TaskFailed():
                found.failures.setdefault(event.task_execution_id, []).append(event.failure)
            case EventRaised():
                found.raised[event.name] = None
                # SDKs give an event to the oldest wait for its name, whatever its case.
                if waits := waiting.get(event.name.casefold()):
                    found.answered.add(waits.pop(0))
            case _:
                pass
    return replace(found, suspended=suspended)


def coded(code: Code, text: str) -> str:
    """Return a message that begins with its code."""
    return f"{code}: {text}"


def clock(ns: int) -> str:
    """Return a time for people: `2026-11-26T10:41:03Z`."""
    seconds = min(ns // _NS, 253_402_300_799)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def lasted(ns: int) -> str:
    """Return a duration for people: `0.4 s`, `12 s`, `7 min`, `3 h`, `2 d`."""
    seconds = max(ns, 0) / _NS
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def counted(number: int, what: str) -> str:
    """Return `1 worker`, `2 workers`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def limited(app: str) -> str:
    """Say that a limit of an app keeps something waiting."""
    return (
        f"waits: as many of that name run in {app} as its limit allows. It begins when one of them ends; raise the "
        f"limit in the configuration of {app} if it is too low."
    )
