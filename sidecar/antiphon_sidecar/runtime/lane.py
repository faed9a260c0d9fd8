"""A lane: one hot instance at its owner. Data only; `instances` moves it along."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from antiphon_sidecar.engine.actions import Response
from antiphon_sidecar.engine.messages import Kind, Message, Row
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.engine.turn import Turn
from antiphon_sidecar.runtime.workers import SEEN_MAX, TurnItem, WorkerStream


class Phase(Enum):
    """What a lane is doing; only IDLE lanes begin turns."""

    LOADING = "loading"
    IDLE = "idle"
    WORKING = "working"
    COMMITTING = "committing"


@dataclass(slots=True, eq=False)
class Lane:
    """An instance in memory.

    `history`: the sealed events of the current generation. `queue`: messages that are neither applied nor on
    their way into a commit. `known_rows`: IDs of inbox rows that were read, or made, and are not yet consumed.
    `keys`: those of the messages in the queue and in the turn. `replacing`: task ids whose rows are being turned
    into inbox rows right now; `replaced`: those of the turn in flight for which that has happened. `posting`:
    client messages that are being written to the inbox right now; `posted`: those of the turn in flight for which
    that has happened.
    """

    instance_id: str
    slot: int
    partition: int
    state: State | None = None
    history: list[bytes] = field(default_factory=list)
    history_bytes: int = 0
    phase: Phase = Phase.LOADING
    queue: list[Message] = field(default_factory=list)
    known_rows: dict[bytes, None] = field(default_factory=dict)
    keys: set[tuple[Kind, str, int]] = field(default_factory=set)
    turn: Turn | None = None
    sealed_turn: list[bytes] = field(default_factory=list)
    token: str = ""
    stream: WorkerStream | None = None
    since: float = 0.0
    answer: Response | None = None
    replacing: set[int] = field(default_factory=set)
    replaced: set[int] = field(default_factory=set)
    posting: set[bytes] = field(default_factory=set)
    posted: set[bytes] = field(default_factory=set)
    stalled: str = ""
    gone: bool = False

    def messages(self) -> Iterator[Message]:
        """Return what waits: first what the turn in flight carries, then the queue."""
        if self.turn is not None:
            yield from self.turn.consumed
        yield from self.queue

    def take(self, turn: Turn) -> None:
        """Move the messages of a turn out of the queue."""
        taken = {id(m) for part in (turn.consumed, turn.discarded, turn.rejected) for m in part}
        self.queue = [m for m in self.queue if id(m) not in taken]
        self.turn = turn

    def give_back(self) -> None:
        """Put the messages of the turn in flight back in front of the queue; the turn never was."""
        if self.turn is not None:
            turn = (*self.turn.consumed, *self.turn.discarded, *self.turn.rejected)
            # What was posted meanwhile comes back with its row.
            self.queue[:0] = [m for m in turn if m.row is not Row.NONE or m.message_id not in self.posted]
        self.posted.clear()
        self.turn = None
        self.sealed_turn = []
        self.token = ""
        self.answer = None


def turn_item(lane: Lane, turn: Turn, stream: WorkerStream) -> TurnItem:
    """Build a turn's work item: for a worker that keeps histories, only what it has not seen as past (wire.md 3.7)."""
    execution_id = turn.base.execution_id
    past = [] if turn.fresh else lane.history
    cached: int | None = None
    if stream.offers.stateful_history:
        seen = stream.seen.get(lane.instance_id)
        if seen is not None and seen[0] == execution_id and 0 < seen[1] <= len(past):
            cached = seen[1]
        stream.seen[lane.instance_id] = (execution_id, len(past))
        stream.seen.move_to_end(lane.instance_id)
        if len(stream.seen) > SEEN_MAX:
            stream.seen.popitem(last=False)
    return TurnItem(
        token=lane.token,
        instance_id=lane.instance_id,
        execution_id=execution_id,
        past=past[cached:],
        new=lane.sealed_turn,
        cached=cached,
    )


def read_in_time(lane: Lane, turn: Turn) -> Iterable[bytes]:
    """Return the inbox rows that the turn does not overtake (protocol.md 12).

    An event's row that was read while the turn was under way is older than an event that came the fast way into it:
    to the store it counts as unread, so that both are applied in their order.
    """
    if not any(m.row is Row.NONE and m.kind is Kind.EVENT for m in turn.consumed):
        return lane.known_rows
    late = {m.message_id for m in lane.queue if m.row is Row.INBOX and m.kind is Kind.EVENT}
    return [row_id for row_id in lane.known_rows if row_id not in late]
