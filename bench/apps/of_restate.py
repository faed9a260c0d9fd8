# ruff: noqa: D103  (written as users of that SDK write)
"""The apps of the benchmark with Restate: `of_restate.py APP PORT`, a service of the app's name on HTTP/2."""

import asyncio
import json
import sys

import hypercorn.asyncio
import restate
from hypercorn.config import Config

APP, PORT = sys.argv[1], sys.argv[2]
OTHERS = ("app2", "app3", "app4")
service = restate.Service(APP)


@service.handler()
async def echo(ctx: restate.Context, text: str) -> str:
    return text


@service.handler()
async def chain_over_apps(ctx: restate.Context, text: str) -> str:
    for number in range(5):
        text = json.loads(await ctx.generic_call(OTHERS[number % 3], "echo", json.dumps(text).encode()))
    return text


@service.handler()
async def chain_in_one_app(ctx: restate.Context, text: str) -> str:
    async def same() -> str:
        return text

    for number in range(5):
        text = await ctx.run_typed(f"echo {number}", same)
    return text


config = Config()
config.bind = [f"127.0.0.1:{PORT}"]
asyncio.run(hypercorn.asyncio.serve(restate.app(services=[service]), config))
