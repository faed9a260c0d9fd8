"""The reconcilers of AppRegistrations, Workflows and StateStores: all they need is in memory."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from antiphon_operator.reconcile import appregistration, statestore, workflow
from antiphon_operator.reconcile.outcome import Outcome
from antiphon_operator.runtime.world import World
from antiphon_operator.settings import APP_REGISTRATIONS, STATE_STORES, WORKFLOWS

Body = Mapping[str, Any]


class _FromMemory:
    """A kind that is judged by what is in memory, and has nothing to carry out but status and Events."""

    of_namespace = True
    asks = False
    guards = False

    def __init__(self, world: World) -> None:
        self._world = world

    def dependents(self, plural: str, body: Body) -> Iterable[str]:
        """Return nothing: what concerns these kinds concerns their whole namespace."""
        return ()

    def forget(self, body: Body) -> None:
        """Remember nothing."""

    async def observe(self, body: Body) -> None:
        """Ask nothing."""

    async def act(self, body: Body, outcome: Outcome) -> None:
        """Do nothing more."""


class AppRegistrations(_FromMemory):
    """AppRegistrations."""

    plural = APP_REGISTRATIONS

    def decide(self, body: Body, now: datetime) -> Outcome:
        """Judge one."""
        return appregistration.reconcile(body, self._world.of_registration(body), now)


class Workflows(_FromMemory):
    """Workflows."""

    plural = WORKFLOWS

    def decide(self, body: Body, now: datetime) -> Outcome:
        """Judge one."""
        return workflow.reconcile(body, self._world.verdicts(body), self._world.of_workflow(body), now)


class StateStores(_FromMemory):
    """StateStores."""

    plural = STATE_STORES

    def decide(self, body: Body, now: datetime) -> Outcome:
        """Judge one."""
        return statestore.reconcile(body, self._world.of_store(body), now)
