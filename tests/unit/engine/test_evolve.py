"""`evolve` takes any event in any order; what it makes of a history does not depend on how it is cut up."""

import copy
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.state import State, evolve
from tests.unit.engine.build import APP, ID, NOW, RUN
from tests.unit.engine.strategies import BY_KIND, EVENTS


def blank() -> State:
    return State(app=APP, instance_id=ID, incarnation=RUN, execution_id="x0")


@settings(max_examples=300, deadline=None)
@given(st.lists(EVENTS, max_size=30))
def test_takes_any_event_in_any_order(events: list[ev.Event]):
    state = blank()
    for event in events:
        assert evolve(state, event) is state
    assert state.event_count == len(events)


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, max_size=20), st.integers(0, 20))
def test_folding_in_two_parts_is_folding_at_once(events: list[ev.Event], cut: int):
    whole, parts = blank(), blank()
    for event in events:
        evolve(whole, event)
    for event in events[:cut]:
        evolve(parts, event)
    parts = copy.deepcopy(parts)
    for event in events[cut:]:
        evolve(parts, event)
    assert parts == whole


@settings(max_examples=200, deadline=None)
@given(st.lists(EVENTS, max_size=30))
def test_the_clock_of_an_instance_never_goes_back(events: list[ev.Event]):
    state, last = blank(), 0
    for event in events:
        evolve(state, event)
        assert state.last_turn >= last
        last = state.last_turn


def test_the_strategies_know_every_kind_of_event():
    assert {*BY_KIND, ev.Unrecognized} == set(typing.get_args(ev.Event))


def test_an_event_of_a_newer_release_changes_nothing_but_the_count():
    state = blank()
    evolve(state, ev.Unrecognized(NOW, b"new"))
    state.event_count -= 1
    assert state == blank()


@pytest.mark.parametrize(
    ("opened", "resolved", "what"),
    [
        (ev.TaskScheduled(NOW, 0, "a"), ev.TaskCompleted(NOW, 0), "tasks"),
        (ev.ChildCreated(NOW, 0, "c", "a"), ev.ChildFailed(NOW, 0, ev.Failure("E", "m")), "children"),
        (ev.TimerCreated(NOW, 0, ev.SENTINEL_NS), ev.TimerFired(NOW, 0, NOW), "timers"),
    ],
    ids=["task", "child", "timer"],
)
def test_what_was_opened_is_open_until_it_is_resolved(opened: ev.Event, resolved: ev.Event, what: str):
    state = evolve(blank(), opened)
    assert set(getattr(state, what)) == {0}
    evolve(state, resolved)
    assert getattr(state, what) == {}
    assert len(state.seen) == 1
