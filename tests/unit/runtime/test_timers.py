"""Timers call back once, never early, in the order of their times."""

import asyncio

from antiphon_sidecar.runtime.timers import Timers
from tests.unit.runtime.fakes import EPOCH_NS, FakeClock, run

SECOND = 1_000_000_000


def fired(*armed: tuple[str, float], wait: float = 100.0) -> list[tuple[str, float]]:
    """Arm (key, seconds from now) and return what was called and when."""

    async def main(clock: FakeClock) -> list[tuple[str, float]]:
        calls: list[tuple[str, float]] = []
        timers = Timers(clock.store_clock())
        for key, at in armed:
            timers.arm(key, EPOCH_NS + int(at * SECOND), lambda key=key: calls.append((key, clock.seconds)))
        await asyncio.sleep(wait)
        timers.close()
        return calls

    return run(main)


def test_calls_back_at_the_time():
    ((key, at),) = fired(("a", 5))
    assert key == "a"
    assert 5 <= at < 5.01


def test_calls_back_in_the_order_of_the_times():
    assert [key for key, _ in fired(("late", 9), ("early", 3), ("middle", 6))] == ["early", "middle", "late"]


def test_what_is_due_already_is_called_soon():
    ((_, at),) = fired(("a", -5))
    assert at < 0.01


def test_a_key_that_is_armed_stays_as_it_is():
    calls = fired(("a", 5), ("a", 50))
    assert [key for key, _ in calls] == ["a"]


def test_waits_longer_than_a_minute_are_kept():
    ((_, at),) = fired(("a", 150), wait=200)
    assert 150 <= at < 150.01


def test_never_early_when_the_stores_clock_goes_back():
    async def main(clock: FakeClock) -> tuple[list[int], int]:
        calls: list[int] = []
        store_clock = clock.store_clock()
        timers = Timers(store_clock)
        due = EPOCH_NS + 5 * SECOND
        timers.arm("a", due, lambda: calls.append(store_clock.now()))
        await store_clock.refresh(_Slow(clock))
        await asyncio.sleep(30)
        timers.close()
        return calls, due

    (at,), due = run(main)
    assert at >= due


class _Slow:
    """A store whose clock is ten seconds behind."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    async def now(self) -> int:
        return self._clock.wall_ns() - 10 * SECOND


def test_nobody_is_called_after_the_close():
    async def main(clock: FakeClock) -> list[str]:
        calls: list[str] = []
        timers = Timers(clock.store_clock())
        timers.arm("a", EPOCH_NS + SECOND, lambda: calls.append("a"))
        timers.close()
        await asyncio.sleep(5)
        return calls

    assert run(main) == []


def test_a_key_can_be_armed_again_for_another_time():
    async def main(clock: FakeClock) -> list[float]:
        calls: list[float] = []
        timers = Timers(clock.store_clock())
        timers.arm("a", EPOCH_NS + 5 * SECOND, lambda: calls.append(-1.0))
        timers.disarm("a")
        timers.arm("a", EPOCH_NS + 20 * SECOND, lambda: calls.append(clock.seconds))
        await asyncio.sleep(60)
        timers.close()
        return calls

    (at,) = run(main)
    assert 20 <= at < 20.01


def test_a_callback_that_breaks_does_not_stop_the_others():
    async def main(clock: FakeClock) -> tuple[list[str], list[str]]:
        calls: list[str] = []
        errors: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(str(context["exception"])))
        timers = Timers(clock.store_clock())

        def broken() -> None:
            raise ValueError("broken")

        timers.arm("a", EPOCH_NS + SECOND, broken)
        timers.arm("b", EPOCH_NS + SECOND, lambda: calls.append("b"))
        timers.arm("c", EPOCH_NS + 2 * SECOND, lambda: calls.append("c"))
        await asyncio.sleep(10)
        timers.close()
        return calls, errors

    assert run(main) == (["b", "c"], ["broken"])
