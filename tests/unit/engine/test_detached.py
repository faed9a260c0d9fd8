"""Detached workflows: started in the turn's commit, once, and then nobody's."""

import pytest

from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.messages import Kind, Outgoing
from antiphon_sidecar.engine.result import end_without_worker
from antiphon_sidecar.engine.state import committed
from antiphon_sidecar.engine.turn import begin_turn
from tests.unit.engine.build import APP, NOW, SECOND, again, began, done, ended, raised, read, running, terminate


def detached(id: int = 5, instance_id: str = "d1", **over: object) -> ac.CreateDetached:
    return ac.CreateDetached(id, instance_id, "audit", **over)  # type: ignore[arg-type]


def only(sent: list[Outgoing]) -> tuple[Outgoing, ev.ExecutionStarted]:
    (message,) = sent
    first = message.events[0]
    assert isinstance(first, ev.ExecutionStarted)
    return message, first


def test_is_recorded_and_started_in_one_commit():
    outcome = ended(began(running(), raised()), detached(input="7", target=ac.Target("stock"), tags={"a": "b"}))
    message, begun = only(outcome.outgoing)
    assert outcome.events[-1] == ev.DetachedCreated(NOW, 5, "d1", ev.Route(APP, "stock"))
    assert (message.app, message.instance_id, message.kind) == ("stock", "d1", Kind.START)
    assert (begun.name, begun.input, dict(begun.tags)) == ("audit", "7", {"a": "b"})
    assert (begun.parent, begun.route) == (None, ev.Route(APP, "stock"))


def test_the_same_action_asked_again_starts_nothing():
    state = running(detached())
    outcome = ended(began(state, raised()), detached())
    assert (outcome.outgoing, len(outcome.events)) == ([], 2)


def test_its_ids_follow_from_the_action_and_are_those_asked_for_where_they_are():
    turn = began(running(), raised())
    message, begun = only(ended(turn, detached(instance_id="", execution_id="mine")).outgoing)
    assert message.execution_id == begun.execution_id == "mine"
    assert message.instance_id == message.incarnation.hex()


def test_does_not_wait_for_it_and_is_not_told_of_its_end():
    state = running(detached())
    assert (state.children, state.tasks) == ({}, {})


def test_a_recursive_terminate_leaves_it_alone():
    outcome = end_without_worker(began(running(detached()), terminate(recurse=True)), now=NOW)
    assert outcome.outgoing == []


def test_starts_next_to_an_end_but_not_next_to_a_failure():
    assert len(ended(began(running(), raised()), detached(), done()).outgoing) == 1
    failing = ended(began(running(), raised()), detached(), done(status=ev.Status.FAILED))
    assert failing.outgoing == []


def test_is_not_started_by_a_turn_that_continues_as_new():
    outcome = ended(began(running(), raised()), detached(), again())
    assert [message.instance_id for message in outcome.outgoing] == [outcome.state.instance_id]


def test_another_namespace_fails_the_workflow_since_nothing_else_could_tell():
    outcome = ended(began(running(), raised()), detached(target=ac.Target("stock", "elsewhere")))
    assert outcome.outgoing == []
    assert outcome.state.failure is not None
    assert outcome.state.failure.error_type == "NamespaceMismatch"


@pytest.mark.parametrize("at", [None, 0, NOW])
def test_a_start_that_is_not_in_the_future_is_now(at: int | None):
    _, begun = only(ended(began(running(), raised()), detached(scheduled_at=at)).outgoing)
    assert begun.scheduled_at is None


def test_one_for_later_is_visible_at_once_and_begins_at_its_time():
    at = NOW + 9 * SECOND
    message, _ = only(ended(began(running(), raised()), detached(scheduled_at=at)).outgoing)
    turn = began(None, read(message))
    assert (turn.needs_worker, turn.consumed) == (False, ())
    state = end_without_worker(turn, now=NOW).state
    committed(state, wrote_history=False)
    assert (state.status, state.scheduled_at) == (ev.Status.PENDING, at)
    assert begin_turn(state, [read(message)], now=at - 1) is None
    assert began(state, read(message), now=at).needs_worker


def test_one_whose_id_an_active_instance_has_is_dropped_without_a_word_to_the_starter():
    message, _ = only(ended(began(running(), raised()), detached()).outgoing)
    turn = began(running(), read(message))
    assert turn.rejected == (read(message),)
    assert end_without_worker(turn, now=NOW).outgoing == []


def test_one_whose_id_a_finished_instance_had_begins_a_new_run():
    message, _ = only(ended(began(running(), raised()), detached()).outgoing)
    finished = end_without_worker(began(running(), terminate()), now=NOW).state
    committed(finished, wrote_history=True)
    turn = began(finished, read(message))
    assert turn.replaces is finished
