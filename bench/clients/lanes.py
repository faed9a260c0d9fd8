"""What every client does: told by lines of JSON what to run, it answers with what that took. Standard library only."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

#: Runs a workflow of that name to its end, in the given lane, and returns its output.
Run = Callable[[str, int], Awaitable[Any]]


async def load(run: Run, *, workflow: str, count: int, at_once: int) -> dict[str, Any]:
    """Run `count` workflows, always `at_once` of them."""
    left = iter(range(count))
    latencies: list[float] = []
    output: Any = None

    async def lane(number: int) -> None:
        nonlocal output
        for _ in left:
            begin = time.perf_counter()
            output = await run(workflow, number)
            latencies.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(at_once):
            group.create_task(lane(number))
    return {"seconds": time.perf_counter() - begin, "latencies": latencies, "output": output}


async def serve(run: Run) -> None:
    """Answer one line after the other."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await load(run, **json.loads(line))), flush=True)
