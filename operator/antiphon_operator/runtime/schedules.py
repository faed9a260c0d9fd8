"""The reconciler of WorkflowSchedules: all that they need is in memory, and what they make are WorkflowRuns."""

import logging
from collections.abc import Iterable
from datetime import datetime

from kubernetes.aio.client.exceptions import ApiException

from antiphon_operator.kube.access import said
from antiphon_operator.reconcile import objects, schedule
from antiphon_operator.reconcile.observed import OfSchedule
from antiphon_operator.reconcile.outcome import Body, CreateRun, DeleteRun, Outcome, TerminateRun
from antiphon_operator.runtime.parts import Kube, Saw
from antiphon_operator.runtime.world import World
from antiphon_operator.settings import WORKFLOW_RUNS, WORKFLOW_SCHEDULES, WORKFLOWS

logger = logging.getLogger(__name__)

#: Answers of the API server that say no to the object, as a quota or an admission check does.
_REFUSALS = frozenset((400, 403, 404, 413, 422))


class WorkflowSchedules:
    """WorkflowSchedules."""

    plural = WORKFLOW_SCHEDULES
    of_namespace = False
    asks = False
    guards = False

    def __init__(self, world: World, *, kube: Kube, saw: Saw) -> None:
        self._world = world
        self._kube = kube
        self._saw = saw
        # By uid, why the API server did not take the last run.
        self._refused: dict[str, str] = {}

    def dependents(self, plural: str, body: Body) -> Iterable[str]:
        """Return the schedule that made a run, or the schedules of a Workflow."""
        if plural == WORKFLOW_RUNS:
            return [owner["name"] for owner in objects.owners(body) if owner.get("kind") == objects.SCHEDULE]
        if plural != WORKFLOWS:
            return ()
        about = objects.meta(body)
        found = self._world.cache.of(WORKFLOW_SCHEDULES, about.namespace)
        return [objects.meta(each).name for each in found if each["spec"]["workflowRef"]["name"] == about.name]

    def forget(self, body: Body) -> None:
        """Forget a schedule that is gone."""
        self._refused.pop(body["metadata"].get("uid", ""), None)

    async def observe(self, body: Body) -> None:
        """Ask nothing."""

    def decide(self, body: Body, now: datetime) -> Outcome:
        """Judge one."""
        about = objects.meta(body)
        runs, taken = [], set()
        for each in self._world.cache.of(WORKFLOW_RUNS, about.namespace):
            if any(owner.get("uid") == about.uid for owner in objects.owners(each)):
                runs.append(each)
            elif objects.meta(each).name.startswith(f"{about.name}-"):
                taken.add(objects.meta(each).name)
        observed = OfSchedule(
            entry=self._world.entry(about.namespace, objects.workflow_schedule(body).workflow),
            workflows=self._world.workflows(about.namespace),
            runs=tuple(runs),
            taken=frozenset(taken),
            refused=self._refused.get(about.uid, ""),
        )
        return schedule.reconcile(body, observed, now)

    async def act(self, body: Body, outcome: Outcome) -> None:
        """Carry out what was decided."""
        for action in outcome.actions:
            match action:
                case CreateRun():
                    await self._create(body, action.body)
                case TerminateRun():
                    written = await self._kube.set_desired(WORKFLOW_RUNS, action.body, "Terminated")
                    if written is not None:
                        self._saw(WORKFLOW_RUNS, written)
                case DeleteRun():
                    await self._kube.delete(WORKFLOW_RUNS, action.body)
                case _:
                    raise ValueError(action)

    async def _create(self, body: Body, wanted: Body) -> None:
        uid, name = body["metadata"]["uid"], wanted["metadata"]["name"]
        try:
            made = await self._kube.create(WORKFLOW_RUNS, wanted)
        except ApiException as error:
            if error.status in _REFUSALS:
                self._refused[uid] = (
                    f"WorkflowRun {name} could not be created: {said(error)}. Correct what that names; it is tried "
                    "again, and the last tick is made up for."
                )
            raise
        self._refused.pop(uid, None)
        if made is not None:
            self._saw(WORKFLOW_RUNS, made)
