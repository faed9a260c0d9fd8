"""What replicas say to each other, and how it is sent. Nothing said here is ever the only copy of anything."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.engine.ids import TaskRef


class Verdict(Enum):
    """How an owner answers a result (protocol.md 16); RETURNED is a target's answer to a dispatch."""

    COMMITTED = "committed"
    REFUSED = "refused"
    GONE = "gone"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A task on its way to a target; `request` as stored.

    `dispatched_at`: the store time at which the sender was last certain to own the task's partition; from then on its
    dispatch grows old, however late it is sent.
    `watched`: the owner wants to hear when a worker begins it. `details`: what an earlier attempt last said of its
    progress. `lapses_ns`: how long an attempt whose replica is gone may still run, 0 when nothing limits it.
    """

    ref: TaskRef
    incarnation: bytes
    slot: int
    name: str
    request: bytes
    attempt: int
    dispatched_at: int
    watched: bool = False
    details: bytes | None = None
    lapses_ns: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a target is with a task: when a worker got it and last gave a sign of life, in store time.

    Said when a watched task begins, at heartbeats, and from time to time of all that runs, so that an owner that did
    not hear it, or is new, hears it then. `details`: None when nothing was said. `waits_for`: the name of the code
    that says why it has not begun, empty when it only waits for a worker.
    """

    ref: TaskRef
    attempt: int
    started_at: int
    beat_at: int
    details: bytes | None = None
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody waits for this task any more."""

    ref: TaskRef


@dataclass(frozen=True, slots=True)
class Freed:
    """A grant of this name was taken back: a replica of the app that waits for one may try again."""

    app: str
    kind: int
    name: str


@dataclass(frozen=True, slots=True)
class Result:
    """A task's outcome on its way to the caller's owner; `event` is the sealed TaskCompleted or TaskFailed."""

    ref: TaskRef
    incarnation: bytes
    event: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a result, or of a dispatch that was not taken."""

    ref: TaskRef
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Hint:
    """A row for an instance of the receiver's app was written; its deletion still decides (protocol.md 2).

    The fields are the row's; `kind` by its number. `created_at`: the row is a start, and its instance's row was written
    with it, at this time; 0 for all others.
    """

    app: str
    instance_id: str
    slot: int
    row_id: bytes
    kind: int
    incarnation: bytes
    payload: bytes
    execution_id: str
    ref_id: int
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class InHandAsked:
    """A new owner of these partitions of `app` asks what the receiver has in hand for them (protocol.md 19)."""

    app: str
    partitions: frozenset[int]


@dataclass(frozen=True, slots=True)
class InHand:
    """The tasks of `app` that the sender has in hand, in the partitions asked for."""

    app: str
    partitions: frozenset[int]
    refs: tuple[tuple[TaskRef, int], ...]


@dataclass(frozen=True, slots=True)
class Await:
    """The sender waits until the status of an instance, which the receiver owns, is none of these: it is told once.

    `over`: it waits no longer.
    """

    app: str
    instance_id: str
    leaves: frozenset[Status]
    over: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, as its instance's row says; `started`: the sealed start of its last generation."""

    incarnation: bytes
    execution_id: str
    generation: int
    version: int
    name: str
    created_at: int
    updated_at: int
    started_at: int | None
    completed_at: int | None
    scheduled_at: int | None
    parent_app: str | None
    parent_instance: str | None
    custom_status: bytes | None
    output: bytes | None
    failure: bytes | None
    tags: tuple[tuple[str, str], ...]
    started: bytes

    @property
    def size(self) -> int:
        """Return about how many bytes it takes."""
        return sum(len(part or b"") for part in (self.custom_status, self.output, self.failure, self.started))


@dataclass(frozen=True, slots=True)
class Notice:
    """What an owner tells one who waits: the committed status, or that it will; `look`: that the store knows.

    `end`: all of an end that was just committed, as far as it is small.
    """

    app: str
    instance_id: str
    status: Status | None = None
    look: bool = False
    end: Ended | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """Notices to the receiver may be lost: whoever waits there asks the sender again."""


Message = Dispatch | Progress | Cancel | Freed | Result | Answer | Hint | InHandAsked | InHand | Await | Notice | Missed


class Peers(Protocol):
    """One replica's way to the others."""

    def send(self, to: str, message: Message) -> None:
        """Queue a message for a replica; never blocks, never raises, may lose it."""

    def receive(self, handler: Callable[[str, Message], None]) -> None:
        """Set who gets what others send: called on the event loop with the sender's replica ID."""

    def relinked(self, handler: Callable[[str], None]) -> None:
        """Set who is told, on the event loop, that a replica is reached again to which messages may have been lost."""

    def close(self) -> None:
        """Stop sending and receiving."""
