"""A stalled instance: what is recorded of it, what it keeps, and how it goes on."""

from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.result import Result, Stalled, end_without_worker, stall
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.engine.turn import begin_turn
from tests.unit.engine.build import (
    NOW,
    SECOND,
    began,
    control,
    done,
    ended,
    kinds,
    raised,
    resume,
    running,
    start,
    suspend,
    task,
    terminate,
)

NO_VERSION = Stalled("VersionNotAvailable", "no v2")


def stalled(state: State | None = None, *, why: Stalled = NO_VERSION) -> Result:
    """An instance whose turn for an event could not be done."""
    outcome = stall(began(state or running(task(1)), raised()), why, now=NOW + SECOND)
    assert outcome is not None
    return outcome


def test_the_reason_is_recorded_and_nothing_else_happens():
    outcome = stalled()
    assert outcome.events == [ev.ExecutionStalled(NOW + SECOND, "VersionNotAvailable", "no v2", afresh=True)]
    assert (outcome.turn.consumed, outcome.tasks, outcome.outgoing) == ((), [], [])
    assert outcome.state.status is ev.Status.STALLED
    assert 1 in outcome.state.tasks


def test_the_same_reason_is_recorded_once_and_another_one_again():
    state = stalled().state
    turn = began(state, raised())
    assert stall(turn, Stalled("VersionNotAvailable", "no v2 either"), now=NOW) is None
    other = stall(turn, Stalled("PatchMismatch", "p1"), now=NOW)
    assert other is not None
    assert kinds(other.events) == ["ExecutionStalled"]
    assert stall(began(other.state, raised()), NO_VERSION, now=NOW) is None


def test_a_history_that_begins_with_a_stall_begins_with_a_time():
    outcome = stall(began(None, start()), NO_VERSION, now=NOW)
    assert outcome is not None
    assert kinds(outcome.events) == ["WorkflowStarted", "ExecutionStalled"]
    turn = began(outcome.state, start(), now=NOW + SECOND)
    assert (kinds(turn.events), turn.fresh) == (["WorkflowStarted", "ExecutionStarted"], False)
    assert ended(turn, done()).state.status is ev.Status.COMPLETED


def test_a_turn_that_can_be_done_lets_it_run_again():
    outcome = ended(began(stalled().state, raised()), task(2))
    assert kinds(outcome.events) == ["WorkflowStarted", "EventRaised", "TaskScheduled"]
    assert (outcome.state.status, outcome.state.stall) == (ev.Status.RUNNING, None)


def test_terminate_works_while_stalled():
    outcome = end_without_worker(began(stalled().state, raised(), terminate()), now=NOW)
    assert outcome.state.status is ev.Status.TERMINATED
    assert outcome.state.output == '"bye"'


def test_suspend_works_while_stalled_and_resume_ends_both():
    state = end_without_worker(began(stalled().state, raised(), suspend()), now=NOW).state
    assert (state.status, state.stall) == (ev.Status.SUSPENDED, None)
    assert begin_turn(state, [raised()], now=NOW) is None
    state = end_without_worker(began(state, resume()), now=NOW).state
    assert state.status is ev.Status.RUNNING


def test_resuming_what_stalled_leaves_no_event():
    outcome = end_without_worker(began(stalled().state, raised(), resume()), now=NOW)
    assert outcome.events == []
    assert (outcome.state.status, outcome.state.stall) == (ev.Status.RUNNING, None)


def test_resuming_what_stalled_before_its_start_makes_it_wait_again():
    outcome = stall(began(None, start()), NO_VERSION, now=NOW)
    assert outcome is not None
    resumed = end_without_worker(began(outcome.state, start(), resume()), now=NOW)
    assert (resumed.events, resumed.state.status) == ([], ev.Status.PENDING)
    told = control(ev.ExecutionTerminated(NOW, None))
    assert end_without_worker(began(resumed.state, start(), told), now=NOW).state.status is ev.Status.TERMINATED
