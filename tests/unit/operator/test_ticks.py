"""When schedules are due: last and next ticks, in zones whose clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_operator.reconcile.ticks import Ticks, minute, of_minute

BERLIN = ZoneInfo("Europe/Berlin")
SPRING = datetime(2026, 3, 29, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 25, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day(fields: str, begin: datetime, zone: ZoneInfo = BERLIN) -> list[str]:
    """All ticks of the 30 hours from six hours before a time on, in UTC."""
    ticks, found = Ticks(fields, zone), []
    at: datetime | None = begin - timedelta(hours=6)
    end = begin + timedelta(hours=24)
    while (at := ticks.next(at)) is not None and at <= end:
        found.append(f"{at:%d %H:%M}")
    return found


DAYS = {
    "the hour that spring leaves out comes right after it": ("30 2 * * *", SPRING, ["29 01:00"]),
    "the hour that autumn repeats comes once": ("30 2 * * *", AUTUMN, ["25 00:30"]),
    "before spring's change": ("30 1 * * *", SPRING, ["29 00:30", "29 23:30"]),
    "after spring's change": ("0 3 * * *", SPRING, ["29 01:00"]),
    "after autumn's change": ("30 3 * * *", AUTUMN, ["25 02:30"]),
    "midnight in spring": ("0 0 * * *", SPRING, ["28 23:00", "29 22:00"]),
    "midnight in autumn": ("0 0 * * *", AUTUMN, ["24 22:00", "25 23:00"]),
}


@pytest.mark.parametrize("case", DAYS)
def test_a_fixed_time_follows_the_wall_clock(case: str) -> None:
    fields, begin, expected = DAYS[case]
    assert day(fields, begin) == expected


@pytest.mark.parametrize("begin", [SPRING, AUTUMN])
def test_every_hour_goes_on_evenly(begin: datetime) -> None:
    ticks = Ticks("0 * * * *", BERLIN)
    at, steps = begin - timedelta(hours=6), set()
    for _ in range(30):
        following = ticks.next(at)
        assert following is not None
        steps.add(following - at)
        at = following
    assert steps == {timedelta(hours=1)}


@pytest.mark.parametrize("fields", ["30 2 * * *", "*/15 * * * *", "30 1,2,3 * * *", "0 */2 * * *", "0 0 1 1 *"])
@pytest.mark.parametrize("begin", [SPRING, AUTUMN])
def test_the_last_tick_is_the_one_that_came_last(fields: str, begin: datetime) -> None:
    ticks, at = Ticks(fields, BERLIN), begin - timedelta(hours=6)
    expected = None
    start = at
    following = ticks.next(at)
    while at < begin + timedelta(hours=24):
        at += timedelta(minutes=5)
        while following is not None and following <= at:
            expected, following = following, ticks.next(following)
        assert ticks.last(after=start, until=at) == expected


def test_a_tick_is_due_at_its_very_time_and_no_more_once_it_is_handled() -> None:
    ticks = Ticks("0 3 * * *", ZoneInfo("Etc/UTC"))
    due = utc("2026-11-20T03:00")
    assert ticks.last(after=utc("2026-11-19T12:00"), until=due) == due
    assert ticks.last(after=utc("2026-11-19T12:00"), until=due - timedelta(seconds=1)) is None
    assert ticks.last(after=due, until=due + timedelta(hours=20)) is None
    assert ticks.next(due) == due + timedelta(days=1)


def test_ticks_that_are_years_apart_are_found() -> None:
    leap = Ticks("0 0 29 2 *", ZoneInfo("Etc/UTC"))
    assert leap.last(after=utc("2020-01-01T00:00"), until=utc("2027-12-01T00:00")) == utc("2024-02-29T00:00")
    assert leap.next(utc("2096-03-01T00:00")) == utc("2104-02-29T00:00")


def test_half_an_hour_of_daylight_saving_time_is_one_too() -> None:
    howe = ZoneInfo("Australia/Lord_Howe")
    ticks = Ticks("15 */2 * * *", howe)
    begin, until = utc("2026-04-04T00:00"), utc("2026-04-05T00:00")
    at, found = begin, []
    while (at := ticks.next(at) or until) < until:
        found.append(at)
    assert ticks.last(after=begin, until=until) == found[-1]


@given(st.integers(min_value=0, max_value=2**32 // 60))
def test_a_tick_and_its_number_are_one(number: int) -> None:
    assert minute(of_minute(number)) == number


@given(
    st.integers(min_value=1_700_000_000, max_value=1_900_000_000),
    st.sampled_from(["30 2 * * *", "0 3 * * 1", "*/20 * * * *", "15 1-3 * * *", "0 12 31 * *"]),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Etc/UTC"]),
)
def test_the_tick_that_follows_is_the_last_one_when_it_comes(at_s: int, fields: str, zone: str) -> None:
    ticks, now = Ticks(fields, ZoneInfo(zone)), datetime.fromtimestamp(at_s, UTC)
    following = ticks.next(now)
    assert following is not None
    assert following > now
    assert ticks.last(after=now, until=following) == following
    assert ticks.last(after=now, until=following - timedelta(seconds=1)) is None
