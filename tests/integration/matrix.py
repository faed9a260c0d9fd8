"""One cell of the fault matrix: instances run, something goes wrong, everything is judged."""

import asyncio
import time
from collections.abc import Mapping

from antiphon import Client, Status
from tests.integration import clients
from tests.integration.campaigns import SHARES, Campaign, Plan
from tests.integration.clients import Deadline
from tests.integration.faults import Cell
from tests.integration.fleets import LEASE_S, Fleet
from tests.integration.leftovers import behind

#: Instances run for this long before the fault, in seconds.
_BEFORE_S = 1.0
#: When a fault is over, every instance goes on within a lease and this, in seconds.
_RECOVERY_S = 2.0
_PROBES = 8


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
    instances that were started right after it are through. The longest step of an instance comes on top, `work_s`.
    """
    tag = f"{cell.__name__}-{time.monotonic_ns():x}-"

    async def disturb() -> None:
        await asyncio.sleep(_BEFORE_S)
        began = time.monotonic()
        await cell(made)
        over_ns, over = time.time_ns(), time.monotonic()
        bound_s = LEASE_S + _RECOVERY_S + work_s
        probe_s = await _probe(made, tag, within_s=bound_s)
        await asyncio.sleep(max(0.0, over + bound_s - time.monotonic()))
        late = await behind(made.store, since_ns=over_ns)
        print(f"{cell.__name__}: fault {over - began:.1f} s, then {probe_s:.1f} s for {_PROBES} new instances", end="")
        print(f", {len(late)} late {late[:6]}" if late else "")
        assert not late, f"{len(late)} instances have not gone on within {bound_s:.1f} s: {', '.join(late[:20])}"

    plan = Plan(seed=turn, instances=instances, pause_s=(0, 0), work_s=work_s, finish_s=finish_s, shares=shares)
    await Campaign(made, plan, disturb, under_way_s=LEASE_S / 2, tag=tag).run()


async def _probe(made: Fleet, tag: str, *, within_s: float) -> float:
    """Start short instances in several partitions; return how long it took until all were through."""
    began, deadline = time.monotonic(), Deadline(within_s)

    async def one(client: Client, instance_id: str) -> None:
        await clients.start(client, "once", 0.0, instance_id=instance_id, deadline=deadline)
        (state,) = (await clients.outcomes(client, [instance_id], deadline=deadline)).values()
        assert state is not None, f"{instance_id}, started after the fault, is not through within {within_s:.1f} s"
        assert state.status is Status.COMPLETED, state

    async with Client(address=made.address()) as client:
        await asyncio.gather(*(one(client, f"{tag}probe-{number}") for number in range(_PROBES)))
    return time.monotonic() - began
