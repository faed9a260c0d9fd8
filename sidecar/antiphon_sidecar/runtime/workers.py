"""The workers of one replica: their streams, what they offer, and who gets the next item.

A stream is the runtime's end of a GetWorkItems call; the server that holds the call passes a `send` that only
queues. Nothing here awaits.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from antiphon_sidecar.coordination.base import Contract
from antiphon_sidecar.stores.base import TaskRef


@dataclass(frozen=True, slots=True)
class TurnItem:
    """A turn for a worker; with `cached` the worker already has that many of the generation's first events.

    `propagated`: the history that the parent handed on, empty for none.
    """

    token: str
    instance_id: str
    execution_id: str
    past: Sequence[bytes]
    new: Sequence[bytes]
    cached: int | None
    propagated: bytes = b""

    def bytes_over(self, limit: int) -> int:
        """Return the size of the item's events when it is above the limit, else 0."""
        size = sum(map(len, self.past)) + sum(map(len, self.new))
        return size if size > limit else 0


@dataclass(frozen=True, slots=True)
class ActivityItem:
    """A task for a worker; `request` as stored, `attempt` and what an earlier attempt left go beside it."""

    token: str
    ref: TaskRef
    request: bytes
    attempt: int
    details: bytes | None = None


@dataclass(frozen=True, slots=True)
class CancelItem:
    """Nobody waits any more for the delivery that `token` names."""

    token: str
    ref: TaskRef


Item = TurnItem | ActivityItem | CancelItem


@dataclass(frozen=True, slots=True)
class Offers:
    """What a worker says about itself when it connects; without `declares` it may offer anything.

    `versions`: those of each workflow that has any; "" stands for one without a name. `agent`: its user agent.
    """

    declares: bool = False
    workflows: frozenset[str] = frozenset()
    versions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    agent: str = ""
    activities: frozenset[str] = frozenset()
    contracts: frozenset[Contract] = frozenset()
    stateful_history: bool = False
    cancels: bool = False
    turns_max: int = 100
    activities_max: int = 100


#: What a worker has of a workflow of which it declares no version.
_NO_VERSIONS = frozenset({""})
#: A size that no message has.
UNLIMITED = 1 << 62
#: What gRPC receives unless it is told otherwise.
GRPC_DEFAULT_BYTES = 4 * 1024 * 1024
_JAVASCRIPT_BYTES = 128 * 1024 * 1024


@dataclass(slots=True, eq=False)
class WorkerStream:
    """A connected worker.

    `seen`: (execution ID, events sent as past) per instance, for deltas; `echoes_tokens` is learned from its
    answers: until then no two items with the same (instance ID, task id) are out at once. `number` is never given
    twice. `suspect`: the instance in hand of which others have died, empty when there is none. `large`: the size of
    the large item that was sent last, 0 once it was answered.
    """

    offers: Offers
    send: Callable[[Item], None]
    seen: OrderedDict[str, tuple[str, int]] = field(default_factory=OrderedDict)
    turns: int = 0
    activities: int = 0
    echoes_tokens: bool = False
    out: dict[tuple[str, int], TaskRef] = field(default_factory=dict)
    open: bool = True
    number: int = 0
    item_bytes_max: int = UNLIMITED
    suspect: str = ""
    large: int = 0

    def takes_workflow(self, name: str) -> bool:
        """Tell whether a turn of this workflow may be sent now."""
        return self.turns < self.offers.turns_max and self.runs_workflow(name)

    def runs_version(self, name: str, version: str | None, *, pinned: bool) -> bool:
        """Tell whether the worker may have this version of a workflow; "": code without one, None: any will do.

        Without `pinned` it is only wished for, and code without versions does not mind.
        """
        if version is None or not self.offers.declares:
            return True
        offered = self.offers.versions.get(name, _NO_VERSIONS)
        return version in offered or (not pinned and offered == _NO_VERSIONS)

    def runs_workflow(self, name: str) -> bool:
        """Tell whether the worker may know the workflow."""
        return not self.offers.declares or name in self.offers.workflows

    def runs_activity(self, name: str) -> bool:
        """Tell whether the worker may know the activity."""
        return not self.offers.declares or name in self.offers.activities

    def takes_activity(self, name: str, ref: TaskRef, size: int) -> bool:
        """Tell whether this task may be sent now."""
        if self.activities >= self.offers.activities_max or not self.runs_activity(name):
            return False
        if size > self.item_bytes_max:
            return False
        return self.echoes_tokens or (ref.instance_id, ref.task_id) not in self.out


