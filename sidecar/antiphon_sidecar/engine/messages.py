"""What is in flight to an instance, and what an instance sends.

A message takes effect only in the commit that deletes its row; `row` says which kind of row that is. A client
call that the owner took directly has no row: it becomes durable in the commit that applies it, and its ID is
remembered so that a repeat has no effect.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum

from antiphon_sidecar.engine.events import Event, RerunFrom


class Kind(IntEnum):
    """What a message is; the numbers below TIMER are those of the store's inbox kinds."""

    START = 0
    EVENT = 1
    TASK_RESULT = 2
    CHILD_RESULT = 3
    CONTROL = 4
    TIMER = 5


class Row(Enum):
    """The row whose deletion lets the message take effect."""

    NONE = "none"
    INBOX = "inbox"
    TASK = "task"
    TIMER = "timer"


@dataclass(frozen=True, slots=True)
class Message:
    """One message to an instance.

    `incarnation` names the run it is meant for (for START: the run that it begins; empty: whichever runs),
    `execution_id` the generation (empty: any). `ref_id` is the action that a result or timer answers.
    `events`: one event; for a START of a next generation the start followed by what is carried over, for that of a
    rerun by RerunFrom and the history that is kept.
    """

    kind: Kind
    row: Row
    events: tuple[Event, ...]
    message_id: bytes = b""
    incarnation: bytes = b""
    execution_id: str = ""
    ref_id: int = -1

    @property
    def key(self) -> tuple[Kind, str, int]:
        """Return what a result or timer answers; equal for two messages of which only one can have an effect."""
        return self.kind, self.execution_id, self.ref_id

    @property
    def kept_history(self) -> tuple[Event, ...]:
        """Return the history that the START of a rerun carries; nothing for other messages."""
        carries = len(self.events) > 1 and isinstance(self.events[1], RerunFrom)
        return self.events[2:] if carries else ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that a commit sends to an instance of any app of the same store."""

    app: str
    instance_id: str
    kind: Kind
    message_id: bytes
    incarnation: bytes
    events: tuple[Event, ...]
    execution_id: str = ""
    ref_id: int = -1
