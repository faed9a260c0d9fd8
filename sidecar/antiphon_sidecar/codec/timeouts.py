"""The timeouts of an activity, in actions and in events."""

from antiphon_proto.v1 import history_pb2 as pb
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.engine.events import NO_TIMEOUTS, Timeouts

_NS_PER_MS = 1_000_000
#: Added to any time of this century, it is still a number that stores can keep.
_CENTURY_NS = 100 * 366 * 86_400 * 1_000_000_000


def read(message: wk.ScheduleTaskAction | pb.TaskScheduled) -> Timeouts:
    """Return the timeouts of a call."""
    if not message.HasField("timeouts"):
        return NO_TIMEOUTS
    timeouts = message.timeouts
    return Timeouts(
        schedule_to_start_ns=_span(timeouts.schedule_to_start_ms),
        start_to_close_ns=_span(timeouts.start_to_close_ms),
        schedule_to_close_ns=_span(timeouts.schedule_to_close_ms),
        heartbeat_ns=_span(timeouts.heartbeat_ms),
    )


def write(event: pb.TaskScheduled, timeouts: Timeouts) -> None:
    """Fill timeouts in, if there are any; what is not a whole millisecond is rounded up."""
    if timeouts == NO_TIMEOUTS:
        return
    event.timeouts.schedule_to_start_ms = _milliseconds(timeouts.schedule_to_start_ns)
    event.timeouts.start_to_close_ms = _milliseconds(timeouts.start_to_close_ns)
    event.timeouts.schedule_to_close_ms = _milliseconds(timeouts.schedule_to_close_ns)
    event.timeouts.heartbeat_ms = _milliseconds(timeouts.heartbeat_ns)


def _span(milliseconds: int) -> int | None:
    """Return a time span in nanoseconds, None for none: less than nothing is over at once, a century is for ever."""
    if milliseconds == 0:
        return None
    return min(max(milliseconds, 1) * _NS_PER_MS, _CENTURY_NS)


def _milliseconds(span_ns: int | None) -> int:
    return 0 if span_ns is None else -(-min(span_ns, _CENTURY_NS) // _NS_PER_MS)
