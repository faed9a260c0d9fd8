"""What a replica does for concurrency limits: it carries questions to the store and news of free grants to others."""

import asyncio
from typing import TYPE_CHECKING, Any

from antiphon_sidecar.engine.turn import Turn
from antiphon_sidecar.peers.base import Freed
from antiphon_sidecar.runtime.grants import Asked, Grants
from antiphon_sidecar.runtime.lane import Lane
from antiphon_sidecar.stores.limits import Grant, GrantKind, Limited

if TYPE_CHECKING:
    from antiphon_sidecar.runtime.replica import Replica

#: Replicas that wait for a free grant ask within this time of each other, so that each gets its share.
_TURN_S = 0.02


class Limiting:
    """One replica's part; `workflows` are the grants of its app's workflows, those of activities are the intake's."""

    def __init__(self, replica: "Replica") -> None:
        self._replica = replica
        self.workflows: Grants[Lane] = Grants(
            app=replica.identity.app,
            kind=GrantKind.WORKFLOW,
            most=replica.parts.concurrency.workflows,
            ask=self.ask_grants,
            give_back=self.give_grant_back,
            granted=self._granted,
        )

    def follow(self) -> None:
        """Take the limits that hold now: the operator's, name by name, win over those of the settings."""
        parts = self._replica.parts
        record = parts.registry.record(self._replica.identity.app)
        activities, workflows = (record.activity_limits, record.workflow_limits) if record is not None else ({}, {})
        self._replica.intake.grants.follow({**parts.concurrency.activities, **activities})
        self.workflows.follow({**parts.concurrency.workflows, **workflows})

    def ask_grants(self, grants: Grants[Any], name: str) -> None:
        """Have the store give grants to those at the front, then call `Grants.answered`."""
        self._replica.work.grant_asks.add((grants, name))

    def give_grant_back(self, grants: Grants[Any], limited: Limited, grant: Grant) -> None:
        """Have the store take a grant back."""
        self._replica.work.grant_returns.add((grants, limited, grant))

    # workflows (effects.Gate)

    def may_begin(self, lane: Lane, turn: Turn) -> bool:
        """Tell whether a run may have its first turn; if not, it is woken when it may."""
        state = turn.base
        if not self.workflows.limits(state.name) or state.started or state.generation or lane.granted:
            return True
        if not turn.needs_worker and not any(message.kept_history for message in turn.consumed):
            # Suspended, or ended, before it began; a rerun begins without a worker.
            return True
        grant = Grant(lane.instance_id, state.incarnation.hex())
        self.workflows.wait(state.name, Asked(grant, "", lane))
        return False

    def _granted(self, lane: Lane) -> None:
        lane.granted = True
        self._replica.instances.wake(lane.instance_id)

    def run_ended(self, lane: Lane) -> None:
        """Give a run's grant back: it is over."""
        state = lane.state
        if state is not None and self.workflows.limits(state.name):
            grant = Grant(lane.instance_id, state.incarnation.hex())
            self.workflows.forget(state.name, grant)
            self.workflows.give_back(state.name, grant)
            lane.granted = False

    # who is next

    def retry(self) -> None:
        """Ask again for all who wait: grants may have become free elsewhere."""
        self.workflows.retry()
        self._replica.intake.grants.retry()

    def freed(self, grants: Grants[Any], limited: Limited) -> None:
        """Let everybody who waits for this name try again; others get the same chance as this replica."""
        replica = self._replica
        others = [r.replica for r in replica.parts.coordinator.view().of_app(limited.app)]
        others = [other for other in others if other != replica.identity.replica]
        for other in others:
            replica.send(other, Freed(limited.app, int(limited.kind), limited.name))
        if others:
            delay = _TURN_S * replica.parts.clock.jitter()
            asyncio.get_running_loop().call_later(delay, grants.retry, limited.name)
        else:
            grants.retry(limited.name)

    def heard(self, message: Freed) -> None:
        """Another replica gave a grant back."""
        if message.app == self._replica.identity.app:
            activity = message.kind == GrantKind.ACTIVITY
            grants: Grants[Any] = self._replica.intake.grants if activity else self.workflows
            grants.retry(message.name)
