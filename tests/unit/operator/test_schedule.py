"""A WorkflowSchedule's decisions, as tables: which runs are made, ended and deleted, and what is said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from antiphon_names.registry import EntryRecord
from antiphon_operator.reconcile import objects, schedule
from antiphon_operator.reconcile.conditions import stamp
from antiphon_operator.reconcile.observed import Entry, OfSchedule
from antiphon_operator.reconcile.outcome import CreateRun, DeleteRun, TerminateRun
from antiphon_operator.reconcile.ticks import minute
from tests.unit.operator.building import body, conditions, message

#: Every day at three; 2026-11-20 is the day of these tests.
DUE = datetime(2026, 11, 20, 3, tzinfo=UTC)
SOON = DUE + timedelta(seconds=2)
YESTERDAY = DUE - timedelta(days=1)
NAME = f"nightly-{minute(DUE)}"
READY = OfSchedule(entry=Entry("orders", "buy", None, EntryRecord()), workflows=("buy",))


def nightly(status: dict[str, Any] | None = None, **spec: Any) -> Any:
    """A schedule that was made two days ago."""
    return body(
        "WorkflowSchedule",
        "nightly",
        {"workflowRef": {"name": "buy"}, "schedule": "0 3 * * *", **spec},
        status,
        creationTimestamp=stamp(DUE - timedelta(days=2)),
    )


def made(tick: datetime = YESTERDAY, phase: str = "Running", **status: Any) -> Any:
    """A run that the schedule made."""
    owner = {"kind": "WorkflowSchedule", "name": "nightly", "uid": "uid-nightly", "controller": True}
    said = {"phase": phase, **status}
    name = f"nightly-{minute(tick)}"
    return body("WorkflowRun", name, {"workflowRef": {"name": "buy"}}, said, ownerReferences=[owner])


def look(found: Any, *runs: Any, now: datetime = SOON, **observed: Any) -> Any:
    return schedule.reconcile(found, replace(READY, runs=runs, **observed), now)


def steps(outcome: Any) -> list[tuple[str, str]]:
    """The actions, in short."""
    return [(type(each).__name__, each.body["metadata"]["name"]) for each in outcome.actions]


CREATES = [("CreateRun", NAME)]


def test_a_tick_makes_a_run_of_its_own_name() -> None:
    (action,) = look(nightly(input={"region": "eu"})).actions
    assert isinstance(action, CreateRun)
    run = action.body
    assert run["metadata"]["name"] == NAME
    assert run["metadata"]["ownerReferences"][0]["uid"] == "uid-nightly"
    assert run["spec"] == {"workflowRef": {"name": "buy"}, "input": {"region": "eu"}}
    assert objects.workflow_run({**run, "metadata": {**run["metadata"], "uid": "u"}}).instance_id == NAME


def test_a_tick_counts_as_started_once_its_run_is_there() -> None:
    before = look(nightly())
    assert "lastScheduleTime" not in before.status
    after = look(nightly(), made(DUE))
    assert after.actions == ()
    assert after.status["lastScheduleTime"] == stamp(DUE)
    assert after.status["active"] == [NAME]
    assert after.status["nextScheduleTime"] == stamp(DUE + timedelta(days=1))


def test_a_run_whose_object_was_deleted_is_not_made_again() -> None:
    known = look(nightly(), made(DUE)).status
    assert look(nightly(known)).actions == ()


#: policy, runs that are there: what is done, and whether the tick is left out.
CONCURRENCY: dict[str, tuple[str, list[Any], list[tuple[str, str]], bool]] = {
    "Allow beside another": ("Allow", [made()], CREATES, False),
    "Forbid alone": ("Forbid", [made(phase="Completed")], CREATES, False),
    "Forbid beside another": ("Forbid", [made()], [], True),
    "Forbid beside one that waits": ("Forbid", [made(phase="Pending")], [], True),
    "Replace alone": ("Replace", [made(phase="Failed")], CREATES, False),
    "Replace another": ("Replace", [made()], [("TerminateRun", made()["metadata"]["name"])], False),
}


@pytest.mark.parametrize("case", CONCURRENCY)
def test_a_run_that_has_not_finished_decides_by_policy(case: str) -> None:
    policy, runs, done, left_out = CONCURRENCY[case]
    outcome = look(nightly(concurrencyPolicy=policy), *runs)
    assert steps(outcome) == done
    assert ("lastSkippedTime" in outcome.status) == left_out
    assert [each.reason for each in outcome.happenings] == (["TickLeftOut"] if left_out else [])


def test_a_tick_that_was_left_out_is_not_made_up_for() -> None:
    left_out = look(nightly(concurrencyPolicy="Forbid"), made()).status
    later = look(nightly(left_out, concurrencyPolicy="Forbid"), made(phase="Completed"), now=SOON + timedelta(hours=1))
    assert (later.actions, later.happenings) == ((), ())
    assert later.status["lastSkippedTime"] == stamp(DUE)


def test_a_replaced_run_is_ended_once_and_the_new_one_follows() -> None:
    ending = made()
    ending["spec"]["desired"] = "Terminated"
    assert look(nightly(concurrencyPolicy="Replace"), ending).actions == ()
    ended = made(phase="Terminated")
    assert steps(look(nightly(concurrencyPolicy="Replace"), ended, now=SOON + timedelta(minutes=9))) == CREATES
    assert isinstance(look(nightly(concurrencyPolicy="Replace"), made()).actions[0], TerminateRun)


#: how late, startingDeadlineSeconds: is the run made?
LATE = {
    "any time": (timedelta(hours=20), None, True),
    "in time": (timedelta(seconds=299), 300, True),
    "too late": (timedelta(seconds=301), 300, False),
}


@pytest.mark.parametrize("case", LATE)
def test_a_missed_tick_is_made_up_for_within_the_deadline(case: str) -> None:
    late, deadline_s, is_made = LATE[case]
    spec = {} if deadline_s is None else {"startingDeadlineSeconds": deadline_s}
    outcome = look(nightly(**spec), now=DUE + late)
    assert steps(outcome) == (CREATES if is_made else [])
    assert ("lastSkippedTime" in outcome.status) != is_made


def test_of_several_missed_ticks_the_last_one_counts() -> None:
    found = nightly({"lastScheduleTime": stamp(DUE - timedelta(days=30))})
    assert steps(look(found)) == CREATES


def test_what_was_due_before_the_schedule_was_made_is_not_due() -> None:
    found = nightly()
    found["metadata"]["creationTimestamp"] = stamp(SOON)
    assert look(found, now=SOON + timedelta(hours=1)).actions == ()


def test_a_suspended_schedule_makes_none_and_makes_the_last_one_up_later() -> None:
    outcome = look(nightly(suspend=True))
    assert (outcome.actions, conditions(outcome.status)["Ready"]) == ((), ("True", "SuspendedAsAsked"))
    assert "nextScheduleTime" not in outcome.status
    assert steps(look(nightly(outcome.status), now=SOON + timedelta(hours=1))) == CREATES


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, str], bool]] = {
    "no workflow": ({}, {"entry": None}, ("False", "WorkflowMissing"), False),
    "not admitted": (
        {},
        {"entry": Entry("orders", "buy", None, EntryRecord(False, "CallDenied", "no."))},
        ("False", "CallDenied"),
        False,
    ),
    "no schedule": ({"schedule": "99 * * * *"}, {}, ("False", "ScheduleInvalid"), True),
    "no zone": ({"timeZone": "Europe/Berlim"}, {}, ("False", "TimeZoneUnknown"), True),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_keeps_runs_from_being_made_is_said(case: str) -> None:
    spec, observed, ready, lasting = WRONG[case]
    outcome = look(nightly(**spec), **observed)
    assert outcome.actions == ()
    assert conditions(outcome.status)["Ready"] == ready
    assert conditions(outcome.status)["Stalled"][0] == str(lasting)
    assert "lastSkippedTime" not in outcome.status


def test_a_run_that_is_refused_shows_and_is_tried_again() -> None:
    outcome = look(nightly(), refused="quota")
    assert conditions(outcome.status)["Ready"] == ("False", "RunRefused")
    assert message(outcome.status, "Ready") == "quota"
    assert steps(outcome) == CREATES


def test_a_name_that_is_taken_is_left_out() -> None:
    outcome = look(nightly(), taken=frozenset({NAME}))
    assert (outcome.actions, outcome.status["lastSkippedTime"]) == ((), stamp(DUE))


def test_the_oldest_finished_runs_are_deleted_and_no_others() -> None:
    days = [DUE - timedelta(days=number) for number in range(6)]
    good = [made(day, "Completed", completionTime=stamp(day)) for day in days[:4]]
    bad = [made(days[4], "Failed"), made(days[5], "Terminated")]
    running = made(DUE - timedelta(days=9))
    outcome = look(nightly(successfulRunsHistoryLimit=3, failedRunsHistoryLimit=0), *good, *bad, running)
    names = [each["metadata"]["name"] for each in (good[3], bad[1], bad[0])]
    assert steps(outcome) == [("DeleteRun", name) for name in names]
    assert isinstance(outcome.actions[0], DeleteRun)
    assert outcome.status["lastSuccessfulTime"] == stamp(DUE)
    assert (outcome.status["active"], outcome.status["activeCount"]) == ([running["metadata"]["name"]], 1)


def test_what_is_unchanged_is_said_unchanged() -> None:
    first = look(nightly(), made(DUE))
    again = look(nightly(first.status), made(DUE), now=SOON + timedelta(hours=5))
    assert (again.status, again.actions, again.happenings) == (first.status, (), ())


def test_it_is_looked_at_when_the_next_tick_comes_and_at_least_every_minute() -> None:
    assert look(nightly(), made(DUE)).again_s == 60.0
    assert look(nightly(), made(YESTERDAY, "Completed"), now=DUE - timedelta(seconds=7)).again_s == 7.0
