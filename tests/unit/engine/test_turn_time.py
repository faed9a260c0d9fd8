"""The workflow's clock: nothing happens before what caused it, however the store's clock jumps."""

from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.messages import Message
from antiphon_sidecar.engine.state import State
from tests.unit.engine.build import (
    NOW,
    SECOND,
    again,
    began,
    ended,
    fired,
    raised,
    running,
    start,
    task,
    timer,
)


def time_of(state: State | None, *messages: Message, now: int) -> int:
    first = began(state, *messages, now=now).events[0]
    assert isinstance(first, ev.WorkflowStarted)
    return first.timestamp


def test_is_never_below_the_time_a_timer_fires():
    state = running(timer(3, NOW + SECOND))
    assert time_of(state, fired(3, NOW + SECOND), now=NOW) == NOW + SECOND


def test_is_never_below_the_latest_of_several_timers():
    state = running(timer(3, NOW + 5), timer(4, NOW + 9), timer(5, NOW + 7))
    messages = fired(3, NOW + 5), fired(4, NOW + 9), fired(5, NOW + 7)
    assert time_of(state, *messages, now=NOW) == NOW + 9


def test_does_not_go_back_when_the_store_does():
    state = running(now=NOW + SECOND)
    assert time_of(state, raised(), now=NOW) == NOW + SECOND


def test_a_late_timer_does_not_hold_the_clock_back():
    state = running(timer(3, NOW + SECOND))
    assert time_of(state, fired(3, NOW + SECOND), now=NOW + 5 * SECOND) == NOW + 5 * SECOND


def test_a_child_does_not_begin_before_it_was_asked_for():
    assert time_of(None, start(timestamp=NOW + SECOND), now=NOW) == NOW + SECOND


def test_a_next_generation_does_not_begin_before_the_last_one_ended():
    outcome = ended(began(running(now=NOW + SECOND), raised(), now=NOW), again(), now=NOW)
    (next_start,) = outcome.outgoing
    (event,) = next_start.events
    assert isinstance(event, ev.ExecutionStarted)
    assert event.timestamp == NOW + SECOND


def test_what_a_turn_asks_for_carries_a_time_that_is_not_before_the_turn():
    outcome = ended(began(running(now=NOW + SECOND), raised(), now=NOW), task(1), now=NOW)
    assert outcome.events[-1].timestamp == NOW + SECOND


def test_nanoseconds_are_kept():
    assert time_of(running(), raised(), now=NOW + 123_456_789) == NOW + 123_456_789
