"""What workflow code must not do, and what it is told instead."""

import asyncio
import socket
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from antiphon import _guard, workflow
from antiphon_proto.v1 import history_pb2
from tests.unit.sdk.scribe import Scribe, done


async def nothing() -> None: ...


async def sleeping(ctx: workflow.Context) -> None:
    await asyncio.sleep(1)


async def yielding(ctx: workflow.Context) -> None:
    await asyncio.sleep(0)


async def gathering(ctx: workflow.Context) -> None:
    await asyncio.gather(nothing(), nothing())


async def spawning(ctx: workflow.Context) -> None:
    await asyncio.create_task(nothing())


async def limiting(ctx: workflow.Context) -> None:
    await asyncio.wait_for(nothing(), 1)


async def timing(ctx: workflow.Context) -> None:
    async with asyncio.timeout(1):
        await ctx.call_activity("work")


async def grouping(ctx: workflow.Context) -> None:
    async with asyncio.TaskGroup():
        pass


async def threading_out(ctx: workflow.Context) -> None:
    await asyncio.to_thread(print)


async def connecting(ctx: workflow.Context) -> None:
    await asyncio.open_connection("127.0.0.1", 1)


async def blocking(ctx: workflow.Context) -> None:
    time.sleep(0)  # noqa: ASYNC251


async def reading(ctx: workflow.Context) -> None:
    Path("/etc/hostname").read_text()  # noqa: ASYNC240


async def calling_out(ctx: workflow.Context) -> None:
    with socket.socket() as found:
        found.connect(("127.0.0.1", 1))


async def running(ctx: workflow.Context) -> None:
    subprocess.run(["true"], check=True)  # noqa: ASYNC221


@pytest.mark.parametrize(
    ("code", "did", "instead"),
    [
        (sleeping, "called asyncio.sleep", "Use ctx.sleep(timedelta(...))"),
        (yielding, "awaits asyncio.sleep(0)", "Use ctx.sleep(timedelta(...))"),
        (gathering, "called asyncio.gather", "Use ctx.gather(...)"),
        (spawning, "called asyncio.create_task", "Use ctx.gather(...)"),
        (limiting, "called asyncio.wait_for", "timeout=...)"),
        (timing, "called asyncio.timeout", "Use ctx.wait_first(task, ctx.sleep(...))"),
        (grouping, "called asyncio.TaskGroup", "Use ctx.gather(...)"),
        (threading_out, "called asyncio.to_thread", "Use an activity"),
        (connecting, "called asyncio.open_connection", "Use an activity"),
        (blocking, "calls time.sleep", "Use ctx.sleep(timedelta(...))"),
        (reading, "calls open", "Use an activity"),
        (calling_out, "calls a network connection", "Use an activity"),
        (running, "calls a subprocess", "Use an activity"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_says_what_to_use_instead(code: Callable[[workflow.Context], Awaitable[None]], did: str, instead: str):
    flow = workflow.define(name=code.__name__)(code)  # type: ignore[type-var]
    with _guard.watching():
        scribe = Scribe(flow)
        scribe.turn()
    assert scribe.end is not None
    assert scribe.end.workflow_status == history_pb2.INSTANCE_STATUS_FAILED
    details = scribe.end.failure_details
    assert (details.error_type, details.code) == ("WorkflowRuleBroken", "AN507")
    assert did in details.error_message
    assert instead in details.error_message
    await asyncio.sleep(0)  # the loop of this thread is in its place again


async def test_refuses_a_future_of_the_loop():
    future = asyncio.get_running_loop().create_future()

    @workflow.define
    async def odd(ctx: workflow.Context) -> None:
        await future

    scribe = Scribe(odd)
    scribe.turn()
    assert scribe.end is not None
    assert "awaits an asyncio Future" in scribe.end.failure_details.error_message


def test_refuses_what_is_no_awaitable_of_ours():
    class Strange:
        def __await__(self):
            yield "a string"

    @workflow.define
    async def odd(ctx: workflow.Context) -> None:
        await Strange()

    scribe = Scribe(odd)
    scribe.turn()
    assert scribe.end is not None
    assert "awaits 'a string', which is not" in scribe.end.failure_details.error_message


def test_refuses_a_task_of_another_instance():
    stolen: list[workflow.Task[object]] = []

    @workflow.define
    async def first(ctx: workflow.Context) -> None:
        stolen.append(ctx.call_activity("work"))
        await stolen[0]

    @workflow.define
    async def second(ctx: workflow.Context) -> None:
        await stolen[0]

    Scribe(first).turn()
    scribe = Scribe(second)
    scribe.turn()
    assert scribe.end is not None
    assert "awaits a task of another instance" in scribe.end.failure_details.error_message


def test_code_may_recover_from_a_broken_rule():
    @workflow.define
    async def careful(ctx: workflow.Context) -> str:
        try:
            await asyncio.sleep(0)
        except Exception:  # noqa: BLE001
            await ctx.sleep(timedelta(0))
        return "went on"

    scribe = Scribe(careful)
    (action,) = scribe.turn()
    assert action.HasField("create_timer")


def test_imports_inside_workflow_code_are_allowed():
    @workflow.define
    async def importing(ctx: workflow.Context) -> str:
        import this_is_nowhere_to_be_found  # type: ignore[import-not-found]  # noqa: F401

        return "no"

    with _guard.watching():
        scribe = Scribe(importing)
        scribe.turn()
    assert scribe.end is not None
    assert scribe.end.failure_details.error_type == "ModuleNotFoundError"


def test_other_threads_sleep_while_workflow_code_runs():
    slept = threading.Event()

    def sleep_a_moment() -> None:
        time.sleep(0)
        slept.set()

    @workflow.define
    async def starting(ctx: workflow.Context) -> bool:
        thread = threading.Thread(target=sleep_a_moment)
        thread.start()
        thread.join(10)
        return slept.is_set()

    with _guard.watching():
        scribe = Scribe(starting)
        scribe.turn()
    assert scribe.end is not None
    assert scribe.end.result.value == "true"


def test_puts_time_sleep_back():
    before = time.sleep
    with _guard.watching(), _guard.watching():
        pass
    assert time.sleep is before


def test_dropping_an_execution_runs_finally_blocks_without_effect():
    seen: list[str] = []

    @workflow.define
    async def tidy(ctx: workflow.Context) -> None:
        try:
            await ctx.call_activity("work")
        finally:
            seen.append("finally")
            await ctx.call_activity("clean up")
            seen.append("not reached when dropped")

    scribe = Scribe(tidy)
    scribe.turn()
    scribe.turns.close()
    assert seen == ["finally"]
    scribe.turn(done(1))
    assert list(scribe.actions) == [1, 2]
