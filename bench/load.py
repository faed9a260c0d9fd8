"""The client of the benchmark: `load.py ADDRESS`, told by lines of JSON what to start, answers with what it took.

A process of its own, so that its work is not counted as anybody's; the same one for all SDKs.
"""

import asyncio
import json
import sys
import time
from datetime import timedelta
from typing import Any

from antiphon import Client, Status

PATIENCE = timedelta(minutes=5)
TEXT = "x" * 100


async def one(client: Client, workflow: str) -> tuple[float, Any]:
    """Start a workflow and wait for it; return the seconds and its output."""
    begin = time.perf_counter()
    instance_id = await client.start(workflow, TEXT)
    state = await client.wait(instance_id, timeout=PATIENCE)
    if state.status is not Status.COMPLETED:
        raise RuntimeError(f"{workflow} is {state.status}: {state.failure}")
    return time.perf_counter() - begin, state.output


async def load(client: Client, *, workflow: str, count: int, at_once: int) -> dict[str, Any]:
    """Run `count` workflows, always `at_once` of them."""
    left = iter(range(count))
    done: list[tuple[float, Any]] = []

    async def lane() -> None:
        for _ in left:
            done.append(await one(client, workflow))

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(lane())
    return {
        "seconds": time.perf_counter() - begin,
        "latencies": [latency for latency, _ in done],
        "output": done[-1][1],
    }


async def main() -> None:
    """Answer one line after the other."""
    async with Client(address=sys.argv[1]) as client:
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await load(client, **json.loads(line))), flush=True)


asyncio.run(main())
