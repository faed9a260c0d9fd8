"""A lane: one hot instance at its owner. Data only; `instances` moves it along."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

from antiphon_names.errors import INSTANCE_ID_IN_USE
from antiphon_sidecar.engine.actions import Response
from antiphon_sidecar.engine.events import ExecutionStarted, PurgeRequested, Status
from antiphon_sidecar.engine.messages import Kind, Message, Row
from antiphon_sidecar.engine.outcome import Stalled
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.engine.turn import Turn
from antiphon_sidecar.runtime.workers import SEEN_MAX, TurnItem, WorkerStream
from antiphon_sidecar.stores.base import Loaded

logger = logging.getLogger(__name__)

#: From so many lost workers in a row on, workers may die of a lane's turn.
SUSPECT_FROM = 2


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
    that has happened. `purge`: the request to purge the run once it has ended; its row waits in the inbox.

    `refused`: numbers of the workers that said they cannot do the turn, `refusal` what the last of them said.
    `deaths`: workers lost in a row with the turn in hand; `charged`: the try under way is counted in it already, and
    that is durable; `recovered`: the instance was read just after its partition was taken, so that its last owner
    may have died with the worker; `not_before`: when it may go to a worker again, in monotonic seconds.

    `granted`: the run has what a limit on its workflow's name asks for.
    """

    instance_id: str
    slot: int
    partition: int
    state: State | None = None
    #: As durable as far as is known; None while that is not known. A turn's commit changes `state` before it lands.
    status: Status | None = None
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
    refused: set[int] = field(default_factory=set)
    refusal: Stalled | None = None
    deaths: int = 0
    charged: bool = False
    recovered: bool = False
    not_before: float = 0.0
    #: Names of events that the workflow waited for after its last turn here, as far as its SDK says so.
    awaited: tuple[str, ...] = ()
    granted: bool = False
    purge: Message | None = None
    gone: bool = False

    def keeps_purge(self, message: Message) -> bool:
        """Keep a request to purge the run for its end; tell whether the message is one."""
        if isinstance(message.events[0], PurgeRequested):
            self.purge = message
            return True
        return False

    @property
    def lost_workers(self) -> int:
        """Return how many workers were lost in a row with the turn; a try under way is not lost yet."""
        return self.deaths - self.charged

    @property
    def suspect(self) -> bool:
        """Tell whether workers may die of this lane's turn."""
        return self.lost_workers >= SUSPECT_FROM

    @property
    def turn_bytes(self) -> int:
        """Return the size of the sealed events of the turn."""
        return sum(map(len, self.sealed_turn))

    def cached_by(self, stream: WorkerStream) -> int:
        """Return how many of the history's first events the worker has; 0 when it does not keep histories."""
        if not stream.offers.stateful_history or self.state is None:
            return 0
        execution_id, count = stream.seen.get(self.instance_id, ("", 0))
        return count if execution_id == self.state.execution_id and count <= len(self.history) else 0

    def trust(self) -> None:
        """Forget what spoke against the lane: its turn was done, or somebody wants it tried again."""
        self.refused.clear()
        self.refusal = None
        self.deaths, self.charged, self.recovered, self.not_before = 0, False, False, 0.0

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
            self.queue[:0] = [found for m in turn if (found := self._given_back(m)) is not None]
        self.posted.clear()
        self.turn = None
        self.sealed_turn = []
        self.token = ""
        self.answer = None

    def _given_back(self, message: Message) -> Message | None:
        """Return what is left in memory of a message; what was posted meanwhile comes back with its row."""
        if message.row is not Row.NONE or message.message_id not in self.posted:
            return message
        return replace(message, row=Row.INBOX) if message.kind is Kind.START else None


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What was written while a turn was under way.

    `replaced`: task ids whose row became an inbox row: that one is consumed. `written`: IDs of client messages that
    came without rows and have them now.
    """

    replaced: frozenset[int] = frozenset()
    written: frozenset[bytes] = frozenset()


def turn_item(lane: Lane, turn: Turn, stream: WorkerStream) -> TurnItem:
    """Build a turn's work item: for a worker that keeps histories, only what it has not seen as past (wire.md 3.7).

    SDKs that keep histories know what a stall is; of the others some fail on an event that they do not know, and
    stalls mean nothing to workflow code (wire.md, checklist 21).
    """
    execution_id = turn.base.execution_id
    past = [] if turn.fresh else lane.history
    cached: int | None = None
    if turn.base.stalls and not stream.offers.stateful_history:
        past = [raw for place, raw in enumerate(past) if place not in turn.base.stalls]
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
        propagated=turn.base.propagated or _propagated(turn),
    )


def _propagated(turn: Turn) -> bytes:
    """Return what the start that this turn applies brings along."""
    return next((event.propagated for event in turn.events[:2] if isinstance(event, ExecutionStarted)), b"")


def read_in_time(lane: Lane, turn: Turn) -> Iterable[bytes]:
    """Return the inbox rows that the turn does not overtake (protocol.md 12).

    An event's row that was read while the turn was under way is older than an event that came the fast way into it:
    to the store it counts as unread, so that both are applied in their order.
    """
    if not any(m.row is Row.NONE and m.kind is Kind.EVENT for m in turn.consumed):
        return lane.known_rows
    late = {m.message_id for m in lane.queue if m.row is Row.INBOX and m.kind is Kind.EVENT}
    return [row_id for row_id in lane.known_rows if row_id not in late]


def log_dropped(instance_id: str, starts: Iterable[Message]) -> None:
    """Say which starts of detached workflows had no effect: nobody else is told."""
    for start in starts:
        started = start.events[0]
        if isinstance(started, ExecutionStarted) and started.parent is None and started.route is not None:
            logger.warning(
                "a detached start was dropped, an active instance has its ID",
                extra={"code": str(INSTANCE_ID_IN_USE), "instance": instance_id, "from_app": started.route.source},
            )


def split_kept(kept: Iterable[Message], loaded: Loaded | None) -> tuple[list[Message], list[Message]]:
    """Return what a lane kept over a read, and the task results among it whose row was not there."""
    open_rows = {(task.execution_id, task.task_id) for task in loaded.tasks} if loaded else set()
    still: list[Message] = []
    gone: list[Message] = []
    for message in kept:
        lost = message.row is Row.TASK and (message.execution_id, message.ref_id) not in open_rows
        (gone if lost else still).append(message)
    return still, gone


def due_purge(lane: Lane, purge: Callable[[str, PurgeRequested], None]) -> None:
    """Have a run purged that has ended, if its inbox asks for it; a request that meant another run is to be dropped."""
    message, state = lane.purge, lane.state
    if message is None or state is None or not state.ended:
        return
    request = message.events[0]
    assert isinstance(request, PurgeRequested)
    lane.purge = None
    if request.incarnation == state.incarnation:
        purge(lane.instance_id, request)
    else:
        lane.queue.append(message)
