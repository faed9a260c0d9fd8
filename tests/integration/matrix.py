"""One cell of the fault matrix: instances run, something goes wrong, everything is judged."""

import asyncio
import os
import time
from collections.abc import Mapping

from antiphon import Client, Status
from tests.integration import clients
from tests.integration.campaigns import SHARES, Campaign, Plan
from tests.integration.clients import Deadline
from tests.integration.faults import Cell
from tests.integration.fleets import LEASE_S, Fleet
from tests.integration.leftovers import behind
from tests.integration.stopwatch import Stopwatch

#: Instances run for this long before the fault, in seconds.
_BEFORE_S = 1.0
#: When a fault is over, every instance goes on within a lease and this, in seconds of the fleet's own time.
_RECOVERY_S = 2.0
_PROBES = 8
_LOOK_S = 0.2


async def judge(
    made: Fleet,
    cell: Cell,
    *,
    turn: int = 0,
    instances: int = 40,
    work_s: float = 0.4,
    finish_s: float = 90.0,
    shares: Mapping[str, int] = SHARES,
) -> None:
    """Run a cell; fails with what it broke.

    Besides what a campaign checks: within a lease and two seconds after the fault every instance has gone on, and
    instances that were started right after it are through, on the fleet's own time (`Stopwatch`). The longest step of
    an instance comes on top, `work_s`.
    """
    tag = f"{cell.__name__}-{time.monotonic_ns():x}-"

    async def disturb() -> None:
        await asyncio.sleep(_BEFORE_S)
        began = time.monotonic()
        await cell(made)
        fault_s = time.monotonic() - began
        took = await _all_go_on(made, tag, within_s=LEASE_S + _RECOVERY_S + work_s, patience_s=finish_s)
        print(f"{cell.__name__}: fault {fault_s:.1f} s; all have gone on after {took}; load {os.getloadavg()[0]:.0f}")

    plan = Plan(seed=turn, instances=instances, pause_s=(0, 0), work_s=work_s, finish_s=finish_s, shares=shares)
    await Campaign(made, plan, disturb, under_way_s=LEASE_S / 2, tag=tag).run()


async def _all_go_on(made: Fleet, tag: str, *, within_s: float, patience_s: float) -> str:
    """Wait until every instance has gone on and new ones are through; say how long that took."""
    since_ns, watch = time.time_ns(), Stopwatch(made)
    probes = [asyncio.create_task(_probe(made, f"{tag}probe-{n}", within_s=patience_s)) for n in range(_PROBES)]
    try:
        while True:
            late = await behind(made.store, since_ns=since_ns)
            new = [probe for probe in probes if not probe.done()]
            took = f"{watch.wall_s():.1f} s, {watch.fair_s():.1f} s of them with a CPU"
            if not late and not new:
                await asyncio.gather(*probes)
                return took
            assert watch.fair_s() < within_s, (
                f"{took}, and not {within_s:.1f} s: {len(late)} instances have not gone on, and {len(new)} of "
                f"{_PROBES} new ones are not through; {', '.join(late[:20])}"
            )
            await asyncio.sleep(_LOOK_S)
    finally:
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)


async def _probe(made: Fleet, instance_id: str, *, within_s: float) -> None:
    """Run a short instance, in whichever partition."""
    deadline = Deadline(within_s)
    async with Client(address=made.address()) as client:
        await clients.start(client, "once", 0.0, instance_id=instance_id, deadline=deadline)
        (state,) = (await clients.outcomes(client, [instance_id], deadline=deadline)).values()
    assert state is not None, f"{instance_id}, started after the fault, is not through within {within_s:.1f} s"
    assert state.status is Status.COMPLETED, state
