"""An app that has activities and a workflow for others to call."""

from datetime import timedelta

from effects import ledger
from work import ACTIVITIES, work

from antiphon import Worker, workflow


@workflow.define
async def pay(ctx: workflow.Context, pause_s: float) -> list[str]:
    """Call the third app, wait, and call this one."""
    first = await ctx.call_activity(work, pause_s, app="stock")
    await ctx.sleep(timedelta(seconds=pause_s))
    second = await ctx.call_activity(work, pause_s)
    return [first, second]


print("ready")
Worker(workflows=[pay], activities=ACTIVITIES, on_settled=ledger.settled, max_concurrent_activities=400).run_sync()
