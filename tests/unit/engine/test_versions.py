"""Versions and patches: recorded with the turn that met them; a worker that lacks one stalls the instance."""

import pytest

from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.result import Result, Stalled
from tests.unit.engine.build import NOW, began, done, ended, judged, raised, running, start


def test_the_version_is_written_into_the_turn():
    outcome = ended(began(None, start()), version="v2")
    assert outcome.events[0] == ev.WorkflowStarted(NOW, "v2")
    assert outcome.state.pinned_version == "v2"


def test_the_version_stays_pinned_when_later_answers_are_silent():
    state = ended(began(None, start()), version="v2").state
    assert ended(began(state, raised())).state.pinned_version == "v2"


def test_only_patches_not_met_before_are_recorded():
    first = ended(began(None, start()), patches=("p1", "p1"))
    assert first.events[0] == ev.WorkflowStarted(NOW, None, ("p1",))
    second = ended(began(first.state, raised()), patches=("p1", "p1", "p2"))
    assert second.events[0] == ev.WorkflowStarted(NOW, None, ("p2",))
    assert second.state.patches == ["p1", "p2"]


def stalled(outcome: Result | Stalled) -> Stalled:
    assert isinstance(outcome, Stalled)
    return outcome


def test_a_worker_without_the_version_stalls_the_turn():
    outcome = stalled(judged(began(running(), raised()), ac.VersionNotAvailable(4)))
    assert outcome.reason == "VersionNotAvailable"
    assert outcome.description.startswith("AN202 VersionNotAvailable: ")


def test_a_stalled_end_stalls_the_turn():
    failure = ev.Failure("Stall", "no such patch")
    outcome = stalled(judged(began(running(), raised()), ac.Complete(9, ev.Status.STALLED, failure=failure)))
    assert outcome.reason == "VersionNotAvailable"
    assert "no such patch" in outcome.description


def test_another_version_than_the_pinned_one_stalls_the_turn():
    state = ended(began(None, start()), version="v2").state
    outcome = stalled(judged(began(state, raised()), done(), version="v3"))
    assert outcome.reason == "VersionNotAvailable"
    assert 'version "v2"' in outcome.description
    assert 'version "v3"' in outcome.description


@pytest.mark.parametrize("met", [(), ("p2",), ("p2", "p1"), ("p1", "p3", "p2")], ids=repr)
def test_patches_that_do_not_begin_as_the_history_does_stall_the_turn(met: tuple[str, ...]):
    state = ended(began(None, start()), patches=("p1", "p2")).state
    outcome = stalled(judged(began(state, raised()), done(status=ev.Status.FAILED), patches=met))
    assert outcome.reason == "PatchMismatch"
    assert '"p1", "p2"' in outcome.description


def test_a_stalled_answer_changes_nothing():
    turn = began(running(), raised())
    before = repr(turn)
    judged(turn, ac.VersionNotAvailable(4), custom_status='"x"', patches=("p",))
    assert repr(turn) == before
