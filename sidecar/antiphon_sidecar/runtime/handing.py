"""Who gets a lane's turn: a worker that can do it, nobody for now, or nobody that is connected.

Decides only; `instances` acts. A turn goes to a worker that runs the workflow, in the version that the history
names, that has not said it cannot do this turn, and that can receive it in one message.

A worker that is lost with turns in hand may have died of one of them. Each is begun again at once; from the second
loss in a row on it is a suspect: it waits longer each time, a worker has one suspect at most, and a loss is then put
down to the suspect alone. So what was only beside it is soon told apart, and the others go on.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from enum import Enum

from antiphon_names import errors as codes
from antiphon_sidecar.engine.events import ExecutionStarted
from antiphon_sidecar.engine.outcome import Stalled
from antiphon_sidecar.engine.turn import Turn
from antiphon_sidecar.runtime.lane import SUSPECT_FROM, Lane
from antiphon_sidecar.runtime.workers import Workers, WorkerStream

#: Lost workers in a row after which an instance is set aside.
DEATHS_MAX = 10
_PAUSE_S = 0.25
_PAUSE_MAX_S = 10.0


class Wait(Enum):
    """What a turn waits for that no worker gets now."""

    #: A worker that runs it: all are busy.
    WORKER = "worker"
    #: A worker that runs it: none is connected.
    ABSENT = "absent"
    #: A worker that has no other suspect in hand.
    SUSPECT = "suspect"
    #: The end of the lane's own pause.
    PAUSE = "pause"
    #: Another worker than those that are connected, or somebody who resumes it.
    CHANGE = "change"


class Line:
    """The lanes whose turns no worker gets now, by what they wait for, in the order in which they began to.

    Those for which only another worker can do anything are not looked at each time that one becomes free.
    """

    def __init__(self) -> None:
        self.waiting: OrderedDict[str, Lane] = OrderedDict()
        self.suspects: OrderedDict[str, Lane] = OrderedDict()
        self.absent: OrderedDict[str, Lane] = OrderedDict()
        self.stuck: OrderedDict[str, Lane] = OrderedDict()

    def put(self, lane: Lane, wait: Wait) -> None:
        """Let a lane wait; one that pauses stands in no line."""
        match wait:
            case Wait.WORKER:
                self.waiting[lane.instance_id] = lane
            case Wait.ABSENT:
                self.absent[lane.instance_id] = lane
            case Wait.SUSPECT:
                self.suspects[lane.instance_id] = lane
            case Wait.CHANGE:
                self.stuck[lane.instance_id] = lane
            case Wait.PAUSE:
                pass

    def leave(self, lane: Lane) -> None:
        """Let a lane wait no longer."""
        for line in (self.waiting, self.suspects, self.absent, self.stuck):
            line.pop(lane.instance_id, None)

    def for_another(self) -> list[Lane]:
        """Return the lanes that wait for another worker than those that are connected."""
        return [*self.absent.values(), *self.stuck.values()]


def choose(workers: Workers, lane: Lane, turn: Turn, *, now: float) -> WorkerStream | Wait | Stalled:
    """Return who gets the turn; `now` in monotonic seconds."""
    base = turn.base
    if base.stall is not None and base.stall.reason == codes.INSTANCE_POISONED.name:
        return Wait.CHANGE
    if lane.lost_workers >= DEATHS_MAX:
        return _poisoned(lane, base.name)
    if now < lane.not_before:
        return Wait.PAUSE
    running = [stream for stream in workers.streams if stream.runs_workflow(base.name)]
    if not running:
        return Wait.ABSENT
    # What began without a version goes on with code without one.
    version = base.pinned_version or ("" if base.started else _asked_for(turn))
    able = [stream for stream in running if stream.runs_version(base.name, version, pinned=base.started)]
    if not able:
        return _no_version(base.name, version or "", running)
    willing = [stream for stream in able if stream.number not in lane.refused]
    if not willing:
        return lane.refusal or Wait.CHANGE
    fitting = [stream for stream in willing if _fits(lane, turn, stream)]
    if not fitting:
        return _too_large(lane, base.name, willing)
    return _free(fitting, lane)


def _asked_for(turn: Turn) -> str | None:
    """Return the version that the start of an instance names, if any."""
    return next((event.version or None for event in turn.events if isinstance(event, ExecutionStarted)), None)


def _free(fitting: Sequence[WorkerStream], lane: Lane) -> WorkerStream | Wait:
    """Return the worker that had the lane's last turn if it is free, else the least busy one."""
    free = [stream for stream in fitting if stream.turns < stream.offers.turns_max]
    if lane.suspect:
        free = [stream for stream in free if not stream.suspect]
    if lane.stream in free:
        return lane.stream
    if not free:
        return Wait.SUSPECT if lane.suspect else Wait.WORKER
    return min(free, key=lambda stream: stream.turns)


