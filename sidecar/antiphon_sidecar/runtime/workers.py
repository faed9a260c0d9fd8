"""The workers of one replica: their streams, what they offer, and who gets the next item.

A stream is the runtime's end of a GetWorkItems call; the server that holds the call passes a `send` that only
queues. Nothing here awaits.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from antiphon_sidecar.stores.base import TaskRef


@dataclass(frozen=True, slots=True)
class TurnItem:
    """A turn for a worker; with `cached` the worker already has that many of the generation's first events."""

    token: str
    instance_id: str
    execution_id: str
    past: Sequence[bytes]
    new: Sequence[bytes]
    cached: int | None


@dataclass(frozen=True, slots=True)
class ActivityItem:
    """A task for a worker; `request` as stored, `attempt` goes beside it."""

    token: str
    ref: TaskRef
    request: bytes
    attempt: int


Item = TurnItem | ActivityItem


@dataclass(frozen=True, slots=True)
class Offers:
    """What a worker says about itself when it connects; without `declares` it may offer anything."""

    declares: bool = False
    workflows: frozenset[str] = frozenset()
    activities: frozenset[str] = frozenset()
    stateful_history: bool = False
    turns_max: int = 100
    activities_max: int = 100


@dataclass(slots=True, eq=False)
class WorkerStream:
    """A connected worker.

    `seen`: (execution ID, events sent as past) per instance, for deltas; `echoes_tokens` is learned from its
    answers: until then no two items with the same (instance ID, task id) are out at once.
    """

    offers: Offers
    send: Callable[[Item], None]
    seen: OrderedDict[str, tuple[str, int]] = field(default_factory=OrderedDict)
    turns: int = 0
    activities: int = 0
    echoes_tokens: bool = False
    out: dict[tuple[str, int], TaskRef] = field(default_factory=dict)
    open: bool = True

    def takes_workflow(self, name: str) -> bool:
        """Tell whether a turn of this workflow may be sent now."""
        return self.turns < self.offers.turns_max and self.runs_workflow(name)

    def runs_workflow(self, name: str) -> bool:
        """Tell whether the worker may know the workflow."""
        return not self.offers.declares or name in self.offers.workflows

    def runs_activity(self, name: str) -> bool:
        """Tell whether the worker may know the activity."""
        return not self.offers.declares or name in self.offers.activities

    def takes_activity(self, name: str, ref: TaskRef) -> bool:
        """Tell whether this task may be sent now."""
        if self.activities >= self.offers.activities_max or not self.runs_activity(name):
            return False
        return self.echoes_tokens or (ref.instance_id, ref.task_id) not in self.out


#: Instances whose position a stream remembers; beyond that the full history is sent again.
SEEN_MAX = 10_000


class Workers:
    """The connected workers of one replica."""

    def __init__(self) -> None:
        self.streams: list[WorkerStream] = []

    def add(self, stream: WorkerStream) -> None:
        """Connect a worker."""
        self.streams.append(stream)

    def remove(self, stream: WorkerStream) -> None:
        """Disconnect a worker."""
        stream.open = False
        if stream in self.streams:
            self.streams.remove(stream)

    def for_turn(self, name: str, preferred: WorkerStream | None) -> WorkerStream | None:
        """Return who takes a turn of this workflow now: the preferred worker, else the least busy one."""
        if preferred is not None and preferred.open and preferred.takes_workflow(name):
            return preferred
        able = [stream for stream in self.streams if stream.takes_workflow(name)]
        return min(able, key=lambda stream: stream.turns, default=None)

    def for_activity(self, name: str, ref: TaskRef) -> WorkerStream | None:
        """Return who takes this task now: the least busy worker that may know it."""
        able = [stream for stream in self.streams if stream.takes_activity(name, ref)]
        return min(able, key=lambda stream: stream.activities, default=None)

    def have_room_for_turns(self) -> bool:
        """Tell whether any worker can take a turn now, of whatever workflow."""
        return any(stream.turns < stream.offers.turns_max for stream in self.streams)

    def have_room(self) -> bool:
        """Tell whether any worker can take one more task."""
        return any(stream.activities < stream.offers.activities_max for stream in self.streams)

    def know_workflow(self, name: str) -> bool:
        """Tell whether any connected worker may know the workflow, busy or not."""
        return any(stream.runs_workflow(name) for stream in self.streams)

    @property
    def declares(self) -> bool:
        """Tell whether every connected worker declares its names."""
        return all(stream.offers.declares for stream in self.streams)

    @property
    def workflows(self) -> frozenset[str]:
        """Return the workflow names declared by any worker."""
        return frozenset(name for stream in self.streams for name in stream.offers.workflows)

    @property
    def activities(self) -> frozenset[str]:
        """Return the activity names declared by any worker."""
        return frozenset(name for stream in self.streams for name in stream.offers.activities)
