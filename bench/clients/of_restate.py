"""The client of the benchmark for Restate: `of_restate.py URL` of the ingress; a call returns when its end is known."""

import asyncio
import sys
from typing import Any

import aiohttp
from lanes import serve

TEXT = "x" * 100


async def main() -> None:
    """Serve until standard input ends."""
    async with aiohttp.ClientSession(raise_for_status=True) as session:

        async def run(workflow: str, lane: int) -> Any:  # noqa: ANN401 - what a workflow returns
            async with session.post(f"{sys.argv[1]}/app1/{workflow}", json=TEXT) as answer:
                return await answer.json(content_type=None)

        await serve(run)


asyncio.run(main())
