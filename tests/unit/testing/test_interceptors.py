"""Interceptors: their order, what they may change, and that replay runs them again."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from antiphon import Client, DefinitionError, Status, Worker, activity, testing, workflow
from antiphon.interceptors import ActivityCall, ClientCall, WorkflowRun


@activity.define
async def here(text: str) -> str:
    return f"here {text}"


@activity.define
def in_thread(text: str = "none") -> str:
    if text == "exit":
        raise SystemExit(3)
    return f"thread {text} for {activity.info().name}"


@workflow.define
async def both(ctx: workflow.Context, text: str) -> list[str]:
    first = await ctx.call_activity(here, text)
    await ctx.sleep(timedelta(hours=1))
    return [first, await ctx.call_activity(in_thread)]


@workflow.define
async def leave(ctx: workflow.Context) -> None:
    await ctx.call_activity(in_thread, "exit")


@workflow.define
async def twice(ctx: workflow.Context, left: int) -> int:
    if left:
        ctx.continue_as_new(left - 1)
    return left


class Log:
    """Writes down what it sees, under its name; wraps both kinds."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self.name = name
        self.lines = lines

    async def run_workflow(self, run: WorkflowRun, proceed: Any) -> object:
        if not run.ctx.is_replaying:
            self.lines.append(f"{self.name} begins {run.ctx.name}")
        result = await proceed(run)
        self.lines.append(f"{self.name} ends {run.ctx.name}")
        return result

    async def run_activity(self, call: ActivityCall, proceed: Any) -> object:
        self.lines.append(f"{self.name} runs {call.info.name}")
        return await proceed(call)


class Polite:
    async def run_workflow(self, run: WorkflowRun, proceed: Any) -> object:
        await run.ctx.sleep(timedelta(minutes=1))
        result = await proceed(replace(run, input=f"dear {run.input}"))
        return [*result, f"{run.ctx.now():%H:%M}"]

    async def run_activity(self, call: ActivityCall, proceed: Any) -> object:
        return f"please {await proceed(replace(call, input='tea') if call.info.name == 'here' else call)}"


class Auth:
    """Adds who calls; a client's."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def call(self, call: ClientCall, proceed: Any) -> object:
        self.seen.append(f"{call.operation} {call.instance_id} {call.name}")
        if call.operation == "start":
            call = replace(call, input=f"{call.input} of ann", tags={**call.tags, "user": "ann"})
        return await proceed(call)


FUNCTIONS: dict[str, Any] = {"workflows": [both, leave, twice], "activities": [here, in_thread]}


async def test_the_first_is_the_outermost_and_around_threads_too():
    lines: list[str] = []
    async with testing.Environment(interceptors=[Log("a", lines), Log("b", lines)]) as env:
        app = await env.app("app", **FUNCTIONS)
        state = await app.client.wait(await app.client.start(both, "x"), result=list[str])
    assert state.output == ["here x", "thread none for in_thread"]
    assert lines == [
        *("a begins both", "b begins both", "a runs here", "b runs here"),
        *("a runs in_thread", "b runs in_thread", "b ends both", "a ends both"),
    ]


async def test_they_may_change_inputs_and_results_and_wait():
    async with testing.Environment(interceptors=[Polite()]) as env:
        app = await env.app("app", workflows=[both], activities=[here, in_thread])
        state = await app.client.wait(await app.client.start(both, "x", instance_id="i"), result=list[str])
        assert state.output == ["please here tea", "please thread none for in_thread", "01:01"]


async def test_continue_as_new_goes_through():
    lines: list[str] = []
    async with testing.Environment(interceptors=[Log("a", lines)]) as env:
        app = await env.app("app", **FUNCTIONS)
        assert (await app.client.wait(await app.client.start(twice, 2), result=int)).output == 0
    assert lines == ["a begins twice"] * 3 + ["a ends twice"]


async def test_a_rule_that_an_interceptor_breaks_fails_the_workflow():
    class Naps:
        async def run_workflow(self, run: WorkflowRun, proceed: Any) -> object:
            await asyncio.sleep(1)
            return await proceed(run)

    async with testing.Environment(interceptors=[Naps()]) as env:
        app = await env.app("app", **FUNCTIONS)
        state = await app.client.wait(await app.client.start(both, "x"))
        assert state.failure is not None
        assert state.failure.code == "AN507"


async def test_an_exit_in_a_thread_is_a_failure_and_the_worker_goes_on():
    async with testing.Environment(interceptors=[Log("a", [])]) as env:
        app = await env.app("app", **FUNCTIONS)
        state = await app.client.wait(await app.client.start(leave))
        assert state.failure is not None
        assert state.failure.find("RuntimeError") is not None
        assert (await app.client.wait(await app.client.start(twice, 0))).status is Status.COMPLETED


async def test_a_clients_calls_are_seen_and_changed(antiphon_env: testing.Environment):
    app = await antiphon_env.app("app", **FUNCTIONS)
    auth = Auth()
    async with Client(address=app.address, interceptors=[auth]) as client:
        await client.start(both, "x", instance_id="i", tags={"team": "shop"})
        await client.raise_event("i", "go", {"n": 1})
        await antiphon_env.skip(timedelta(hours=2))
        state = await client.wait("i", result=list[str])
    assert state.output is not None
    assert state.output[0] == "here x of ann"
    assert auth.seen == ["start i both", "raise_event i go", "wait i "]


def test_what_is_no_interceptor_of_a_client_is_refused():
    with pytest.raises(DefinitionError, match="has no method call"):
        Client(interceptors=[Polite()])  # type: ignore[list-item]


def test_what_intercepts_nothing_is_refused():
    with pytest.raises(DefinitionError, match="neither run_workflow nor run_activity"):
        Worker(**FUNCTIONS, interceptors=[Auth()])  # type: ignore[list-item]
