"""Long runs: the host's memory stays flat over many instances, and kills over a long time lose nothing.

`make soak`; SOAK_MINUTES says how long the kills go on, SOAK_INSTANCES how many instances the other test runs.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from antiphon import Client, Status
from tests.integration import clients
from tests.integration.campaigns import Campaign, Plan
from tests.integration.clients import Deadline
from tests.integration.programs import Stack

pytestmark = [pytest.mark.integration, pytest.mark.soak]

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
INSTANCES = int(os.environ.get("SOAK_INSTANCES", "20000"))
AT_ONCE = 64
SAMPLES = 10
#: A round is over when its instances are; this is what one may take, in seconds.
ROUND_S = 600.0
#: Memory may grow by this after the first half, by which time all caches are full.
GROWTH_MOST = 1.15


@dataclass(frozen=True)
class Sample:
    """The host at a moment: instances finished so far, resident bytes, and the rate since the last sample."""

    finished: int
    rss_bytes: int
    per_second: float


async def test_memory_stays_flat_over_many_instances(any_stack: Stack) -> None:
    any_stack.start()
    any_stack.seen_enough()
    samples: list[Sample] = []
    async with Client(address=any_stack.address()) as client:
        for number in range(SAMPLES):
            begin = time.monotonic()
            await run_round(client, number, INSTANCES // SAMPLES)
            rate = INSTANCES // SAMPLES / (time.monotonic() - begin)
            finished = (number + 1) * (INSTANCES // SAMPLES)
            samples.append(Sample(finished, resident_bytes(any_stack.host.running.pid), rate))
            print(f"{finished:>8} instances  {samples[-1].rss_bytes / 1e6:7.1f} MB  {rate:6.1f}/s", flush=True)
    half = max(sample.rss_bytes for sample in samples[: SAMPLES // 2])
    assert samples[-1].rss_bytes < half * GROWTH_MOST, samples


async def run_round(client: Client, number: int, count: int) -> None:
    """Run so many chains, so many at once; each must complete."""
    deadline = Deadline(ROUND_S)
    left = iter(range(count))

    async def lane() -> None:
        for index in left:
            instance_id = f"chain-{number}-{index}"
            await clients.start(client, "chain", 0, instance_id=instance_id, deadline=deadline)
            state = (await clients.outcomes(client, [instance_id], deadline=deadline))[instance_id]
            assert state is not None, f"{instance_id} did not finish"
            assert state.status is Status.COMPLETED

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(lane())


def resident_bytes(pid: int) -> int:
    """Return how much of a process is in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_loses_nothing_while_kills_go_on_and_on(any_stack: Stack) -> None:
    # Two kills every five seconds; what they interrupt is slow enough to be interrupted.
    kills = max(2, round(MINUTES * 60 / 2.5))
    plan = Plan(
        seed=int(time.time_ns() % 1_000_000),
        instances=100,
        host_kills=kills // 3,
        app_kills=kills // 3,
        host_stops=kills // 6,
        app_stops=kills // 6,
        pause_s=(0.5, 4.5),
        work_s=1.0,
        finish_s=MINUTES * 60 * 2 + 300,
    )
    await Campaign(any_stack, plan).run()
