"""The client of the benchmark: `ours.py ADDRESS...`, one address for each replica of app1; lanes take turns at them.

A process of its own, so that its work is not counted as anybody's; the same one for all SDKs.
"""

import asyncio
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

from lanes import serve

from antiphon import Client, Status

PATIENCE = timedelta(minutes=5)
TEXT = "x" * 100
#: A workflow that waits for ever is only started.
WAITS = "wait_for_ever"


async def main() -> None:
    """Serve until standard input ends."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(address=address)) for address in sys.argv[1:]]

        async def run(workflow: str, lane: int) -> Any:  # noqa: ANN401 - what a workflow returns
            client = clients[lane % len(clients)]
            instance_id = await client.start(workflow, TEXT)
            if workflow == WAITS:
                return None
            state = await client.wait(instance_id, timeout=PATIENCE)
            if state.status is not Status.COMPLETED:
                raise RuntimeError(f"{workflow} is {state.status}: {state.failure}")
            return state.output

        await serve(run)


asyncio.run(main())
