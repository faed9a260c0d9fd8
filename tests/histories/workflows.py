"""The workflows of the golden histories. They are never changed: their histories must replay for ever.

A new history may need a new workflow; add it below, with a name that was never used.
"""

from datetime import timedelta

from antiphon import ActivityFailure, RetryPolicy, workflow


@workflow.define
async def chain(ctx: workflow.Context, number: int) -> int:
    for _ in range(3):
        number = await ctx.call_activity("add", number, app="calculator", result=int)
    return number


@workflow.define
async def fan_out(ctx: workflow.Context, parts: list[str]) -> list[str]:
    ctx.set_custom_status("working")
    return await ctx.gather(*(ctx.call_activity("résumé", part, result=str) for part in parts))


@workflow.define
async def family(ctx: workflow.Context, order: str) -> str:
    packed = await ctx.call_workflow("pack", order, app="stock", result=str)
    return await ctx.call_workflow("send", packed, instance_id="parcel-1", result=str)


@workflow.define
async def patience(ctx: workflow.Context) -> str:
    await ctx.sleep(timedelta(seconds=2, microseconds=345))
    try:
        await ctx.wait_for_event("approval", timeout=timedelta(hours=4))
    except TimeoutError:
        return "nobody came"
    return "approved"


@workflow.define
async def approvals(ctx: workflow.Context) -> list[str]:
    first = await ctx.wait_for_event("approval", result=str)
    second = await ctx.wait_for_event("approval", result=str, timeout=timedelta(hours=4))
    return [first, second, str(ctx.uuid4())]


@workflow.define
async def counter(ctx: workflow.Context, total: int = 0) -> int:
    amount = await ctx.wait_for_event("add", result=int)
    if amount == 0:
        return total
    ctx.continue_as_new(total + amount)


@workflow.define
async def stubborn(ctx: workflow.Context, card: str) -> str:
    policy = RetryPolicy(max_attempts=3, first_interval=timedelta(seconds=1))
    try:
        return await ctx.call_activity("charge", card, app="payments", result=str, retry=policy)
    except ActivityFailure as failure:
        return f"{failure.error_type}: {failure.message}"


@workflow.define
async def doomed(ctx: workflow.Context) -> str:
    return await ctx.call_activity("explode", result=str)


@workflow.define
async def endless(ctx: workflow.Context) -> None:
    ctx.call_activity("watch", "the door")
    await ctx.wait_for_event("never")


@workflow.define(name="deliver", version="2026-11", latest=True)
async def deliver(ctx: workflow.Context, order: str) -> list[str]:
    steps = [await ctx.call_activity("pack", order, result=str)]
    if ctx.patched("insured"):
        steps.append(await ctx.call_activity("insure", order, result=str))
    steps.append(await ctx.wait_for_event("address", result=str))
    return steps if ctx.patched("as a list") else [", ".join(steps)]


@workflow.define
async def forgetful(ctx: workflow.Context, order: str) -> list[str]:
    ctx.set_tags({"order": order})
    audit = ctx.start_workflow("audit", order, app="stock", tags={"kind": "audit"})
    letter = ctx.start_workflow("thank", order, instance_id=f"thanks-{order}", scheduled_at=ctx.now())
    done = await ctx.call_activity("charge", order, app="payments", result=str)
    ctx.set_tags({"order": order, "charged": done})
    return [audit, letter, await ctx.call_activity("ship", order, result=str)]


ALL = (chain, fan_out, family, patience, approvals, counter, stubborn, doomed, endless, deliver, forgetful)
