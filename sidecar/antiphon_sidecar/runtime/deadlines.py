"""When a task is overdue, and the failure that then stands for its result. Pure; the dispatcher and the sweep ask.

`schedule_to_start` and `schedule_to_close` are times in the row. `start_to_close` and `heartbeat` count from when a
worker was given the attempt, which its target says: an attempt whose target is gone is dispatched again as the next
one, so no clock of an attempt outlives who runs it.
"""

from dataclasses import dataclass
from enum import Enum

from antiphon_names import errors as codes
from antiphon_sidecar.engine.events import Failure
from antiphon_sidecar.stores.base import TaskRow

_NS = 1_000_000_000


class Limit(Enum):
    """Which of a task's timeouts."""

    SCHEDULE_TO_START = "schedule-to-start"
    START_TO_CLOSE = "start-to-close"
    SCHEDULE_TO_CLOSE = "schedule-to-close"
    HEARTBEAT = "heartbeat"


_CODES = {
    Limit.SCHEDULE_TO_START: codes.TARGET_APP_UNAVAILABLE,
    Limit.START_TO_CLOSE: codes.ACTIVITY_START_TO_CLOSE_TIMED_OUT,
    Limit.SCHEDULE_TO_CLOSE: codes.ACTIVITY_SCHEDULE_TO_CLOSE_TIMED_OUT,
    Limit.HEARTBEAT: codes.ACTIVITY_HEARTBEAT_TIMED_OUT,
}


@dataclass(frozen=True, slots=True)
class Deadline:
    """A store time, and the timeout that is over then."""

    at: int
    limit: Limit


def nearest(row: TaskRow, *, started_at: int | None = None, beat_at: int | None = None) -> Deadline | None:
    """Return the first deadline of a task; `started_at`: when a worker got this attempt, as far as is known."""
    found = []
    if row.close_by is not None:
        found.append(Deadline(row.close_by, Limit.SCHEDULE_TO_CLOSE))
    if started_at is None:
        if row.start_by is not None:
            found.append(Deadline(row.start_by, Limit.SCHEDULE_TO_START))
    else:
        if row.start_to_close is not None:
            found.append(Deadline(started_at + row.start_to_close, Limit.START_TO_CLOSE))
        if row.heartbeat is not None:
            found.append(Deadline(max(started_at, beat_at or 0) + row.heartbeat, Limit.HEARTBEAT))
    return min(found, key=lambda deadline: deadline.at, default=None)


def failure(row: TaskRow, limit: Limit) -> Failure:
    """Return what the caller gets."""
    code = _CODES[limit]
    call = f'instance "{row.instance_id}" ({row.app}) calls activity "{row.name}" in app "{row.target_app}"'
    return Failure(error_type=code.name, message=f"{code}: {call}, {_what(row, limit)}", code=code.number)


def _what(row: TaskRow, limit: Limit) -> str:
    stopped = (
        "The activity is told to stop, and what it still returns has no effect. The call fails, and is tried again "
        "only by a retry policy."
    )
    match limit:
        case Limit.SCHEDULE_TO_START:
            return (
                "which had no worker free for it within its schedule-to-start timeout. "
                f"Start {row.target_app}, or allow more time."
            )
        case Limit.START_TO_CLOSE:
            return (
                f"and attempt {row.attempt} had no result within its start-to-close timeout of "
                f"{_seconds(row.start_to_close)}. {stopped} Allow more time, or find out what the activity waits for."
            )
        case Limit.SCHEDULE_TO_CLOSE:
            waited = None if row.close_by is None else row.close_by - row.created_at
            return (
                f"which had no result within its schedule-to-close timeout of {_seconds(waited)}. {stopped} Allow more "
                "time, or find out what it waited for."
            )
        case Limit.HEARTBEAT:
            return (
                f"and attempt {row.attempt} gave no sign of life within its heartbeat timeout of "
                f"{_seconds(row.heartbeat)}. {stopped} Call activity.heartbeat() more often, or allow more time."
            )


def _seconds(duration: int | None) -> str:
    return f"{(duration or 0) / _NS:g} s"
