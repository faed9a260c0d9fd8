"""What `result` hands back: the outcome of a turn as data, and what an answer is judged against.

`scheduling` and `endings` fill a `Result` in; the runtime turns it into one commit.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from antiphon_sidecar.engine.events import Event, Failure, TaskScheduled, TimerCreated
from antiphon_sidecar.engine.messages import Outgoing
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.engine.turn import Turn


@dataclass(frozen=True, slots=True)
class Call:
    """A call that an instance asks for; `kind` is "activity" or "workflow"."""

    kind: str
    name: str
    target: str
    instance_id: str


def _allows(call: Call) -> None:
    """Allow every call."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an answer is judged against: the namespace, the largest value and a source of execution IDs.

    `refuse`: why a call may not be made, None when it may.
    """

    namespace: str
    payload_bytes_max: int
    new_execution_id: Callable[[], str]
    refuse: Callable[[Call], Failure | None] = _allows


@dataclass(frozen=True, slots=True)
class NewTask:
    """A scheduled activity that gets a row; `details`: what a failed attempt before it said of its progress."""

    event: TaskScheduled
    details: bytes | None = None


@dataclass(slots=True)
class Result:
    """What a turn leads to, for one commit; `state` is the instance after it.

    `tasks` are the scheduled activities that get a row; `timers` those to arm.
    `ended_execution` names the generation whose remaining task and timer rows go. `continues` is set when a next
    generation begins: its START is among `outgoing` and `state` is already the new generation's.
    """

    state: State
    turn: Turn
    events: list[Event]
    generation: int
    turn_number: int
    tasks: list[NewTask] = field(default_factory=list)
    timers: list[TimerCreated] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)
    ended_execution: str | None = None
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Stalled:
    """The turn could not be done: `reason` is the name of a code, `description` says what is missing."""

    reason: str
    description: str
