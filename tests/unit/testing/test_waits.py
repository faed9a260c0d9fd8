"""Waits that are given up."""

from datetime import UTC, datetime, timedelta

from antiphon import WaitCancelled, testing, workflow


@workflow.define
async def first_answer(ctx: workflow.Context) -> list[str]:
    lost = ctx.wait_for_event("answer", timeout=timedelta(days=1))
    nap = ctx.sleep(timedelta(days=400))
    done = [lost.cancel(), nap.cancel(), lost.cancel()]
    try:
        await lost
    except WaitCancelled as given_up:
        text = str(given_up)
    kept = await ctx.wait_for_event("answer", result=str, timeout=timedelta(days=2))
    return [kept, text, str(done), str(ctx.gather().cancel())]


async def test_an_event_goes_to_the_wait_that_was_not_given_up(antiphon_env: testing.Environment):
    app = await antiphon_env.app("app", workflows=[first_answer])
    await app.client.start(first_answer, instance_id="i")
    await antiphon_env.skip(timedelta(days=1, hours=1))
    await app.client.raise_event("i", "answer", "yes")
    state = await app.client.wait("i", result=list[str])
    assert state.output == ["yes", 'event "answer" was given up', "[True, True, False]", "False"]
    assert antiphon_env.now() == datetime(2030, 1, 2, 1, tzinfo=UTC)
    assert testing.replay(first_answer, await app.client.history("i")).finished


@workflow.define
async def ends_given_up(ctx: workflow.Context) -> None:
    wait = ctx.wait_for_event("answer")
    wait.cancel()
    await wait


async def test_a_wait_that_was_given_up_fails_who_awaits_it(antiphon_env: testing.Environment):
    app = await antiphon_env.app("app", workflows=[ends_given_up])
    state = await app.client.wait(await app.client.start(ends_given_up))
    assert state.failure is not None
    assert state.failure.is_a(WaitCancelled)
