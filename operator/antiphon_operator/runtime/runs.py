"""The reconciler of WorkflowRuns: asks sidecars about their instances, and has these started and steered."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from antiphon_names import errors as codes
from antiphon_operator.clock import Clock
from antiphon_operator.control.client import NotAnswered, Refused, TimedOut
from antiphon_operator.control.instances import DONE_S, WRITTEN_S, code_of, without_code
from antiphon_operator.reconcile import objects, run
from antiphon_operator.reconcile.observed import Absent, Instance, OfRun, Refusal, Unanswered
from antiphon_operator.reconcile.outcome import (
    Body,
    DeleteRun,
    Outcome,
    SetFinalizers,
    StartInstance,
    Steer,
    SteerInstance,
)
from antiphon_operator.runtime.asking import Asking
from antiphon_operator.runtime.parts import Control, Kube, Saw
from antiphon_operator.runtime.world import World
from antiphon_operator.settings import WORKFLOW_RUNS, WORKFLOWS

logger = logging.getLogger(__name__)

#: Sidecars that change places are silent for a moment; only after so many seconds is it worth saying.
_SILENT_S = 10.0
#: A start that was refused or not answered is tried again after so many seconds, later each time.
_START_AGAIN_S = (1.0, 2.0, 5.0, 10.0, 30.0)
#: What was asked of an instance is asked again after so many seconds, if it has had no effect: where no replica of the
#: app runs, each request is a row that waits.
_STEER_AGAIN_S = (15.0, 60.0, 300.0)
#: Refusals that the same request always meets.
_LASTING = frozenset(("INVALID_ARGUMENT", "OUT_OF_RANGE"))


@dataclass(slots=True)
class _Known:
    """What is remembered of a run beside its object; times are monotonic. Forgotten with no harm."""

    found: Instance | Absent | Unanswered | None = None
    silent_since: float | None = None
    refused: Refusal | None = None
    starts: int = 0
    start_at: float = 0.0
    steered: Steer | None = None
    steers: int = 0
    steer_at: float = 0.0


class WorkflowRuns:
    """WorkflowRuns."""

    plural = WORKFLOW_RUNS
    of_namespace = False
    asks = True
    guards = True

    def __init__(self, world: World, control: Control, *, kube: Kube, clock: Clock, saw: Saw) -> None:
        self._world = world
        self._control = control
        self._kube = kube
        self._clock = clock
        self._saw = saw
        self._asking = Asking(clock)
        self._known: dict[str, _Known] = {}

    def dependents(self, plural: str, body: Body) -> Iterable[str]:
        """Return the runs of a Workflow that wait for it."""
        if plural != WORKFLOWS:
            return ()
        about = objects.meta(body)
        return [
            objects.meta(each).name
            for each in self._world.cache.of(WORKFLOW_RUNS, about.namespace)
            if run.waits(each) and objects.workflow_run(each).workflow == about.name
        ]

    def forget(self, body: Body) -> None:
        """Forget a run that is gone."""
        self._known.pop(body["metadata"].get("uid", ""), None)

    async def observe(self, body: Body) -> None:
        """Ask for the instance, when there may be one."""
        known = self._of(body)
        app_id = run.app_of(body)
        if app_id is None or not run.unfinished(body):
            known.found = None
            return
        known.found = await self._find(known, body, app_id)

    async def _find(self, known: _Known, body: Body, app_id: str) -> Instance | Absent | Unanswered:
        wanted = objects.workflow_run(body)
        sidecars = self._world.sidecars(wanted.meta.namespace, app_id)
        if isinstance(sidecars, Unanswered):
            return self._silence(known, sidecars)
        try:
            found = await self._asking.ask(
                sidecars,
                app_id,
                wanted.instance_id,
                lambda address: self._control.get(address, app_id, wanted.instance_id),
            )
        except Refused as refused:
            if code_of(refused.details) == codes.TARGET_APP_NOT_FOUND.name:
                # The store has never seen the app, let alone an instance of it.
                return Absent()
            return self._silence(known, _silent(app_id, str(refused)))
        except NotAnswered as error:
            return self._silence(known, _silent(app_id, str(error)))
        known.silent_since = None
        return found

    def _silence(self, known: _Known, said: Unanswered) -> Unanswered:
        now = self._clock.monotonic()
        known.silent_since = now if known.silent_since is None else known.silent_since
        return Unanswered(said.reason, said.message, lately=now - known.silent_since < _SILENT_S)

    def decide(self, body: Body, now: datetime) -> Outcome:
        """Judge one."""
        about, known = objects.meta(body), self._of(body)
        wanted = objects.workflow_run(body)
        entry = self._world.entry(about.namespace, wanted.workflow)
        app_id = run.app_of(body) or (None if entry is None else entry.app_id)
        sidecars = None if app_id is None else self._world.sidecars(about.namespace, app_id)
        at = self._clock.monotonic()
        outcome = run.reconcile(
            body,
            OfRun(
                entry=entry,
                workflows=self._world.workflows(about.namespace),
                reachable=sidecars if isinstance(sidecars, Unanswered) else True,
                found=known.found,
                refused=known.refused,
                may_start=at >= known.start_at,
                steered=known.steered if at < known.steer_at else None,
            ),
            now,
        )
        if run.over(outcome):
            self.forget(body)
        return outcome

    def _of(self, body: Body) -> _Known:
        return self._known.setdefault(body["metadata"].get("uid", ""), _Known())

    async def act(self, body: Body, outcome: Outcome) -> None:
        """Carry out what was decided."""
        for action in outcome.actions:
            match action:
                case StartInstance():
                    await self._start(body, action)
                case SteerInstance():
                    await self._steer(body, action)
                case SetFinalizers():
                    written = await self._kube.set_finalizers(WORKFLOW_RUNS, body, action.finalizers)
                    if written is not None:
                        self._saw(WORKFLOW_RUNS, written)
                case DeleteRun():
                    await self._kube.delete(WORKFLOW_RUNS, action.body)
                case _:
                    raise ValueError(action)

    async def _start(self, body: Body, wish: StartInstance) -> None:
        known, namespace = self._of(body), objects.meta(body).namespace
        known.start_at = self._clock.monotonic() + _START_AGAIN_S[min(known.starts, len(_START_AGAIN_S) - 1)]
        known.starts += 1
        sidecars = self._world.sidecars(namespace, wish.app_id)
        if isinstance(sidecars, Unanswered):
            known.refused = Refusal(sidecars.reason, sidecars.message)
            return
        attended = any(replica.app == wish.app_id and replica.workers for replica in sidecars)

        async def ask(address: str) -> None:
            try:
                await self._control.start(address, wish, timeout_s=DONE_S if attended else WRITTEN_S)
            except TimedOut:
                # Where no worker is there, the answer is not waited for, and nothing is wrong with the sidecar.
                if attended:
                    raise

        try:
            await self._asking.ask(sidecars, wish.app_id, wish.instance_id, ask)
        except Refused as refused:
            reason = code_of(refused.details) or codes.START_NOT_ADMITTED.name
            known.refused = Refusal(reason, without_code(refused.details), lasting=refused.status in _LASTING)
            logger.info("an instance was not started", extra={"instance": wish.instance_id, "error": str(refused)})
        except NotAnswered as error:
            # It may have been started all the same: the next look tells.
            logger.info("nobody has answered a start", extra={"instance": wish.instance_id, "error": str(error)})
        else:
            known.refused = None

    async def _steer(self, body: Body, wish: SteerInstance) -> None:
        known, namespace = self._of(body), objects.meta(body).namespace
        known.steers = known.steers + 1 if known.steered == wish.to else 0
        known.steered = wish.to
        sidecars = self._world.sidecars(namespace, wish.app_id)
        if isinstance(sidecars, Unanswered):
            return
        try:
            await self._asking.ask(
                sidecars, wish.app_id, wish.instance_id, lambda address: self._control.steer(address, wish)
            )
        except NotAnswered as error:
            known.steer_at = self._clock.monotonic() + _START_AGAIN_S[1]
            logger.info("an instance was not steered", extra={"instance": wish.instance_id, "error": str(error)})
        else:
            pause_s = _STEER_AGAIN_S[min(known.steers, len(_STEER_AGAIN_S) - 1)]
            known.steer_at = self._clock.monotonic() + pause_s


def _silent(app_id: str, error: str) -> Unanswered:
    return Unanswered(
        codes.SIDECARS_SILENT.name,
        f"none of the sidecars of app {app_id}'s state store answers: {error}. The instance does not depend on it. "
        "Look whether the operator reaches their peer ports; it asks again.",
    )