def _fits(lane: Lane, turn: Turn, stream: WorkerStream) -> bool:
    """Tell whether the worker can receive the turn; only what is long is looked at closely."""
    past = 0 if turn.fresh else lane.history_bytes
    room = stream.item_bytes_max - past - lane.turn_bytes - _ITEM_BYTES
    # A few bytes go before each event.
    if room >= _EVENT_BYTES * (len(lane.history) + len(turn.events)):
        return True
    cached = lane.cached_by(stream)
    rest = [] if turn.fresh else lane.history[cached:]
    size = sum(map(len, rest)) + lane.turn_bytes + _EVENT_BYTES * (len(rest) + len(turn.events))
    return size + _ITEM_BYTES <= stream.item_bytes_max


_EVENT_BYTES = 6
_ITEM_BYTES = 2_000


def lost(lanes: Iterable[Lane], stream: WorkerStream, *, now: float) -> None:
    """Note that a worker is gone which had these lanes' turns."""
    held = list(lanes)
    suspects = [lane for lane in held if stream.suspect == lane.instance_id]
    for lane in suspects or held:
        if lane.charged:
            lane.charged = False
        else:
            lane.deaths += 1
        if lane.suspect:
            lane.not_before = now + min(_PAUSE_S * 2 ** (lane.deaths - SUSPECT_FROM), _PAUSE_MAX_S)


def _poisoned(lane: Lane, name: str) -> Stalled:
    return Stalled(
        codes.INSTANCE_POISONED.name,
        f"{codes.INSTANCE_POISONED}: {DEATHS_MAX} times in a row a worker was lost while it had this turn of workflow "
        f'"{name}"; the instance is set aside, the others go on. Find out in the worker\'s log why it dies, then run '
        f"`antiphon workflow resume {lane.instance_id}` for {DEATHS_MAX} more tries, or terminate the instance.",
    )


def _no_version(name: str, pinned: str, running: Sequence[WorkerStream]) -> Stalled:
    known = {version for stream in running for version in stream.offers.versions.get(name, ()) if version}
    wanted = f'version "{pinned}" of workflow "{name}"' if pinned else f'the code of workflow "{name}" without version'
    return Stalled(
        codes.VERSION_NOT_AVAILABLE.name,
        f"{codes.VERSION_NOT_AVAILABLE}: the instance runs {wanted}; the connected workers have: "
        f"{codes.listing(known)}.{codes.nearest(pinned, known)} It waits for a worker that has it. Deploy one, or "
        "terminate the instance.",
    )


def _too_large(lane: Lane, name: str, willing: Sequence[WorkerStream]) -> Stalled:
    most = max(stream.item_bytes_max for stream in willing)
    return Stalled(
        codes.HISTORY_TOO_LARGE_FOR_WORKER.name,
        f'{codes.HISTORY_TOO_LARGE_FOR_WORKER}: the history of this instance of workflow "{name}" has '
        f"{lane.history_bytes + lane.turn_bytes} bytes and its workers receive at most {most} in one message. It waits "
        "for a worker that receives more. Let the worker's SDK receive more and say so in the sidecar's setting "
        "limits.worker_message_size_max, or terminate the instance; use continue-as-new to keep histories short.",
    )
