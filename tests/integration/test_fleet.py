"""The fault matrix: three apps with three replicas each, one thing goes wrong while instances run, nothing is lost.

Each cell is one fault; what is checked afterwards is the same for all (`campaigns`): every instance has completed,
histories are legal, what they record was done, no row is left, and nothing whose result was acknowledged ran again.
CELLS=name,name chooses, TIMES=n repeats them.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.integration.campaigns import Campaign, Plan
from tests.integration.fleets import LEASE_S, Fleet, Pod, fleet
from tests.integration.programs import Program

pytestmark = pytest.mark.integration

Cell = Callable[[Fleet], Awaitable[None]]
TIMES = int(os.environ.get("TIMES", "1"))
CHOSEN = os.environ.get("CELLS", "")
#: Instances run for this long before the fault, and after it.
_BEFORE_S, _AFTER_S = 1.0, 2.0


def victims(made: Fleet) -> list[Pod]:
    """Return a replica of each app."""
    return [pods[0] for pods in made.pods.values()]


async def again(program: Program) -> None:
    """Kill a process and start it again, as a supervisor does."""
    await asyncio.to_thread(program.kill)
    program.start()


async def nothing(made: Fleet) -> None:
    """Without any fault."""


async def kill_sidecars(made: Fleet) -> None:
    """SIGKILL for a sidecar of each app."""
    for pod in victims(made):
        await again(pod.sidecar)


async def kill_workers(made: Fleet) -> None:
    """SIGKILL for a worker of each app."""
    for pod in victims(made):
        await again(pod.worker)


async def pause_owners(made: Fleet) -> None:
    """SIGSTOP for two leases: others take over, and what the paused ones commit afterwards is refused."""
    for pod in victims(made):
        pod.sidecar.running.send_signal(signal.SIGSTOP)
    await asyncio.sleep(LEASE_S * 2)
    for pod in victims(made):
        pod.sidecar.running.send_signal(signal.SIGCONT)


async def cut_peers(made: Fleet) -> None:
    """No sidecar reaches one of each app."""
    for pod in victims(made):
        pod.to_peers.cut()
    await asyncio.sleep(LEASE_S * 2)
    for pod in victims(made):
        pod.to_peers.mend()


async def cut_etcd(made: Fleet) -> None:
    """A sidecar of each app does not reach etcd."""
    for pod in victims(made):
        pod.to_etcd.cut()
    await asyncio.sleep(LEASE_S * 3)
    for pod in victims(made):
        pod.to_etcd.mend()


async def cut_etcd_one_way(made: Fleet) -> None:
    """What etcd says does not reach a sidecar of each app, though etcd hears it."""
    for pod in victims(made):
        pod.to_etcd.cut(to=False)
    await asyncio.sleep(LEASE_S * 3)
    for pod in victims(made):
        pod.to_etcd.mend()


async def cut_store(made: Fleet) -> None:
    """A sidecar of each app does not reach PostgreSQL."""
    for pod in victims(made):
        pod.to_store.cut()
    await asyncio.sleep(LEASE_S * 2)
    for pod in victims(made):
        pod.to_store.mend()


async def cut_store_one_way(made: Fleet) -> None:
    """What PostgreSQL answers does not reach a sidecar of each app: its commits land, and it does not know."""
    for pod in victims(made):
        pod.to_store.cut(to=False)
    await asyncio.sleep(LEASE_S * 2)
    for pod in victims(made):
        pod.to_store.mend()


async def restart_etcd(made: Fleet) -> None:
    """SIGKILL for etcd."""
    await asyncio.to_thread(made.etcd.restart)


async def stop_etcd(made: Fleet) -> None:
    """No etcd for three leases."""
    await asyncio.to_thread(made.etcd.kill)
    await asyncio.sleep(LEASE_S * 3)
    await asyncio.to_thread(made.etcd.start)


async def empty_etcd(made: Fleet) -> None:
    """Etcd loses all its data."""
    await asyncio.to_thread(made.etcd.empty)


async def restart_postgres(made: Fleet) -> None:
    """SIGKILL for PostgreSQL."""
    await asyncio.to_thread(made.postgres.kill)
    await asyncio.to_thread(made.postgres.start)


async def roll(made: Fleet) -> None:
    """Every sidecar is stopped and started, one after the other, app by app at once."""

    async def roll_app(pods: list[Pod]) -> None:
        for pod in pods:
            code = await asyncio.to_thread(pod.sidecar.terminate, within_s=30)
            assert code == 0, f"{pod.sidecar.name} ended with {code}:\n{pod.sidecar.tail()}"
            pod.sidecar.start()
            await asyncio.to_thread(pod.sidecar.wait_until_ready)

    await asyncio.gather(*(roll_app(pods) for pods in made.pods.values()))


CELLS: tuple[Cell, ...] = (
    nothing,
    kill_sidecars,
    kill_workers,
    pause_owners,
    cut_peers,
    cut_etcd,
    cut_etcd_one_way,
    cut_store,
    cut_store_one_way,
    restart_etcd,
    stop_etcd,
    empty_etcd,
    restart_postgres,
    roll,
)


@pytest.mark.parametrize("turn", range(TIMES))
@pytest.mark.parametrize("cell", [c for c in CELLS if not CHOSEN or c.__name__ in CHOSEN.split(",")])
async def test_loses_nothing(cell: Cell, turn: int, tmp_path: Path) -> None:
    with fleet(tmp_path) as made:

        async def disturb() -> None:
            await asyncio.sleep(_BEFORE_S)
            await cell(made)
            await asyncio.sleep(_AFTER_S)

        plan = Plan(seed=turn, instances=40, pause_s=(0, 0), work_s=0.2, finish_s=60)
        await Campaign(made, plan, disturb).run()
