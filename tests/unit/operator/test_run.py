"""A WorkflowRun's decisions, as tables: what is said, what is asked of sidecars, and when it is looked at again."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from antiphon_names import labels
from antiphon_names.registry import EntryRecord
from antiphon_operator.reconcile import objects, receipt, run
from antiphon_operator.reconcile.conditions import stamp
from antiphon_operator.reconcile.observed import Absent, Entry, Failure, Instance, OfRun, Refusal, Unanswered
from antiphon_operator.reconcile.outcome import DeleteRun, SetFinalizers, StartInstance, SteerInstance
from tests.unit.operator.building import NOW, body, conditions, message

ADMITTED = Entry("orders", "buy", None, EntryRecord())
READY = OfRun(entry=ADMITTED, workflows=("buy",))
RUNNING = Instance("RUNNING", NOW - timedelta(minutes=3))
ENDED = replace(RUNNING, state="COMPLETED", completed=NOW, output='{"paid": true}')
OLD = stamp(NOW - timedelta(minutes=4))


def asked_for(status: dict[str, Any] | None = None, **spec: Any) -> Any:
    """A run that was applied some minutes ago."""
    more = {key: spec.pop(key) for key in ("finalizers", "deletionTimestamp", "ownerReferences") if key in spec}
    return body(
        "WorkflowRun",
        "first",
        {"workflowRef": {"name": "buy"}, **spec},
        status,
        **{"uid": "1a2b3c4d-0000", "creationTimestamp": OLD, **more},
    )


def started(reason: str = "Running", **more: Any) -> dict[str, Any]:
    """The status of a run whose instance is known."""
    return {
        "phase": "Running",
        "appId": "orders",
        "instanceId": "first-1a2b3c4d",
        "startTime": stamp(RUNNING.created),
        "conditions": [
            {"type": "Succeeded", "status": "Unknown", "reason": reason, "lastTransitionTime": OLD},
            {"type": "Started", "status": "True", "reason": "Started", "lastTransitionTime": OLD},
        ],
        **more,
    }


def starting(since: str = OLD) -> dict[str, Any]:
    """The status of a run for whose start a sidecar was about to be asked."""
    condition = {"status": "Unknown", "reason": "Starting", "lastTransitionTime": since}
    return {
        "phase": "Pending",
        "appId": "orders",
        "conditions": [{"type": "Succeeded", **condition}, {"type": "Started", **condition}],
    }


def steps(outcome: Any) -> list[str]:
    """The actions, in short."""
    return [each.to if isinstance(each, SteerInstance) else type(each).__name__ for each in outcome.actions]


def test_the_app_stands_in_the_status_before_the_start() -> None:
    outcome = run.reconcile(asked_for(input={"id": "4711"}), READY, NOW)
    assert outcome.status["appId"] == "orders"
    assert conditions(outcome.status) == {"Succeeded": ("Unknown", "Starting"), "Started": ("Unknown", "Starting")}
    assert outcome.actions == (StartInstance("orders", "first-1a2b3c4d", "buy", None, '{"id":"4711"}'),)
    assert outcome.again_s == 0.0


def test_a_repeated_start_is_for_the_same_app_whatever_became_of_the_workflow() -> None:
    moved = replace(READY, entry=replace(ADMITTED, app_id="other"), found=Absent())
    (again,) = run.reconcile(asked_for(starting()), moved, NOW).actions
    assert isinstance(again, StartInstance)
    assert (again.app_id, again.instance_id) == ("orders", "first-1a2b3c4d")


def test_a_run_of_a_schedule_has_its_own_name_as_instance() -> None:
    owner = [{"kind": "WorkflowSchedule", "name": "nightly", "controller": True}]
    assert objects.workflow_run(asked_for(ownerReferences=owner)).instance_id == "first"


WAITING = {
    "no workflow": (replace(READY, entry=None, workflows=("bye",)), "WorkflowMissing", 'Did you mean "bye"?'),
    "not judged": (replace(READY, entry=replace(ADMITTED, admission=None)), "Waiting", "has not been judged"),
    "not admitted": (
        replace(READY, entry=replace(ADMITTED, admission=EntryRecord(False, "CallDenied", "orders may not"))),
        "CallDenied",
        "orders may not",
    ),
    "nobody there": (replace(READY, reachable=Unanswered("NoReplicas", "start one")), "NoReplicas", "start one"),
}


@pytest.mark.parametrize("case", WAITING)
def test_a_run_that_cannot_start_says_why(case: str) -> None:
    observed, reason, text = WAITING[case]
    outcome = run.reconcile(asked_for(), observed, NOW)
    assert conditions(outcome.status) == {"Succeeded": ("Unknown", reason), "Started": ("False", reason)}
    assert text in message(outcome.status, "Started")
    assert outcome.status["phase"] == "Pending"
    assert outcome.actions == ()
    assert outcome.again_s is not None


def test_what_is_applied_together_with_its_workflow_warns_of_nothing() -> None:
    fresh = asked_for()
    fresh["metadata"]["creationTimestamp"] = stamp(NOW)
    outcome = run.reconcile(fresh, WAITING["no workflow"][0], NOW)
    assert conditions(outcome.status)["Started"] == ("False", "Waiting")
    assert outcome.happenings == ()


def test_a_refusal_shows_and_is_tried_again_when_it_is_time() -> None:
    refused = replace(READY, found=Absent(), refused=Refusal("StartNotAdmitted", "not now"))
    waits = run.reconcile(asked_for(starting()), replace(refused, may_start=False), NOW)
    assert conditions(waits.status)["Started"] == ("False", "StartNotAdmitted")
    assert waits.actions == ()
    again = run.reconcile(asked_for(starting()), refused, NOW)
    assert again.status == waits.status
    assert steps(again) == ["StartInstance"]


def test_a_request_that_can_never_be_taken_ends_the_run() -> None:
    refused = replace(READY, found=Absent(), refused=Refusal("PayloadTooLarge", "the input is large", lasting=True))
    outcome = run.reconcile(asked_for(starting()), refused, NOW)
    assert outcome.status["phase"] == "Failed"
    assert outcome.status["failure"] == {"type": "PayloadTooLarge", "message": "the input is large"}


#: desired, state of the instance, what the status said: what is asked, and what is said.
STEERING = {
    "goes on": ("Running", "RUNNING", "Running", [], "Running"),
    "waits for a worker": ("Running", "PENDING", "Running", [], "NotTakenUp"),
    "is to be suspended": ("Suspended", "RUNNING", "Running", ["suspend"], "Suspending"),
    "is suspended": ("Suspended", "SUSPENDED", "Suspending", [], "SuspendedAsAsked"),
    "is to be resumed": ("Running", "SUSPENDED", "SuspendedAsAsked", ["resume"], "Resuming"),
    "is to be resumed after a crash": ("Running", "SUSPENDED", "Suspending", ["resume"], "Resuming"),
    "was suspended by a person": ("Running", "SUSPENDED", "Running", [], "SuspendedElsewhere"),
    "is to be terminated": ("Terminated", "RUNNING", "Running", ["terminate"], "Terminating"),
    "ends while suspended": ("Terminated", "SUSPENDED", "SuspendedAsAsked", ["terminate"], "Terminating"),
}


@pytest.mark.parametrize("case", STEERING)
def test_an_instance_is_made_what_is_desired(case: str) -> None:
    desired, state, was, asked, said = STEERING[case]
    observed = replace(READY, found=replace(RUNNING, state=state))
    outcome = run.reconcile(asked_for(started(was), desired=desired), observed, NOW)
    assert steps(outcome) == asked
    assert conditions(outcome.status) == {"Succeeded": ("Unknown", said), "Started": ("True", "Started")}


def test_what_was_asked_lately_is_not_asked_again() -> None:
    observed = replace(READY, found=RUNNING, steered="suspend")
    assert run.reconcile(asked_for(started("Suspending"), desired="Suspended"), observed, NOW).actions == ()
    assert steps(run.reconcile(asked_for(started("Suspending"), desired="Terminated"), observed, NOW)) == ["terminate"]


def test_a_stalled_instance_says_why() -> None:
    stalled = replace(RUNNING, state="STALLED", waiting_on="NonDeterminism")
    outcome = run.reconcile(asked_for(started()), replace(READY, found=stalled), NOW)
    assert conditions(outcome.status)["Succeeded"] == ("Unknown", "NonDeterminism")
    assert "kubectl antiphon why first-1a2b3c4d" in message(outcome.status, "Succeeded")


ENDS = {
    "COMPLETED": (ENDED, "Completed", ("True", "Completed")),
    "FAILED": (
        replace(ENDED, state="FAILED", output=None, failure=Failure("ValueError", "no stock")),
        "Failed",
        ("False", "Failed"),
    ),
    "FAILED by us": (
        replace(ENDED, state="FAILED", output=None, failure=Failure("x", "y", "ActivityNotRegistered")),
        "Failed",
        ("False", "ActivityNotRegistered"),
    ),
    "TERMINATED": (replace(ENDED, state="TERMINATED", output=None), "Terminated", ("False", "Terminated")),
}


@pytest.mark.parametrize("case", ENDS)
def test_the_receipt_says_what_came_of_it(case: str) -> None:
    found, phase, said = ENDS[case]
    outcome = run.reconcile(asked_for(started()), replace(READY, found=found), NOW)
    assert outcome.status["phase"] == phase
    assert conditions(outcome.status)["Succeeded"] == said
    assert outcome.status["completionTime"] == stamp(NOW)
    assert outcome.status["duration"] == "3m0s"
    assert outcome.status.get("output") == ({"paid": True} if case == "COMPLETED" else None)
    assert ("failure" in outcome.status) == (found.failure is not None)
    assert outcome.again_s is None


OUTPUTS = {
    '{"a": [1, null]}': {"output": {"a": [1, None]}},
    '"text"': {"output": "text"},
    "null": {},
    "no json": {"output": "no json"},
    "NaN": {"output": "NaN"},
    "1e999": {"output": "1e999"},
    f'"{"x" * 4_094}"': {"output": "x" * 4_094},
    f'"{"x" * 4_095}"': {"outputTruncated": True},
    f'"{"ä" * 2_048}"': {"outputTruncated": True},
}


@pytest.mark.parametrize("text", OUTPUTS)
def test_an_output_stands_in_the_status_up_to_its_size(text: str) -> None:
    assert receipt.results(replace(ENDED, output=text)) == OUTPUTS[text]


DURATIONS = {0.04: "0.0s", 1.25: "1.2s", 59.4: "59s", 252: "4m12s", 10_800: "3h0m", 439_000: "5d1h"}


@pytest.mark.parametrize("seconds", DURATIONS)
def test_a_duration_reads_well(seconds: float) -> None:
    assert receipt.duration(seconds) == DURATIONS[seconds]


def test_a_receipt_stays_as_it_is() -> None:
    ended = asked_for({**started(), "phase": "Completed", "completionTime": stamp(NOW)}, desired="Suspended")
    outcome = run.reconcile(ended, replace(READY, found=Absent()), NOW + timedelta(days=1))
    assert (outcome.status, outcome.actions) == (ended["status"], ())


def test_a_run_is_deleted_when_its_time_is_over() -> None:
    ended = asked_for({**started(), "phase": "Failed", "completionTime": stamp(NOW)}, ttlSecondsAfterFinished=60)
    early = run.reconcile(ended, READY, NOW + timedelta(seconds=20))
    assert (early.actions, early.again_s) == ((), 40.0)
    assert steps(run.reconcile(ended, READY, NOW + timedelta(seconds=60))) == ["DeleteRun"]
    assert isinstance(run.reconcile(ended, READY, NOW + timedelta(seconds=60)).actions[0], DeleteRun)


def test_a_run_that_terminates_on_deletion_is_guarded_before_it_starts() -> None:
    guarded = run.reconcile(asked_for(deletionPolicy="Terminate"), READY, NOW)
    assert guarded.actions == (SetFinalizers((labels.FINALIZER,)),)
    assert "appId" not in guarded.status
    starts = asked_for(deletionPolicy="Terminate", finalizers=["other", labels.FINALIZER])
    assert steps(run.reconcile(starts, READY, NOW)) == ["StartInstance"]


def test_an_orphan_has_no_finalizer() -> None:
    assert steps(run.reconcile(asked_for(), READY, NOW)) == ["StartInstance"]


GUARDED = {"deletionPolicy": "Terminate", "finalizers": ["other", labels.FINALIZER], "deletionTimestamp": stamp(NOW)}
DELETIONS: dict[str, tuple[Any, Any, list[str]]] = {
    "under way": (started(), RUNNING, ["terminate"]),
    "ended": (started(), ENDED, ["SetFinalizers"]),
    "ended before": ({**started(), "phase": "Completed"}, None, ["SetFinalizers"]),
    "never started": (None, None, ["SetFinalizers"]),
    "perhaps being started": (starting(stamp(NOW)), Absent(), []),
    "not started after all": (starting(), Absent(), ["SetFinalizers"]),
    "nobody tells": (started(), Unanswered("SidecarsSilent", "no answer"), []),
}


@pytest.mark.parametrize("case", DELETIONS)
def test_a_guarded_object_goes_once_its_instance_has_ended(case: str) -> None:
    status, found, done = DELETIONS[case]
    outcome = run.reconcile(asked_for(status, **GUARDED), replace(READY, found=found), NOW)
    assert steps(outcome) == done
    for action in outcome.actions:
        assert not isinstance(action, SetFinalizers) or action.finalizers == ("other",)
    assert done or outcome.again_s is not None


def test_a_run_that_is_not_to_run_is_never_started() -> None:
    outcome = run.reconcile(asked_for(desired="Terminated"), READY, NOW)
    assert (outcome.status["phase"], outcome.actions) == ("Terminated", ())
    perhaps = run.reconcile(asked_for(starting(stamp(NOW)), desired="Terminated"), replace(READY, found=Absent()), NOW)
    assert perhaps.status["phase"] == "Pending"
    suspended = run.reconcile(asked_for(desired="Suspended"), READY, NOW)
    assert (suspended.actions, conditions(suspended.status)["Started"]) == ((), ("False", "SuspendedAsAsked"))


def test_silence_is_said_after_a_while_and_changes_nothing_else() -> None:
    silent = Unanswered("SidecarsSilent", "no answer")
    status = started("SuspendedAsAsked")
    lately = run.reconcile(asked_for(status), replace(READY, found=replace(silent, lately=True)), NOW)
    assert lately.status == status
    said = run.reconcile(asked_for(status), replace(READY, found=silent), NOW)
    assert said.status["startTime"] == status["startTime"]
    assert conditions(said.status) == {"Succeeded": ("Unknown", "SuspendedAsAsked"), "Started": ("True", "Started")}
    assert message(said.status, "Succeeded") == "no answer"


def test_an_instance_that_vanished_is_never_started_again() -> None:
    first = run.reconcile(asked_for(started()), replace(READY, found=Absent()), NOW)
    assert conditions(first.status)["Started"] == ("False", "InstanceNotFound")
    assert (first.status["phase"], first.actions) == ("Running", ())
    later = run.reconcile(asked_for(first.status), replace(READY, found=Absent()), NOW + timedelta(seconds=61))
    assert (later.status["phase"], later.actions) == ("Failed", ())


def test_old_runs_are_looked_at_seldom() -> None:
    ages = {timedelta(seconds=2): 1.0, timedelta(seconds=100): 10.0, timedelta(hours=2): 30.0}
    for age, again_s in ages.items():
        outcome = run.reconcile(asked_for(started()), replace(READY, found=replace(RUNNING, created=NOW - age)), NOW)
        assert outcome.again_s == again_s
