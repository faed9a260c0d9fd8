"""What became of a commit or of a start: part of the contract in `base`."""

from enum import Enum


class Outcome(Enum):
    """What became of one commit of a group; a refused one has changed nothing."""

    COMMITTED = "committed"
    FENCED = "fenced"
    CONFLICT = "conflict"
    ROWS = "rows"
    UNREAD = "unread"


class StartOutcome(Enum):
    """What became of a client's start."""

    CREATED = "created"
    #: The same start message was applied before, even if its run is gone again; nothing changed.
    REPEATED = "repeated"
    ACTIVE = "active"
    FINISHED = "finished"
    #: It came too late to be taken; nothing changed.
    LATE = "late"
