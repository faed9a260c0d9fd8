"""When a schedule is due, in its time zone. Pure.

Ticks at a fixed time follow the wall clock, as Debian's cron has it: one in the hour that spring leaves out comes right
after it, and one in the hour that autumn repeats comes once. Ticks of which minute or hour begin with `*` go on evenly.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

#: How far back the last tick is looked for, nearest first: between two ticks of one schedule lie up to eight years.
_BACK = tuple(timedelta(days=days) for days in (1 / 24, 1, 8, 32, 400, 8 * 366 + 2))


@dataclass(frozen=True, slots=True)
class Ticks:
    """The ticks of five fields of cron in a time zone; every time is UTC."""

    fields: str
    zone: ZoneInfo

    def last(self, *, after: datetime, until: datetime) -> datetime | None:
        """Return the last tick behind `after`, up to and including `until`; None when there is none."""
        for back in _BACK:
            begin = max(after, until - back)
            found = None
            for tick in self._from(begin):
                if tick > until:
                    break
                found = tick
            if found is not None or begin == after:
                return found if found is not None and found > after else None
        return None

    def next(self, after: datetime) -> datetime | None:
        """Return the first tick behind a time; None when there is none within a lifetime."""
        return next((tick for tick in self._from(after) if tick > after), None)

    def _from(self, begin: datetime) -> Iterator[datetime]:
        # In the repeated hour of autumn the first ones may lie before the beginning.
        for tick in CronSim(self.fields, begin.astimezone(self.zone)):
            yield tick.astimezone(UTC)


def minute(tick: datetime) -> int:
    """Return the minutes since 1970 of a tick."""
    return int(tick.timestamp()) // 60


def of_minute(number: int) -> datetime:
    """Return the tick of a number of minutes since 1970."""
    return datetime.fromtimestamp(number * 60, UTC)
