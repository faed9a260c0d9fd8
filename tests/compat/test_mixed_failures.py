"""Failures between apps of our SDK and apps with Dapr's: types, texts and apps, in both directions."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon import ActivityFailure, CallFailure, ChildWorkflowFailure, Client, Worker, activity, workflow
from tests.compat.worlds import World, world

pytestmark = pytest.mark.compat

OURS = "ours"


class SoldOut(Exception):
    failure_data = {"item": "tea"}  # noqa: RUF012


@activity.define
async def sell(item: str) -> None:
    try:
        raise KeyError(item)
    except KeyError as error:
        raise SoldOut(f"no {item}") from error


def seen(failure: CallFailure) -> list[object]:
    return [failure.app, failure.error_type, failure.message, type(failure.cause).__name__]


@workflow.define
async def asks_dapr(ctx: workflow.Context, item: str) -> list[list[object]]:
    found = []
    try:
        await ctx.call_activity("refuse", item, app="app2")
    except ActivityFailure as failure:
        found.append(seen(failure))
    try:
        await ctx.call_workflow("fail", item, app="app2")
    except ChildWorkflowFailure as failure:
        found.append(seen(failure))
    return found


@pytest.fixture(scope="module")
def mixed(dapr_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("mixed"), dapr_python, apps=("app1", "app2", OURS)) as made:
        made.start()
        yield made


def ours(mixed: World) -> Worker:
    return Worker(workflows=[asks_dapr], activities=[sell], address=f"127.0.0.1:{mixed.ports[OURS]}")


async def test_a_failure_of_a_dapr_app_has_its_type_text_and_app(mixed: World) -> None:
    async with ours(mixed), Client(address=f"127.0.0.1:{mixed.ports[OURS]}") as client:
        state = await client.wait(await client.start(asks_dapr, "tea"), result=list[list[object]])
    assert state.output is not None, state.failure
    activity_failed, child_failed = state.output
    assert activity_failed == ["app2", "PaymentRefused", "no money for tea", "RemoteError"]
    assert child_failed[:2] == ["app2", "TaskFailedError"]
    assert "no money for tea" in str(child_failed[2])


async def test_a_dapr_app_sees_type_and_text_of_our_failure(mixed: World) -> None:
    dapr = mixed.client("sync")
    async with ours(mixed):
        asked = {"activity": "sell", "input": "tea", "app": OURS}
        caught = (await asyncio.to_thread(dapr.run, "call", asked)).result
    assert caught["type"] == "SoldOut"
    assert "no tea" in caught["message"]
