"""Replay of recorded histories against changed code, as files and from a client."""

import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from antiphon import HistoryInvalid, NonDeterminism, activity, testing, workflow
from antiphon_cli.main import main
from antiphon_cli.prose import as_json
from antiphon_proto.v1 import history_pb2


@activity.define
async def pack(item: str) -> str:
    return item


@activity.define
async def wrap(item: str) -> str:
    return item


@workflow.define
async def buy(ctx: workflow.Context, item: str) -> str:
    packed = await ctx.call_activity(pack, item)
    await ctx.sleep(timedelta(days=ctx.random().randint(1, 5)))
    await ctx.wait_for_event("sent", timeout=timedelta(days=30))
    return packed


@workflow.define(name="buy")
async def wraps_first(ctx: workflow.Context, item: str) -> str:
    return await ctx.call_activity(wrap, item)


@workflow.define(name="buy")
async def asks_for_more(ctx: workflow.Context, item: str) -> str:
    return (await ctx.gather(ctx.call_activity(pack, item), ctx.call_activity(wrap, item)))[0]


@workflow.define(name="buy")
async def ends_early(ctx: workflow.Context, item: str) -> str:
    return await ctx.call_activity(pack, item)


@workflow.define(name="buy")
async def raises_at_the_end(ctx: workflow.Context, item: str) -> str:
    await buy(ctx, item)
    raise ValueError("no tea")


async def record(env: testing.Environment, *, whole: bool) -> testing.App:
    app = await env.app("orders", workflows=[buy], activities=[pack])
    await app.client.start(buy, "tea", instance_id="i")
    if whole:
        await env.skip(timedelta(days=5, hours=1))
        await app.client.raise_event("i", "sent")
        await app.client.wait("i")
    else:
        await env.settle()
    return app


@pytest.mark.parametrize("whole", [True, False])
async def test_unchanged_code_repeats_a_history(antiphon_env: testing.Environment, whole: bool):
    app = await record(antiphon_env, whole=whole)
    history = await app.client.history("i")
    done = testing.replay([buy], history)
    assert done == testing.Replayed("buy", "i", len(history), finished=whole)


@pytest.mark.parametrize(
    ("changed", "says", "does"),
    [
        (wraps_first, 'history says activity "pack" .#1', 'the code now asks for activity "wrap" .#1'),
        (asks_for_more, "history says a timer .#2", 'the code now asks for activity "wrap" .#2'),
        (ends_early, "history says a timer .#2", "the code now ends before that"),
        (raises_at_the_end, "history ends as COMPLETED", "the code now ends as FAILED .ValueError: no tea"),
    ],
)
async def test_changed_code_is_told_apart(antiphon_env: testing.Environment, changed, says: str, does: str):
    app = await record(antiphon_env, whole=True)
    with pytest.raises(NonDeterminism, match=rf"AN201.*{says}.*{does}"):
        testing.replay(changed, await app.client.history("i"))


async def test_code_that_asks_for_more_after_the_last_turn_is_told_apart(antiphon_env: testing.Environment):
    @workflow.define(name="buy")
    async def sleeps_more(ctx: workflow.Context, item: str) -> str:
        nap = ctx.sleep(timedelta(days=30))
        await nap
        return item

    app = await antiphon_env.app("orders", workflows=[raises_nothing])
    await app.client.start(raises_nothing, "tea", instance_id="i")
    await antiphon_env.settle()
    with pytest.raises(NonDeterminism, match=r"history waits .*; the code now asks for a timer .#1"):
        testing.replay(sleeps_more, await app.client.history("i"))


@workflow.define(name="buy")
async def raises_nothing(ctx: workflow.Context, item: str) -> None:
    await ctx.wait_for_event("never")


async def test_another_workflow_is_named(antiphon_env: testing.Environment):
    @workflow.define
    async def bought(ctx: workflow.Context) -> None: ...

    app = await record(antiphon_env, whole=False)
    with pytest.raises(HistoryInvalid, match=r'AN530 .*of workflow "buy"; there is: bought'):
        testing.replay(bought, await app.client.history("i"))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "shop.py").write_text(f"from {__name__.rpartition('.')[0]}.test_replay import buy\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.modules.pop("shop", None)
    return "shop"


async def write(env: testing.Environment, path: Path) -> None:
    app = await record(env, whole=True)
    events = [history_pb2.HistoryEvent.FromString(entry.raw) for entry in await app.client.history("i")]
    path.write_text(json.dumps([as_json(event) for event in events]))  # noqa: ASYNC240


async def test_a_file_of_the_command_line_is_replayed(antiphon_env, tmp_path: Path):
    await write(antiphon_env, tmp_path / "h.json")
    assert testing.replay(buy, tmp_path / "h.json").finished
    with pytest.raises(NonDeterminism):
        testing.replay(wraps_first, str(tmp_path / "h.json"))


@pytest.mark.parametrize(
    ("content", "says"), [("{", "is not JSON"), ("{}", "no list"), ("[1]", "event 0 of"), ('[{"eventId": "x"}]', "0")]
)
def test_what_is_no_history_is_refused(tmp_path: Path, content: str, says: str):
    (tmp_path / "h.json").write_text(content)
    with pytest.raises(HistoryInvalid, match=says):
        testing.replay(buy, tmp_path / "h.json")


async def test_the_command_replays_files(antiphon_env, tmp_path: Path, module: str):
    await write(antiphon_env, tmp_path / "h.json")
    done = CliRunner().invoke(main, ["replay", "h.json", "--module", "shop"])
    assert (done.exit_code, done.stdout) == (0, 'h.json: ok, 12 events of "i" (buy)\n'), done.output


async def test_the_command_names_both_sides(antiphon_env, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    await write(antiphon_env, tmp_path / "h.json")
    code = "@workflow.define\nasync def buy(ctx, item):\n    await ctx.call_activity('x')\n"
    (tmp_path / "changed.py").write_text(f"from antiphon import workflow\n\n\n{code}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    done = CliRunner().invoke(main, ["replay", "h.json", "--module", "changed"])
    assert done.exit_code == 1
    assert 'history says activity "pack" (#1); the code now asks for activity "x" (#1)' in done.stderr


def test_a_module_that_is_not_there_is_named():
    done = CliRunner().invoke(main, ["replay", "h.json", "--module", "no_such_module"])
    assert (done.exit_code, "AN533" in done.stderr) == (2, True)
