"""Sealed and unsealed, an event is what it was, and so are its bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_sidecar.codec.events import pack, seal, seal_failure, unpack, unseal, unseal_failure
from antiphon_sidecar.engine import events as ev
from tests.unit.engine.strategies import BY_KIND, EVENTS, FAILURES


@pytest.mark.parametrize("kind", BY_KIND, ids=lambda kind: kind.__name__)
def test_an_event_comes_back_as_it_was(kind: type):
    @settings(max_examples=40, deadline=None)
    @given(BY_KIND[kind])
    def check(event: ev.Event) -> None:
        assert unseal(seal(event)) == event

    check()


@settings(max_examples=150, deadline=None)
@given(st.one_of(*BY_KIND.values()))
def test_bytes_come_back_as_they_were(event: ev.Event):
    raw = seal(event)
    assert seal(unseal(raw)) == raw


@pytest.mark.parametrize("text", ["", "\0", "a\0b", "\N{GRINNING FACE}", "null", None])
def test_empty_absent_and_odd_texts_stay_apart(text: str | None):
    event = unseal(seal(ev.EventRaised(0, "e", text)))
    assert isinstance(event, ev.EventRaised)
    assert event.input == text


@pytest.mark.parametrize("at", [0, 1, 999_999_999, 1_700_000_000_123_456_789, ev.SENTINEL_NS])
def test_times_keep_their_nanoseconds(at: int):
    assert unseal(seal(ev.TimerCreated(at, 1, at))) == ev.TimerCreated(at, 1, at)


def test_tags_are_written_in_one_order():
    def event(tags: dict[str, str]) -> ev.Event:
        return ev.ExecutionStarted(0, "w", "i", "x", tags=tags)

    tags = {str(n): "v" for n in range(40)}
    assert seal(event(tags)) == seal(event(dict(reversed(tags.items()))))


@settings(max_examples=50, deadline=None)
@given(st.lists(EVENTS, max_size=6))
def test_a_batch_gives_back_its_events_in_order(events: list[ev.Event]):
    sealed = [seal(event) for event in events]
    assert unpack(pack(sealed)) == sealed


@settings(max_examples=40, deadline=None)
@given(st.none() | FAILURES)
def test_a_failure_comes_back_with_its_causes(failure: ev.Failure | None):
    assert unseal_failure(seal_failure(failure)) == failure
