"""The pytest plugin: what a user's test run sees of it."""

from datetime import timedelta

from antiphon import testing, workflow


@workflow.define
async def nap(ctx: workflow.Context) -> str:
    await ctx.sleep(timedelta(days=365))
    return f"{ctx.now():%Y}"


async def test_the_fixture_gives_a_running_environment(antiphon_env: testing.Environment):
    app = await antiphon_env.app("naps", workflows=[nap])
    assert antiphon_env.client is app.client
    state = await antiphon_env.client.wait(await antiphon_env.client.start(nap), result=str)
    assert state.output == "2031"
