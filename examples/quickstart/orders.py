from dataclasses import dataclass
from datetime import timedelta

from antiphon import RetryPolicy, Worker, workflow


@dataclass
class Order:
    total: int


@workflow.define
async def buy(ctx: workflow.Context, order: Order) -> str:
    receipt = await ctx.call_activity(
        "charge", order.total, app="payments", result=str, retry=RetryPolicy(max_attempts=5)
    )
    await ctx.sleep(timedelta(seconds=2))  # or days: nothing has to stay running meanwhile
    return receipt


if __name__ == "__main__":
    Worker(workflows=[buy]).run_sync()