#: Instances whose position a stream remembers; beyond that the full history is sent again.
SEEN_MAX = 10_000


def receives_bytes(offers: Offers) -> int:
    """Return how large a message a worker receives, as far as its kind tells: the wire does not say (design.md 4)."""
    if "grpc-python" in offers.agent and offers.stateful_history:
        return UNLIMITED
    if _is_javascript(offers.agent):
        return _JAVASCRIPT_BYTES
    return GRPC_DEFAULT_BYTES


def items_at_once(agent: str, most: int) -> tuple[int, int]:
    """Return how many turns and how many activities a worker takes at once that does not say so itself.

    Dapr's SDK for JavaScript runs 10 items and queues 100, of both kinds, and drops without a word what is beyond;
    up to 10 of these may have been answered here while the worker still counts them.
    """
    if not _is_javascript(agent):
        return most, most
    turns = max(1, most // 5)
    return turns, max(1, most - turns)


def _is_javascript(agent: str) -> bool:
    return "dapr-js-sdk" in agent or "grpc-node-js" in agent


class Workers:
    """The connected workers of one replica.

    `item_bytes_max`: what any of them receives, when it is set; `message_bytes_max`: what this side sends at most.
    """

    def __init__(self, *, item_bytes_max: int | None = None, message_bytes_max: int = UNLIMITED) -> None:
        self.streams: list[WorkerStream] = []
        self._item_bytes_max = item_bytes_max
        self._message_bytes_max = message_bytes_max
        self._connected = 0
        #: By user agent: the size of an item after which a stream ended; and from what size on that happens always.
        self._suspected: dict[str, int] = {}
        self._learned: dict[str, int] = {}

    def add(self, stream: WorkerStream) -> None:
        """Connect a worker."""
        self._connected += 1
        stream.number = self._connected
        stream.item_bytes_max = self._receives(stream.offers)
        self.streams.append(stream)

    def _receives(self, offers: Offers) -> int:
        most = self._item_bytes_max
        if most is None:
            most = min(receives_bytes(offers), self._learned.get(offers.agent, UNLIMITED))
        return min(most, self._message_bytes_max)

    def remove(self, stream: WorkerStream) -> None:
        """Disconnect a worker; one whose stream ends twice right after a large item cannot receive that much."""
        stream.open = False
        if stream not in self.streams:
            return
        self.streams.remove(stream)
        if not stream.large:
            return
        agent = stream.offers.agent
        before = self._suspected.pop(agent, None)
        if before is None:
            self._suspected[agent] = stream.large
        else:
            self._learned[agent] = min(before, stream.large, self._learned.get(agent, UNLIMITED)) - 1
            for other in self.streams:
                other.item_bytes_max = self._receives(other.offers)

    def for_turn(self, name: str, preferred: WorkerStream | None) -> WorkerStream | None:
        """Return who may take a turn of this workflow now: the preferred worker, else the least busy one."""
        if preferred is not None and preferred.open and preferred.takes_workflow(name):
            return preferred
        able = [stream for stream in self.streams if stream.takes_workflow(name)]
        return min(able, key=lambda stream: stream.turns, default=None)

    def for_activity(self, name: str, ref: TaskRef, *, size: int = 0) -> WorkerStream | None:
        """Return who takes this task now: the least busy worker that may know it; `size`: its item's, in bytes."""
        best: WorkerStream | None = None
        for stream in self.streams:
            if (best is None or stream.activities < best.activities) and stream.takes_activity(name, ref, size):
                best = stream
        return best

    def most_bytes(self, name: str) -> int | None:
        """Return how large a task's item may be that any worker receives; None: no worker may know the activity."""
        return max((stream.item_bytes_max for stream in self.streams if stream.runs_activity(name)), default=None)

    def have_room_for_turns(self) -> bool:
        """Tell whether any worker can take a turn now, of whatever workflow."""
        return any(stream.turns < stream.offers.turns_max for stream in self.streams)

    def have_room_for_suspects(self) -> bool:
        """Tell whether any worker can take a turn of which workers may die."""
        return any(stream.turns < stream.offers.turns_max and not stream.suspect for stream in self.streams)

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

    @property
    def contracts(self) -> frozenset[Contract]:
        """Return what workers declare of their names; during a rollout a name may have several."""
        return frozenset(contract for stream in self.streams for contract in stream.offers.contracts)
