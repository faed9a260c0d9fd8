"""The apps of the benchmark with Antiphon's SDK: `ours.py APP`. Activities do nothing; values have about 100 bytes."""

import sys
from datetime import datetime

from antiphon import Worker, activity, workflow

OTHERS = ("app2", "app3", "app4")


@activity.define
async def echo(text: str) -> str:
    """Return what came."""
    return text


@workflow.define
async def chain_over_apps(ctx: workflow.Context, text: str) -> str:
    """Five calls, one after the other, over three other apps."""
    for number in range(5):
        text = await ctx.call_activity(echo, text, app=OTHERS[number % 3])
    return text


@workflow.define
async def chain_in_one_app(ctx: workflow.Context, text: str) -> str:
    """Five calls, one after the other, in this app."""
    for _ in range(5):
        text = await ctx.call_activity(echo, text)
    return text


@workflow.define
async def three_steps(ctx: workflow.Context, text: str) -> str:
    """Three calls in this app."""
    for _ in range(3):
        text = await ctx.call_activity(echo, text)
    return text


@workflow.define
async def fan_out(ctx: workflow.Context, text: str) -> int:
    """A hundred calls at once, over three other apps."""
    return len(await ctx.gather(*[ctx.call_activity(echo, text, app=OTHERS[number % 3]) for number in range(100)]))


@workflow.define
async def child_elsewhere(ctx: workflow.Context, text: str) -> str:
    """A child in another app, which calls a third."""
    return await ctx.call_workflow("call_third", text, app="app2", result=str)


@workflow.define
async def call_third(ctx: workflow.Context, text: str) -> str:
    """Call an activity of app3."""
    return await ctx.call_activity(echo, text, app="app3")


@workflow.define
async def thousand_steps(ctx: workflow.Context, text: str) -> list[float]:
    """A thousand calls in this app; returns the seconds of the first and of the last hundred."""
    marks: list[datetime] = [ctx.now()]
    for number in range(1, 1001):
        text = await ctx.call_activity(echo, text)
        if number % 100 == 0:
            marks.append(ctx.now())
    return [(marks[1] - marks[0]).total_seconds(), (marks[10] - marks[9]).total_seconds()]


@workflow.define
async def wait_for_ever(ctx: workflow.Context, text: str) -> str:
    """One step, then nothing."""
    await ctx.call_activity(echo, text)
    return str(await ctx.wait_for_event("never"))


WORKFLOWS = [chain_over_apps, chain_in_one_app, three_steps, fan_out, child_elsewhere, thousand_steps, wait_for_ever]

Worker(
    workflows={"app1": WORKFLOWS, "app2": [call_third]}.get(sys.argv[1], []),
    activities=[echo],
    max_concurrent_activities=200,
).run_sync()
