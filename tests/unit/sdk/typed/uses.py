"""Right and wrong uses of the SDK as type checkers see them; never run. Wrong lines name the error they are."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_type

from antiphon import Client, InstanceState, RetryPolicy, Worker, activity, codec, interceptors, testing, workflow


@dataclass
class Order:
    item: str


@activity.define
async def charge(order: Order) -> int:
    return len(order.item)


@activity.define(name="pack-it")
def pack(order: Order) -> str:
    return order.item


@workflow.define
async def buy(ctx: workflow.Context, order: Order) -> str:
    assert_type(await ctx.call_activity(charge, order), int)
    assert_type(await ctx.call_activity(pack, order), str)
    assert_type(await ctx.call_activity("other", order, result=list[str]), list[str])
    assert_type(await ctx.call_activity("other", order), Any)
    assert_type(await ctx.call_workflow(buy, order), str)
    assert_type(await ctx.call_workflow("other", app="x", result=Order), Order)
    assert_type(await ctx.wait_for_event("go", result=bool), bool)
    assert_type(await ctx.gather(ctx.call_activity(charge, order), ctx.call_activity(charge, order)), list[int])
    receipt: str = await ctx.call_activity(charge, order)  # wrong: arg-type
    await ctx.sleep(5)  # wrong: arg-type
    await ctx.call_activity(charge, order, retries=3)  # wrong: call-overload
    await ctx.call_activity(charge, order, retry=3)  # wrong: call-overload
    await ctx.call_workflow(buy, order, if_exists="attach")  # wrong: call-overload
    ctx.wait_for_event("go", timeout=4)  # wrong: call-overload
    ctx.instance_id = "x"  # wrong: misc
    return receipt


@workflow.define  # wrong: type-var
def not_async(ctx: workflow.Context) -> None: ...


async def client() -> None:
    async with Client() as client:
        assert_type(await client.start(buy, Order("tea")), str)
        assert_type(await client.wait("i", result=int), InstanceState[int])
        assert_type((await client.get("i", result=Order)).output, Order | None)
        await client.wait("i", timeout=5)  # wrong: call-overload
        client.start(buy, Order("tea"))  # wrong: unused-coroutine


class Right:
    async def run_activity(
        self,
        call: interceptors.ActivityCall,
        proceed: Callable[[interceptors.ActivityCall], Awaitable[object]],
    ) -> object:
        return await proceed(call)

    async def run_workflow(
        self,
        run: interceptors.WorkflowRun,
        proceed: Callable[[interceptors.WorkflowRun], Coroutine[Any, Any, object]],
    ) -> object:
        run.input = 1  # wrong: misc
        return await proceed(run)


class Wrong:
    def run_activity(self, call: str) -> None: ...


class Plain:
    name = "plain"

    def encode(self, data: str) -> str:
        return data

    def decode(self, data: str) -> str:
        return data


Worker(workflows=[buy], activities=[charge, pack], interceptors=[Right()], codecs=[codec.Zlib()])
Worker(workflows=[buy], interceptors=[Wrong()])  # wrong: list-item
Worker(workflows=[buy], codecs=[Plain()])  # wrong: list-item
Worker([buy])  # wrong: call-arg
RetryPolicy(max_attempts="3")  # wrong: arg-type


async def test(antiphon_env: testing.Environment) -> None:
    app = await antiphon_env.app("orders", workflows=[buy])
    assert_type(app.client, Client)
    await antiphon_env.skip(5)  # wrong: arg-type
    await antiphon_env.skip(timedelta(days=1), settle="no")  # wrong: arg-type
    assert_type(testing.replay(buy, "history.json"), testing.Replayed)
    testing.replay("buy", "history.json")  # wrong: arg-type
