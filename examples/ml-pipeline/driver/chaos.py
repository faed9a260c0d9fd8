"""Kills the host and the training app with SIGKILL while candidates are being trained, and starts them again."""

import time

from driver.ledger import Ledger
from driver.processes import Stage
from driver.screen import Screen
from driver.verdict import Kill

APP = "training"
ACTIVITY = "train_candidate"
_RUNNING_LEAST = 2
_ACKNOWLEDGED_LEAST = 2


class Chaos:
    """One kill, at the first moment that proves something."""

    def __init__(self, stage: Stage, *, ledger: Ledger, screen: Screen) -> None:
        self._stage = stage
        self._ledger = ledger
        self._screen = screen
        self.kill: Kill | None = None

    async def look(self) -> None:
        """Strike if some candidates are acknowledged and others are being trained; does so once.

        Raises:
            HostNotUp: the host does not come back.
        """
        calls = [call for call in self._ledger.of(APP) if call.activity == ACTIVITY]
        running = [call for call in calls if call.running]
        acknowledged = [call for call in calls if call.acknowledged]
        if self.kill is None and len(running) >= _RUNNING_LEAST and len(acknowledged) >= _ACKNOWLEDGED_LEAST:
            await self._strike()

    async def _strike(self) -> None:
        stage, training = self._stage, self._stage.apps[APP]
        pids = (stage.host.pids[-1], training.pids[-1])
        await stage.host.kill()
        await training.kill()
        at_ns = time.time_ns()
        # Nothing writes to this record any more: what it says now is what was true at the kill.
        self._ledger.read()
        calls = self._ledger.of(APP)
        self.kill = Kill(
            killed=(stage.host.name, training.name),
            at_ns=at_ns,
            acknowledged=frozenset(call.key for call in calls if call.acknowledged),
            running=frozenset(call.key for call in calls if call.running),
        )
        titles = ", ".join(call.title for call in calls if call.running)
        self._screen.note(
            f"SIGKILL to the host (pid {pids[0]}) and to {APP} (pid {pids[1]}), in the middle of: {titles}"
        )
        await stage.host.start()
        await training.start()
        await stage.host_listens()
        self._screen.note(f"both are back: host is pid {stage.host.pids[-1]}, {APP} is pid {training.pids[-1]}")
