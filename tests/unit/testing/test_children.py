"""Children under an ID of the caller's choice: what happens when it was used before."""

from datetime import timedelta
from typing import Any

import pytest

from antiphon import ChildWorkflowFailure, RetryPolicy, Status, testing, workflow


@workflow.define
async def child(ctx: workflow.Context, text: str) -> str:
    if text == "wait":
        await ctx.wait_for_event("go")
    if text == "fail":
        raise ValueError("no")
    return text


@workflow.define
async def parent(ctx: workflow.Context, how: list[Any]) -> str:
    text, if_exists, attempts = how
    try:
        return await ctx.call_workflow(
            "child",
            text,
            app="other",
            instance_id="c",
            if_exists=if_exists,
            retry=RetryPolicy(max_attempts=attempts, first_interval=timedelta(seconds=1)),
            result=str,
        )
    except ChildWorkflowFailure as failure:
        return f"{failure.error_type} {failure.code}"


@pytest.fixture
async def app(antiphon_env: testing.Environment) -> testing.App:
    await antiphon_env.app("other", workflows=[child])
    return await antiphon_env.app("app", workflows=[parent])


async def run(app: testing.App, *how: Any) -> str:
    state = await app.client.wait(await app.client.start(parent, list(how)), result=str)
    assert state.output is not None
    return state.output


async def test_a_run_that_has_ended_is_replaced_unless_that_is_refused(app: testing.App):
    assert await run(app, "first", "fail", 1) == "first"
    assert await run(app, "second", "restart", 1) == "second"
    assert await run(app, "third", "fail", 1) == "WorkflowInstanceAlreadyExists AN203"
    state = await app.client.get("c", app="other", result=str)
    assert (state.status, state.output) == (Status.COMPLETED, "second")


async def test_a_refused_id_stays_refused_on_every_attempt(app: testing.App):
    await run(app, "first", "restart", 1)
    assert await run(app, "second", "fail", 3) == "WorkflowInstanceAlreadyExists AN203"
    assert (await app.client.get("c", app="other")).output == "first"


async def test_an_attempt_replaces_the_one_before_it(app: testing.App):
    assert await run(app, "fail", "fail", 3) == "ValueError "


async def test_an_active_run_is_never_replaced(app: testing.App, antiphon_env: testing.Environment):
    await app.client.start(child, "wait", instance_id="c", app="other")
    for if_exists in ("restart", "fail"):
        assert await run(app, "second", if_exists, 1) == "WorkflowInstanceAlreadyExists AN203"
    await app.client.raise_event("c", "go", app="other")
    assert (await app.client.wait("c", app="other")).output == "wait"
