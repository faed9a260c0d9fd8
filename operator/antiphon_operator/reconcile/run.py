"""A WorkflowRun: one instance of a Workflow, started once, steered as `spec.desired` says, and its receipt. Pure.

The app is written into the status before a sidecar is asked, so that a repeat after a crash asks for the same instance
of the same app, whatever became of the Workflow meanwhile. Its ID follows from the object, and a start with an ID that
is there begins nothing: the two together make a run start once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from antiphon_names import conditions as reasons
from antiphon_names import errors as codes
from antiphon_names import labels
from antiphon_names.conditions import Reason
from antiphon_operator.reconcile import objects, receipt
from antiphon_operator.reconcile.conditions import PENDING_S, Condition, happenings, instant, listed, shortened, stamp
from antiphon_operator.reconcile.observed import Absent, Entry, Failure, Instance, OfRun, Refusal, Unanswered
from antiphon_operator.reconcile.outcome import (
    Action,
    Body,
    DeleteRun,
    Happening,
    Outcome,
    SetFinalizers,
    StartInstance,
    Steer,
    SteerInstance,
)

#: Looked at again after a tenth of its age, between these, in seconds.
_AGAIN_LEAST_S = 1.0
_AGAIN_MOST_S = 30.0
#: A start that was sent may still take effect for so long; only then is an instance that is not there none.
_SETTLED_S = 30.0
#: An instance that was there and is not any more is given up after so many seconds.
_VANISHED_S = 60.0
#: Reasons of a run that this operator has suspended, or was about to.
_SUSPENDED_BY_US = frozenset(each.name for each in (reasons.SUSPENDING, reasons.SUSPENDED_AS_ASKED, reasons.RESUMING))
#: Reasons that are no news.
_QUIET = frozenset(each.name for each in (reasons.PENDING, reasons.WAITING, reasons.SUSPENDED_AS_ASKED))


def reconcile(body: Body, observed: OfRun, now: datetime) -> Outcome:
    """Look at one WorkflowRun."""
    return _Look(body, observed, now).outcome()


def unfinished(body: Body) -> bool:
    """Tell whether a run has not ended, as far as its status says."""
    return not receipt.finished(objects.status(body))


def waits(body: Body) -> bool:
    """Tell whether a run waits for something before it can start."""
    return unfinished(body) and "startTime" not in objects.status(body)


def over(outcome: Outcome) -> bool:
    """Tell whether an instance has ended, or will never begin, by what was decided."""
    return receipt.finished(outcome.status)


def app_of(body: Body) -> str | None:
    """Return the app that was, or is about to be, asked for the instance; None before that."""
    return objects.status(body).get("appId")


def missing(name: str, workflows: Sequence[str]) -> Condition:
    """Return what is said of a Workflow that does not exist."""
    return Condition(
        "",
        False,
        codes.WORKFLOW_MISSING.name,
        f'this namespace has no Workflow "{name}"; it has {codes.listing(workflows)}.{codes.nearest(name, workflows)} '
        "It goes on as soon as there is one. Create it.",
    )


class _Look:
    """One look at one run; every method returns without having changed anything."""

    def __init__(self, body: Body, observed: OfRun, now: datetime) -> None:
        self._run = objects.workflow_run(body)
        self._body = body
        self._observed = observed
        self._now = now
        self._before = objects.status(body)
        self._known = objects.conditions(body)

    def outcome(self) -> Outcome:
        """Decide."""
        run = self._run
        if receipt.finished(self._before):
            return self._after_the_end(self._before)
        if run.deleting and labels.FINALIZER not in run.finalizers:
            return Outcome(self._before)
        if run.terminate_on_deletion and not run.deleting and labels.FINALIZER not in run.finalizers:
            # Before anything is started that it has to guard.
            return self._waits(self._pending(reasons.PENDING), again_s=0.0, actions=(self._guarded(),))
        match self._observed.found:
            case Instance() as found:
                return self._of_instance(found)
            case Unanswered() as unanswered:
                return self._unanswered(unanswered)
            case Absent() if "startTime" in self._before:
                return self._vanished()
            case _:
                return self._not_started()

    # not started

    def _not_started(self) -> Outcome:
        run = self._run
        if run.deleting:
            return self._never(Outcome(self._before, actions=(self._released(),)))
        if run.desired == "Terminated":
            reason = reasons.TERMINATED
            message = "spec.desired is Terminated, so that it was never started"
            return self._never(self._ended("Terminated", _no(reason.name, message), at=self._now))
        if run.desired == "Suspended":
            return self._waits(
                _blocked(reasons.SUSPENDED_AS_ASKED, "spec.desired is Suspended: it starts once it is Running.")
            )
        entry = self._observed.entry
        refused = self._observed.refused
        if refused is not None and refused.lasting:
            failed = Failure(refused.reason, refused.message)
            ended = self._ended("Failed", _no(refused.reason, refused.message), at=self._now, failure=failed)
            return self._never(ended)
        blocked = self._blocked(entry)
        if blocked is not None:
            return self._waits(self._young(blocked))
        assert entry is not None, "it would be blocked"
        return self._start(entry, refused)

    def _never(self, settled: Outcome) -> Outcome:
        """Do so once it is certain that no start is under way."""
        started = self._condition("Started")
        since = instant(started.get("lastTransitionTime")) if started.get("status") == "Unknown" else None
        if app_of(self._body) is None or since is None:
            return settled
        left = _SETTLED_S - (self._now - since).total_seconds()
        return settled if left <= 0 else Outcome(self._before, again_s=min(left, 5.0))

    def _blocked(self, entry: Entry | None) -> Condition | None:
        """Return why it cannot be started now."""
        name = self._run.workflow
        if entry is None:
            return missing(name, self._observed.workflows)
        if entry.admission is None:
            return _blocked(reasons.WAITING, f'Workflow "{name}" has not been judged yet.')
        if not entry.admission.admit:
            return Condition("Started", False, entry.admission.reason, entry.admission.message)
        reachable = self._observed.reachable
        if isinstance(reachable, Unanswered):
            return Condition("Started", False, reachable.reason, reachable.message)
        return None

    def _young(self, blocked: Condition) -> Condition:
        """Return what is said of a run that was applied only now: what it needs may be applied together with it."""
        created = instant(self._run.meta.created)
        if created is None or (self._now - created).total_seconds() >= PENDING_S:
            return blocked
        return _blocked(reasons.WAITING, blocked.message)

    def _start(self, entry: Entry, refused: Refusal | None) -> Outcome:
        run = self._run
        app_id = app_of(self._body) or entry.app_id
        start = StartInstance(app_id, run.instance_id, entry.workflow, entry.version, run.input)
        actions = (start,) if self._observed.may_start else ()
        if refused is not None:
            said = Condition("Started", False, refused.reason, refused.message)
            return self._waits(said, app_id=app_id, actions=actions)
        reason = reasons.STARTING
        said = Condition("Started", None, reason.name, f"{reason.summary} in app {app_id}")
        return self._waits(said, app_id=app_id, actions=actions, again_s=0.0 if actions else None)

    def _waits(
        self,
        started: Condition,
        *,
        app_id: str | None = None,
        actions: tuple[Action, ...] = (),
        again_s: float | None = None,
    ) -> Outcome:
        started = Condition("Started", started.status, started.reason, started.message)
        succeeded = Condition("Succeeded", None, started.reason, started.message)
        status = self._status("Pending", succeeded, started)
        app_id = app_id or app_of(self._body)
        if app_id is not None:
            status |= {"appId": app_id, "instanceId": self._run.instance_id}
        told = () if started.reason in _QUIET else happenings(started, self._known)
        return Outcome(status, told, self._age_s() if again_s is None else again_s, actions)

    # started

    def _of_instance(self, found: Instance) -> Outcome:
        if found.ended:
            return self._of_ended(found)
        wanted, succeeded = self._steering(found)
        started = Condition("Started", True, reasons.STARTED.name, f"instance {self._run.instance_id}")
        status = self._status(receipt.phase(found), succeeded, started) | self._identity() | receipt.times(found)
        actions: tuple[Action, ...] = ()
        if wanted is not None and self._observed.steered != wanted:
            why = f"WorkflowRun {self._run.meta.name}: {'deleted' if self._run.deleting else 'spec.desired'}"
            actions = (SteerInstance(wanted, status["appId"], self._run.instance_id, why),)
        told: tuple[Happening, ...] = ()
        if "startTime" not in self._before:
            told = (Happening("Normal", started.reason, started.message),)
        return Outcome(status, told, self._age_s(since=found.created) if wanted is None else _AGAIN_LEAST_S, actions)

    def _steering(self, found: Instance) -> tuple[Steer | None, Condition]:
        """Return what is to be done about the instance, and what is said of it."""
        run, suspended = self._run, found.state == "SUSPENDED"
        if run.deleting or run.desired == "Terminated":
            return "terminate", _unknown(reasons.TERMINATING)
        if run.desired == "Suspended":
            return (
                (None, _unknown(reasons.SUSPENDED_AS_ASKED)) if suspended else ("suspend", _unknown(reasons.SUSPENDING))
            )
        if suspended:
            ours = self._condition("Succeeded").get("reason") in _SUSPENDED_BY_US
            return ("resume", _unknown(reasons.RESUMING)) if ours else (None, _unknown(reasons.SUSPENDED_ELSEWHERE))
        if found.waiting_on:
            text = f"it cannot go on ({found.waiting_on}): `kubectl antiphon why {run.instance_id}` says what to do"
            return None, Condition("Succeeded", None, found.waiting_on, text)
        return None, _unknown(reasons.NOT_TAKEN_UP if found.state == "PENDING" else reasons.RUNNING)

    def _of_ended(self, found: Instance) -> Outcome:
        at = found.completed or self._now
        match receipt.phase(found):
            case "Completed":
                took = receipt.duration((at - found.created).total_seconds())
                succeeded = Condition("Succeeded", True, reasons.COMPLETED.name, f"completed after {took}")
            case "Failed":
                failure = found.failure or Failure("", "the state store holds no failure of it")
                message = f"{failure.type}: {failure.message}" if failure.type else failure.message
                succeeded = _no(failure.code or reasons.FAILED.name, message)
            case _:
                succeeded = _no(reasons.TERMINATED.name, "it was terminated")
        return self._ended(receipt.phase(found), succeeded, at=at, found=found)

    def _ended(
        self,
        phase: str,
        succeeded: Condition,
        *,
        at: datetime,
        found: Instance | None = None,
        failure: Failure | None = None,
    ) -> Outcome:
        started = Condition("Started", False, succeeded.reason, succeeded.message)
        if found is not None or "startTime" in self._before:
            started = Condition("Started", True, reasons.STARTED.name, f"instance {self._run.instance_id}")
        status = self._status(phase, succeeded, started) | {"completionTime": stamp(at)}
        for key in ("startTime", "appId", "instanceId"):
            if key in self._before:
                status[key] = self._before[key]
        if found is not None:
            status |= self._identity() | receipt.times(found) | receipt.results(found)
        elif failure is not None:
            status["failure"] = receipt.failure(failure)
        after = self._after_the_end(status)
        kind: Literal["Normal", "Warning"] = "Warning"
        if succeeded.status or succeeded.reason == reasons.TERMINATED.name:
            kind = "Normal"
        told = Happening(kind, succeeded.reason, shortened(succeeded.message))
        return Outcome(status, (told,), after.again_s, after.actions)

    def _after_the_end(self, status: Body) -> Outcome:
        """Let the object go: the finalizer at once, the object itself when its time is over."""
        run = self._run
        actions: list[Action] = [self._released()] if labels.FINALIZER in run.finalizers else []
        ended = receipt.ended_at(status)
        if run.ttl_s is None or run.deleting or ended is None:
            return Outcome(status, actions=tuple(actions))
        left = (ended + timedelta(seconds=run.ttl_s) - self._now).total_seconds()
        if left > 0:
            return Outcome(status, again_s=left, actions=tuple(actions))
        return Outcome(status, actions=(*actions, DeleteRun(self._body)))

    # not known

    def _unanswered(self, unanswered: Unanswered) -> Outcome:
        """Keep what was known; the instance goes on, or waits, without being asked."""
        if unanswered.lately:
            return Outcome(self._before, again_s=_AGAIN_LEAST_S)
        started = self._condition("Started")
        known = {"True": True, "False": False}.get(str(started.get("status")))
        kept = Condition("Started", known, started.get("reason", unanswered.reason), started.get("message", ""))
        if "startTime" not in self._before:
            kept = Condition("Started", None, unanswered.reason, unanswered.message)
        succeeded = Condition("Succeeded", None, unanswered.reason, unanswered.message)
        # Whether this operator suspended it must not be forgotten meanwhile.
        was = self._condition("Succeeded")
        if was.get("reason") in _SUSPENDED_BY_US:
            succeeded = Condition("Succeeded", None, was["reason"], unanswered.message)
        status = {**self._before, **self._status(self._before.get("phase", "Pending"), succeeded, kept)}
        return Outcome(status, again_s=self._age_s())

    def _vanished(self) -> Outcome:
        reason = codes.INSTANCE_NOT_FOUND
        message = (
            f"instance {self._run.instance_id} is no longer in the state store of app {app_of(self._body)}: it was "
            "purged, or its retention was over, before the operator saw its end. It is not started again."
        )
        was = self._condition("Started")
        since = instant(was.get("lastTransitionTime")) if was.get("reason") == reason.name else self._now
        if since is not None and (self._now - since).total_seconds() >= _VANISHED_S:
            if self._run.deleting:
                return Outcome(self._before, actions=(self._released(),))
            failure = Failure(reason.name, message)
            return self._ended("Failed", _no(reason.name, message), at=self._now, failure=failure)
        gone = Condition("Started", False, reason.name, message)
        unknown = Condition("Succeeded", None, reason.name, message)
        status = {**self._before, **self._status(self._before.get("phase", "Running"), unknown, gone)}
        return Outcome(status, again_s=5.0)

    # parts

    def _identity(self) -> dict[str, Any]:
        return {"appId": app_of(self._body), "instanceId": self._run.instance_id}

    def _status(self, phase: str, succeeded: Condition, started: Condition) -> dict[str, Any]:
        generation = self._run.meta.generation
        return {
            "observedGeneration": generation,
            "phase": phase,
            "conditions": listed([succeeded, started], before=self._known, generation=generation, now=self._now),
        }

    def _pending(self, reason: Reason) -> Condition:
        return Condition("Started", False, reason.name, reason.summary)

    def _condition(self, kind: str) -> Body:
        return next((each for each in self._known if each.get("type") == kind), {})

    def _guarded(self) -> SetFinalizers:
        return SetFinalizers((*self._run.finalizers, labels.FINALIZER))

    def _released(self) -> SetFinalizers:
        return SetFinalizers(tuple(each for each in self._run.finalizers if each != labels.FINALIZER))

    def _age_s(self, *, since: datetime | None = None) -> float:
        """Return when to look again: old runs seldom, so that many of them cost little."""
        begun = since or instant(self._run.meta.created) or self._now
        return min(_AGAIN_MOST_S, max(_AGAIN_LEAST_S, (self._now - begun).total_seconds() / 10))


def _blocked(reason: Reason, message: str) -> Condition:
    return Condition("Started", False, reason.name, message)


def _no(reason: str, message: str) -> Condition:
    return Condition("Succeeded", False, reason, message)


def _unknown(reason: Reason) -> Condition:
    return Condition(
        "Succeeded", None, reason.name, f"{reason.summary}. {reason.fix}" if reason.fix else reason.summary
    )
