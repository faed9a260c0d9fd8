"""The app whose workflows these tests start; each returns the values of all the activities that it caused."""

from datetime import timedelta

from effects import ledger
from work import ACTIVITIES, more, work, work_in_thread

from antiphon import Worker, workflow

APPS = ("payments", "stock", "orders")


@workflow.define
async def chain(ctx: workflow.Context, pause_s: float) -> list[str]:
    """Call one app after the other."""
    values: list[str] = []
    while True:
        for app in APPS:
            values.append(await ctx.call_activity(work, pause_s, app=app))
        if not await ctx.call_activity(more, len(values)):
            return values


@workflow.define
async def once(ctx: workflow.Context, pause_s: float) -> list[str]:
    """Call one app after the other, a single time."""
    return [await ctx.call_activity(work, pause_s, app=app) for app in APPS]


@workflow.define
async def alone(ctx: workflow.Context, pause_s: float) -> str:
    """Call an activity of this app."""
    return await ctx.call_activity(work, pause_s)


@workflow.define
async def fan_out(ctx: workflow.Context, pause_s: float) -> list[str]:
    """Call all apps at once."""
    values: list[str] = []
    while True:
        calls = [ctx.call_activity(work_in_thread, pause_s, app=app) for app in APPS for _ in range(2)]
        values += await ctx.gather(*calls)
        if not await ctx.call_activity(more, len(values)):
            return values


@workflow.define
async def parent(ctx: workflow.Context, pause_s: float) -> list[str]:
    """Run children in another app."""
    values: list[str] = []
    while True:
        values += await ctx.call_workflow("pay", pause_s, app="payments", result=list[str])
        if not await ctx.call_activity(more, len(values), app="stock"):
            return values


@workflow.define
async def sleeper(ctx: workflow.Context, pause_s: float) -> list[str]:
    """Sleep between calls."""
    values: list[str] = []
    while True:
        await ctx.sleep(timedelta(seconds=pause_s))
        values.append(await ctx.call_activity(work, pause_s, app="stock"))
        if not await ctx.call_activity(more, len(values)):
            return values


@workflow.define
async def cycle(ctx: workflow.Context, state: tuple[float, list[str]]) -> list[str]:
    """Begin again with an empty history after each two calls."""
    pause_s, values = state
    values = list(values)
    for app in ("stock", "payments"):
        values.append(await ctx.call_activity(work, pause_s, app=app))
    if await ctx.call_activity(more, len(values)):
        ctx.continue_as_new((pause_s, values))
    return values


@workflow.define
async def listener(ctx: workflow.Context) -> list[int]:
    """Collect the marks that are raised, up to the one that says it was the last."""
    marks: list[int] = []
    while True:
        mark = await ctx.wait_for_event("mark", result=int)
        if mark < 0:
            return marks
        marks.append(mark)


@workflow.define
async def hoard(ctx: workflow.Context, text: str) -> int:
    """Keep the store busy with a text until it is told to go."""
    await ctx.wait_for_event("go")
    return len(text)


WORKFLOWS = [once, alone, chain, fan_out, parent, sleeper, cycle, listener, hoard]

print("ready")
Worker(workflows=WORKFLOWS, activities=ACTIVITIES, on_settled=ledger.settled, max_concurrent_activities=400).run_sync()
