"""A WorkflowSchedule: which runs are to be made, ended and deleted, and what its status says. Pure.

A run is named after its tick, and a tick counts as started once that object exists: what was done follows from the runs
that are there, so that nothing is made twice after a crash, whenever it comes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from antiphon_names import conditions as reasons
from antiphon_names import errors as codes
from antiphon_names import labels
from antiphon_operator.reconcile import objects, receipt, run
from antiphon_operator.reconcile.appregistration import stalled
from antiphon_operator.reconcile.conditions import Condition, happenings, instant, listed, stamp
from antiphon_operator.reconcile.observed import OfSchedule
from antiphon_operator.reconcile.outcome import Action, Body, CreateRun, DeleteRun, Happening, Outcome, TerminateRun
from antiphon_operator.reconcile.ticks import Ticks, minute, of_minute
from antiphon_operator.settings import GROUP, VERSION
from antiphon_operator.validation import timing

#: Names of runs in the status; the CRD allows no more.
_ACTIVE_MOST = 256
#: Looked at again at least so often, so that a clock that was set does no lasting harm.
_AGAIN_MOST_S = 60.0
#: Ways to end that do not count as failed.
_SUCCESSFUL = "Completed"


def reconcile(body: Body, observed: OfSchedule, now: datetime) -> Outcome:
    """Look at one WorkflowSchedule."""
    return _Look(body, observed, now).outcome()


@dataclass(frozen=True, slots=True)
class _Decided:
    """What becomes of the tick that is due: at most one run, or that it makes none, and why."""

    actions: tuple[Action, ...] = ()
    left_out: datetime | None = None
    happenings: tuple[Happening, ...] = ()


class _Look:
    """One look at one schedule; every method returns without having changed anything."""

    def __init__(self, body: Body, observed: OfSchedule, now: datetime) -> None:
        self._body = body
        self._schedule = objects.workflow_schedule(body)
        self._observed = observed
        self._now = now
        self._before = objects.status(body)
        self._active = [each for each in sorted(observed.runs, key=self._tick) if run.unfinished(each)]
        self._finished = [each for each in observed.runs if not run.unfinished(each)]

    def outcome(self) -> Outcome:
        """Decide."""
        ticks, wrong = self._ticks()
        blocked = wrong or self._blocked()
        due = None if ticks is None or self._schedule.suspend or blocked else self._due(ticks)
        decided = _Decided() if due is None else self._decide(due)
        if self._observed.refused:
            blocked = blocked or Condition("Ready", False, codes.RUN_REFUSED.name, self._observed.refused)
        ready = Condition("Ready", False, blocked.reason, blocked.message) if blocked else self._ready()
        following = None if ticks is None or self._schedule.suspend else ticks.next(self._now)
        status = self._status(ready, wrong, decided.left_out, following)
        told = (*decided.happenings, *happenings(ready, objects.conditions(self._body)))
        again = _AGAIN_MOST_S if following is None else (following - self._now).total_seconds()
        again_s = None if following is None else min(_AGAIN_MOST_S, max(again, 0.1))
        return Outcome(status, told, again_s, (*decided.actions, *self._surplus()))

    # the tick that is due

    def _ticks(self) -> tuple[Ticks | None, Condition | None]:
        """Return the ticks, or why there are none."""
        problems = [*timing.bad_schedule(self._schedule.schedule), *timing.bad_zone(self._schedule.zone)]
        if problems:
            return None, Condition("Ready", False, problems[0].code.name, problems[0].detail)
        return Ticks(timing.fields(self._schedule.schedule), ZoneInfo(self._schedule.zone)), None

    def _due(self, ticks: Ticks) -> datetime | None:
        """Return the last tick that was neither started nor left out."""
        times = (self._last(), instant(self._before.get("lastSkippedTime")), instant(self._schedule.meta.created))
        after = max((each for each in times if each is not None), default=self._now)
        return ticks.last(after=after, until=self._now)

    def _last(self) -> datetime | None:
        """Return the last tick that was started: as the status says, or as the runs that are there do."""
        numbers = [self._tick(each) for each in self._observed.runs]
        times = [of_minute(number) for number in numbers if number]
        before = instant(self._before.get("lastScheduleTime"))
        return max([*times, *([before] if before is not None else [])], default=None)

    def _tick(self, body: Body) -> int:
        number = objects.meta(body).name.removeprefix(f"{self._schedule.meta.name}-")
        return int(number) if number.isdecimal() else 0

    def _decide(self, due: datetime) -> _Decided:
        name = f"{self._schedule.meta.name}-{minute(due)}"
        deadline_s = self._schedule.deadline_s
        if deadline_s is not None and self._now - due > timedelta(seconds=deadline_s):
            return self._left_out(due, "it would be later than spec.startingDeadlineSeconds")
        if name in self._observed.taken:
            return self._left_out(due, f"a WorkflowRun {name} is there that this schedule did not make")
        if self._active and self._schedule.policy == "Forbid":
            unfinished = codes.listing(objects.meta(each).name for each in self._active)
            return self._left_out(due, f"spec.concurrencyPolicy is Forbid, and {unfinished} has not finished")
        if self._active and self._schedule.policy == "Replace":
            # The new one is made when these have ended, which brings this schedule here again.
            ends = [each for each in self._active if objects.workflow_run(each).desired != "Terminated"]
            return _Decided(tuple(TerminateRun(each) for each in ends))
        return _Decided((CreateRun(self._run(name)),))

    def _left_out(self, due: datetime, why: str) -> _Decided:
        return _Decided(left_out=due, happenings=(Happening("Warning", reasons.TICK_LEFT_OUT.name, why),))

    def _run(self, name: str) -> Body:
        about = self._schedule.meta
        owner = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": objects.SCHEDULE,
            "name": about.name,
            "uid": about.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
        return {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "WorkflowRun",
            "metadata": {
                "name": name,
                "namespace": about.namespace,
                "labels": {labels.SCHEDULE: about.name},
                "ownerReferences": [owner],
            },
            "spec": {"workflowRef": {"name": self._schedule.workflow}, **self._schedule.inputs},
        }

    # the runs of before

    def _surplus(self) -> list[Action]:
        """Return what is to be deleted: of the finished runs, the oldest beyond what is kept."""
        good = [each for each in self._finished if objects.status(each).get("phase") == _SUCCESSFUL]
        bad = [each for each in self._finished if objects.status(each).get("phase") != _SUCCESSFUL]
        kept = ((good, self._schedule.keep_successful), (bad, self._schedule.keep_failed))
        return [DeleteRun(each) for found, most in kept for each in self._beyond(found, most)]

    def _beyond(self, found: Iterable[Body], most: int) -> Sequence[Body]:
        oldest_first = sorted(found, key=self._tick)
        surplus = oldest_first[: max(0, len(oldest_first) - most)]
        return [each for each in surplus if not each["metadata"].get("deletionTimestamp")]

    # what is said

    def _blocked(self) -> Condition | None:
        """Return why no run is made although it would be due."""
        entry, name = self._observed.entry, self._schedule.workflow
        if entry is None:
            return run.missing(name, self._observed.workflows)
        if entry.admission is not None and not entry.admission.admit:
            message = f"{entry.admission.message} The last tick is made up for then."
            return Condition("Ready", False, entry.admission.reason, message)
        return None

    def _ready(self) -> Condition:
        if self._schedule.suspend:
            reason = reasons.SUSPENDED_AS_ASKED
            return Condition("Ready", True, reason.name, "spec.suspend is true: no runs are made")
        return Condition("Ready", True, reasons.SCHEDULED.name, reasons.SCHEDULED.summary)

    def _status(
        self, ready: Condition, wrong: Condition | None, left_out: datetime | None, following: datetime | None
    ) -> dict[str, Any]:
        generation = self._schedule.meta.generation
        lasting = None if wrong is None else Condition("Stalled", True, wrong.reason, wrong.message)
        conditions = listed(
            [ready, stalled(lasting)],
            before=objects.conditions(self._body),
            generation=generation,
            now=self._now,
        )
        names = [objects.meta(each).name for each in self._active]
        times = {
            "lastScheduleTime": self._last(),
            "lastSkippedTime": left_out or instant(self._before.get("lastSkippedTime")),
            "lastSuccessfulTime": self._succeeded(),
            "nextScheduleTime": following,
        }
        return {
            "observedGeneration": generation,
            "conditions": conditions,
            "active": names[-_ACTIVE_MOST:],
            "activeCount": len(names),
            **{key: stamp(time) for key, time in times.items() if time is not None},
        }

    def _succeeded(self) -> datetime | None:
        """Return when a run last completed: as the runs that are there say, or as the status did."""
        statuses = [objects.status(each) for each in self._finished]
        ends = [receipt.ended_at(each) for each in statuses if each.get("phase") == _SUCCESSFUL]
        before = instant(self._before.get("lastSuccessfulTime"))
        return max([each for each in (*ends, before) if each is not None], default=None)
