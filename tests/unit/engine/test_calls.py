"""What calls become: task rows, starts of children, and refusals of calls across namespaces."""

import pytest

from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.actions import Target
from antiphon_sidecar.engine.ids import child_incarnation
from antiphon_sidecar.engine.messages import Kind
from tests.unit.engine.build import APP, ID, NOW, RUN, began, child, ended, raised, running, task


def started(*, of: ev.Event) -> ev.ExecutionStarted:
    assert isinstance(of, ev.ExecutionStarted)
    return of


def test_a_task_says_who_asked_and_who_is_asked():
    (new,) = ended(began(running(), raised()), task(target=Target("payments"))).tasks
    event = new.event
    assert event.route == ev.Route(APP, "payments")


def test_without_a_target_a_call_stays_here():
    outcome = ended(began(running(), raised()), task())
    assert outcome.tasks[0].event.route == ev.Route(APP)
    assert outcome.state.tasks[1].target == APP


def test_a_task_keeps_everything_it_was_asked_with():
    action = task(4, "charge", input="", version="2", task_execution_id="chain", extra=b"\x2a\x00")
    (new,) = ended(began(running(), raised()), action).tasks
    event = new.event
    assert event == ev.TaskScheduled(NOW, 4, "charge", "", "2", "chain", ev.Route(APP), None, None, b"\x2a\x00")


def test_a_child_is_started_by_a_message_to_its_app():
    outcome = ended(began(running(), raised()), child(2, "c1", input="5", target=Target("stock")))
    (sent,) = outcome.outgoing
    assert (sent.app, sent.instance_id, sent.kind) == ("stock", "c1", Kind.START)
    event = started(of=sent.events[0])
    assert (event.name, event.input, event.instance_id) == ("pack", "5", "c1")
    assert event.route == ev.Route(APP, "stock")
    assert event.parent == ev.Parent(APP, ID, "x0", RUN, 2, "ship")
    assert event.execution_id == sent.execution_id != "x0"


def test_a_child_of_this_app_learns_its_app_too():
    (sent,) = ended(began(running(), raised()), child()).outgoing
    assert started(of=sent.events[0]).route == ev.Route(APP, APP)


@pytest.mark.parametrize(("task_id", "expected"), [(0, "0000"), (10, "000a"), (65536, "10000")])
def test_a_child_without_an_id_gets_its_parents_and_a_number(task_id: int, expected: str):
    (sent,) = ended(began(running(), raised()), child(task_id, "")).outgoing
    assert sent.instance_id == started(of=sent.events[0]).instance_id == f"{ID}:{expected}"


def test_the_same_step_starts_the_same_child():
    first, second = (ended(began(running(), raised()), child(2)).outgoing[0] for _ in range(2))
    assert first.message_id == first.incarnation == second.incarnation == child_incarnation(RUN, "x0", 2)


def test_another_step_another_generation_or_another_run_starts_another_child():
    made = {
        child_incarnation(RUN, "x0", 2),
        child_incarnation(RUN, "x0", 3),
        child_incarnation(RUN, "x1", 2),
        child_incarnation(b"r" * 16, "x0", 2),
        # Lengths count, so that moving a byte from one part to the next makes another ID.
        child_incarnation(RUN[:-1], ".x0", 2),
    }
    assert len(made) == 5


def test_an_activity_in_another_namespace_fails_at_once():
    outcome = ended(began(running(), raised()), task(4, target=Target("payments", "prod"), task_execution_id="c"))
    assert outcome.tasks == []
    (sent,) = outcome.outgoing
    assert (sent.app, sent.instance_id, sent.kind, sent.ref_id) == (APP, ID, Kind.TASK_RESULT, 4)
    (failed,) = sent.events
    assert isinstance(failed, ev.TaskFailed)
    assert (failed.failure.code, failed.failure.non_retriable) == ("AN105", True)
    assert failed.task_execution_id == "c"


def test_a_child_in_another_namespace_fails_at_once():
    outcome = ended(began(running(), raised()), child(4, target=Target("stock", "prod")))
    (sent,) = outcome.outgoing
    assert (sent.app, sent.instance_id, sent.kind, sent.ref_id) == (APP, ID, Kind.CHILD_RESULT, 4)
    (failed,) = sent.events
    assert isinstance(failed, ev.ChildFailed)
    assert failed.failure.code == "AN105"


def test_the_own_namespace_may_be_named():
    assert ended(began(running(), raised()), task(target=Target("payments", "default"))).tasks


def test_a_child_that_was_refused_is_asked_for_all_the_same():
    # The history must hold what the code asked for, or the next replay would not match it.
    state = ended(began(running(), raised()), child(4, target=Target("stock", "prod"))).state
    assert 4 in state.children
