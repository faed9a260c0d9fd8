"""When schedules are due: cron expressions and time zones, as a library and the IANA database know them."""

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

from cronsim import CronSim, CronSimError

from antiphon_names import errors as codes
from antiphon_operator.validation.problems import Problem

_FIELDS = 5
_FORM = "Write five fields: minute, hour, day of month, month, day of week."
_SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
#: From where a schedule is tried: whether it is ever due does not depend on today.
_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


class ScheduleInvalid(ValueError):
    """A text is no schedule; the message says why, and ends in a full stop."""


def fields(schedule: str) -> str:
    """Return a schedule as five fields; shorthands such as @daily are spelled out.

    Raises:
        ScheduleInvalid: it is none, or never due.
    """
    text = _SHORTHANDS.get(schedule.strip(), schedule.strip())
    if "TZ=" in text:
        raise ScheduleInvalid("a time zone stands in it. Write that into spec.timeZone.")
    if len(text.split()) != _FIELDS:
        raise ScheduleInvalid(f"it has {len(text.split())} fields. {_FORM}")
    try:
        next(CronSim(text, _EPOCH))
    except CronSimError as error:
        raise ScheduleInvalid(f"{error}. {_FORM}") from error
    except StopIteration:
        raise ScheduleInvalid("no day ever fulfils it. Correct day and month.") from None
    return text


def bad_schedule(schedule: str) -> Iterator[Problem]:
    """Yield why a text is no schedule."""
    try:
        fields(schedule)
    except ScheduleInvalid as error:
        yield Problem(codes.SCHEDULE_INVALID, f'spec.schedule "{schedule}" is no schedule: {error}')


def bad_zone(name: str) -> Iterator[Problem]:
    """Yield why a text is no time zone."""
    if name not in _zones():
        yield Problem(
            codes.TIME_ZONE_UNKNOWN,
            f'spec.timeZone "{name}" is no time zone.{codes.nearest(name, _zones())} Write a name of the IANA '
            "database.",
        )


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
