"""Versions and patches: recorded with the turn that met them; a worker that lacks one stalls the instance."""

from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.result import Stalled
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


def test_a_worker_without_the_version_stalls_the_turn():
    outcome = judged(began(running(), raised()), ac.VersionNotAvailable(4))
    assert outcome == Stalled("VersionNotAvailable")


def test_a_stalled_end_stalls_the_turn():
    outcome = judged(began(running(), raised()), done(status=ev.Status.STALLED))
    assert isinstance(outcome, Stalled)


def test_a_stalled_answer_changes_nothing():
    turn = began(running(), raised())
    before = repr(turn)
    judged(turn, ac.VersionNotAvailable(4), custom_status='"x"', patches=("p",))
    assert repr(turn) == before
