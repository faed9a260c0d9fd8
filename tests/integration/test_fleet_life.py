"""Replicas that come and go in a running fleet: who goes says so in order, and what does not move does not wait."""

import asyncio
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import quantiles

import pytest

from antiphon import Client, Status
from antiphon_names.hashing import PARTITIONS, partition_of, slot_of
from tests.integration.faults import mended, registry_of, seen
from tests.integration.fleets import Fleet, fleet

pytestmark = pytest.mark.integration

#: What a pod is given to end in by default is 30 s.
STOP_S = 20.0
LANES = 6
PHASE_S = 6.0
#: Generous: processes that start beside the load take most of a small machine.
P95_MOST_S = 1.0


async def test_ends_in_time_while_neither_etcd_nor_the_store_answers(tmp_path: Path) -> None:
    with fleet(tmp_path, apps=("orders",), replicas=1) as made:
        made.start()
        (pod,) = made.pods["orders"]
        async with Client(address=made.address()) as client:
            await client.start("alone", 30.0, instance_id="under-way")
        with mended(pod.to_etcd, pod.to_store):
            pod.to_etcd.cut()
            pod.to_store.cut()
            began = time.monotonic()
            code = await asyncio.to_thread(pod.sidecar.terminate, within_s=STOP_S)
            print(f"ended after {time.monotonic() - began:.1f} s")
        assert code == 0, pod.sidecar.tail()


@dataclass(frozen=True, slots=True)
class Run:
    """A short workflow: its ID, when it was started, and how long it took, in seconds."""

    instance_id: str
    at: float
    took_s: float


@pytest.mark.matrix
async def test_what_does_not_move_is_not_delayed_while_a_replica_joins_and_leaves(tmp_path: Path) -> None:
    with fleet(tmp_path, apps=("orders",), replicas=4) as made:
        newcomer, *others = made.pods["orders"]
        for pod in others:
            for program in (pod.sidecar, pod.worker):
                program.start()
        for pod in others:
            await asyncio.to_thread(pod.sidecar.wait_until_ready)
        runs: list[Run] = []
        enough = asyncio.Event()
        lanes = [asyncio.create_task(_lane(made, runs, enough), name=f"lane {number}") for number in range(LANES)]
        await _owned(made, replicas=3)
        runs.clear()
        phases = [time.monotonic()]
        await _phase(phases)
        newcomer.sidecar.start()
        newcomer.worker.start()
        await asyncio.to_thread(newcomer.sidecar.wait_until_ready)
        moved = await _owned(made, replicas=4)
        assert moved, "the newcomer owns nothing"
        await _phase(phases)
        assert await asyncio.to_thread(newcomer.sidecar.terminate, within_s=STOP_S) == 0
        await _owned(made, replicas=3)
        await _phase(phases)
        await _phase(phases)
        enough.set()
        await asyncio.gather(*lanes)
    _judge([run for run in runs if partition_of(slot_of(run.instance_id)) not in moved], phases)


async def _lane(made: Fleet, runs: list[Run], enough: asyncio.Event) -> None:
    """Run one short workflow after the other, at a replica that stays."""
    async with Client(address=made.address()) as client:
        while not enough.is_set():
            instance_id, at, begun = secrets.token_hex(8), time.monotonic(), time.time_ns() / 1e9
            await client.start("alone", 0.0, instance_id=instance_id)
            state = await client.wait(instance_id, timeout=timedelta(seconds=30))
            assert state.status is Status.COMPLETED, state
            # Not when the client heard: that takes a message more elsewhere than at the owner.
            assert state.completed_at is not None
            runs.append(Run(instance_id, at, state.completed_at.timestamp() - begun))


async def _owned(made: Fleet, *, replicas: int) -> set[int]:
    """Wait until so many replicas own all partitions; return those of the first pod, if it is there."""
    async with registry_of(made) as reader:
        view = await seen(reader, lambda v: len(set(v.owners.values())) == replicas and len(v.owners) == PARTITIONS)
        first = f"127.0.0.1:{made.pods['orders'][0].to_peers.port}"
        return {p for (_, p), owner in view.owners.items() if view.replicas[owner].address == first}


async def _phase(phases: list[float]) -> None:
    await asyncio.sleep(PHASE_S)
    phases.append(time.monotonic())


def _judge(runs: list[Run], phases: list[float]) -> None:
    found = {}
    for name, begin, end in zip(("before", "joins", "leaves", "after"), phases, phases[1:], strict=False):
        took = [run.took_s for run in runs if begin <= run.at < end]
        assert len(took) >= 20, f"{name}: only {len(took)} instances ran"
        found[name] = quantiles(took, n=20)[-1]
        print(
            f"{name:>7}: {len(took)} instances of partitions that stay, p95 {found[name] * 1e3:.0f} ms, "
            f"longest {max(took) * 1e3:.0f} ms"
        )
    for name in ("joins", "leaves"):
        assert found[name] < max(P95_MOST_S, 3 * found["before"]), found
