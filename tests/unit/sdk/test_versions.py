"""Versions and patches: an instance keeps the code that it began in, and the way that it took."""

from collections.abc import Awaitable, Callable

import pytest

from antiphon import _definitions, workflow
from antiphon._turns import Turns
from antiphon.errors import DefinitionError
from tests.unit.sdk.scribe import Scribe, done

Function = Callable[[workflow.Context], Awaitable[str]]


def buy(what: str, *, version: str | None = None, latest: bool = False) -> Function:
    """A workflow "buy" that calls one activity and returns its own version."""

    async def code(ctx: workflow.Context) -> str:
        await ctx.call_activity(what)
        return what

    return workflow.define(name="buy", version=version, latest=latest)(code)


V1, V2 = buy("one", version="v1"), buy("two", version="v2", latest=True)
PLAIN = buy("plain")


def deployed(scribe: Scribe, *workflows: Function) -> None:
    """Let another worker take over: it has these."""
    scribe.table = _definitions.table(workflows, kind="workflow")
    scribe.turns = Turns(scribe.table, most=10)


def asked(scribe: Scribe) -> list[str]:
    return [action.schedule_task.name for action in scribe.actions.values()]


def test_a_new_instance_runs_the_latest_version_and_says_so():
    scribe = Scribe(V1, V2)
    scribe.turn()
    assert asked(scribe) == ["two"]
    assert scribe.response.version.name == "v2"


def test_a_running_instance_keeps_its_version():
    scribe = Scribe(V1)
    scribe.turn()
    deployed(scribe, V1, V2)
    scribe.turn(done(1))
    assert scribe.end is not None
    assert scribe.end.result.value == '"one"'
    assert scribe.response.version.name == "v1"


def test_a_worker_without_the_version_says_so_and_asks_for_nothing():
    scribe = Scribe(V1)
    scribe.turn()
    deployed(scribe, V2)
    (action,) = scribe.turn(done(1))
    assert action.HasField("workflow_version_not_available")
    assert scribe.end is None


def test_what_began_without_a_version_stays_with_code_without_one():
    scribe = Scribe(PLAIN)
    scribe.turn()
    assert not scribe.response.HasField("version")
    deployed(scribe, PLAIN, V2)
    scribe.turn(done(1))
    assert scribe.end is not None
    assert scribe.end.result.value == '"plain"'


def test_what_began_without_a_version_does_not_go_on_in_one():
    scribe = Scribe(PLAIN)
    scribe.turn()
    deployed(scribe, V1, V2)
    (action,) = scribe.turn(done(1))
    assert action.HasField("workflow_version_not_available")


@pytest.mark.parametrize(
    ("functions", "asked", "runs"),
    [((V1, V2), "v1", "one"), ((V1, V2), "", "two"), ((PLAIN,), "2.0", "plain")],
)
def test_a_start_may_name_the_version(functions: tuple[Function, ...], asked: str, runs: str):
    scribe = Scribe(*functions)
    scribe.inbox[0].execution_started.version.value = asked
    scribe.turn()
    scribe.turn(done(1))
    assert scribe.end is not None
    assert scribe.end.result.value == f'"{runs}"'


@pytest.mark.parametrize(
    ("functions", "says"),
    [
        ((V1, buy("x", version="v1")), 'named "buy" in version "v1"'),
        ((V1, buy("x", version="v2")), "none of them is marked"),
        ((V2, buy("x", version="v3", latest=True)), "more than one of them is marked"),
    ],
)
def test_versions_that_do_not_fit_together_are_refused(functions: tuple[Function, ...], says: str):
    with pytest.raises(DefinitionError, match=says):
        _definitions.table(functions, kind="workflow")


def test_the_only_named_version_is_the_latest():
    assert _definitions.table([PLAIN, V1], kind="workflow")["buy"].version == "v1"


def test_a_latest_without_a_version_is_refused():
    with pytest.raises(DefinitionError, match="needs a version"):
        buy("x", latest=True)


# patches


@workflow.define(name="ship")
async def before(ctx: workflow.Context) -> str:
    await ctx.call_activity("pack")
    await ctx.call_activity("send")
    return "old"


@workflow.define(name="ship")
async def after(ctx: workflow.Context) -> str:
    await ctx.call_activity("pack")
    if ctx.patched("insured"):
        await ctx.call_activity("insure")
    await ctx.call_activity("send")
    return "new" if ctx.patched("insured") else "old"


@pytest.mark.parametrize("live", [True, False], ids=["live", "replayed"])
def test_a_new_instance_takes_the_patched_way_on_every_replay(live: bool):
    scribe = Scribe(after, live=live)
    scribe.turn()
    assert not scribe.response.HasField("version")
    scribe.turn(done(1))
    assert list(scribe.response.version.patches) == ["insured"]
    scribe.turn(done(2))
    scribe.turn(done(3))
    assert asked(scribe) == ["pack", "insure", "send"]
    assert scribe.end is not None
    assert scribe.end.result.value == '"new"'
    assert list(scribe.response.version.patches) == ["insured"]


def test_an_instance_that_is_past_the_patch_keeps_the_old_way():
    scribe = Scribe(before)
    scribe.turn()
    scribe.turn(done(1))
    deployed(scribe, after)
    scribe.turn(done(2))
    assert scribe.end is not None
    assert scribe.end.result.value == '"old"'
    assert not scribe.response.HasField("version")


def test_an_instance_that_is_before_the_patch_takes_it():
    scribe = Scribe(before)
    scribe.turn()
    deployed(scribe, after)
    scribe.turn(done(1))
    assert asked(scribe) == ["pack", "insure"]


def test_code_without_the_patch_says_what_it_went_through():
    scribe = Scribe(after)
    scribe.turn()
    scribe.turn(done(1))
    deployed(scribe, before)
    scribe.turn(done(2))
    assert not scribe.response.HasField("version")
    assert scribe.end is not None
    assert scribe.end.failure_details.error_type == "NonDeterminism"


@workflow.define
async def nameless(ctx: workflow.Context) -> None:
    ctx.patched("")


def test_a_patch_has_a_name():
    scribe = Scribe(nameless)
    scribe.turn()
    assert scribe.end is not None
    assert "name of a patch" in scribe.end.failure_details.error_message
