"""The page about changing workflows, run as it stands there: one host, workers that come and go with their code."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client, Status, Worker, activity, workflow
from antiphon_sidecar.bootstrap import Host, open_host
from antiphon_sidecar.settings import Settings
from tests.integration.test_calls import PATIENCE_S, until

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "versioning.md"


def page() -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(block, str(PAGE), "exec", dont_inherit=True), names)
    return names


CODE = page()
V1, V2, SHIP = CODE["buy_v1"], CODE["buy_v2"], CODE["ship"]


@workflow.define(name="ship")
async def ship_before(ctx: workflow.Context, item: str) -> str:
    """The page's workflow without its patch, and with a pause in which it is deployed."""
    await ctx.call_activity("pack", item)
    return await ctx.call_activity("send", item, result=str)


done: list[str] = []


def _does(name: str) -> Callable[[str], str]:
    def does(item: str) -> str:
        done.append(f"{name} {item}")
        return item

    return activity.define(name=name)(does)


ACTIVITIES = [_does(name) for name in ("reserve", "send", "pack", "insure")]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    done.clear()
    async with open_host(Settings(store=f"sqlite:///{tmp_path}/state.db")) as made:
        await made.add_app("orders")
        yield made


def worker(host: Host, *workflows: Any) -> Worker:
    return Worker(workflows=workflows, activities=ACTIVITIES, address=host.grpc_address("orders"))


async def test_what_runs_keeps_its_version_and_waits_for_it(host: Host) -> None:
    async with Client(address=host.grpc_address("orders")) as client:
        async with worker(host, V1):
            old = await client.start("buy", "tea")
            await until(lambda: _turns(host, old))
        async with worker(host, V2):
            await client.raise_event(old, "paid")
            await until(lambda: _is(client, old, Status.STALLED))
            assert (await client.get(old)).waiting_on == "VersionNotAvailable"
            new = await client.start("buy", "ham")
            await client.raise_event(new, "paid")
            assert await output(client, new) == "ham"
        async with worker(host, V1, V2):
            assert await output(client, old) == "tea"
    assert done == ["reserve ham", "send ham", "send tea"]


async def test_patches_keep_what_runs_on_its_way(host: Host) -> None:
    async with Client(address=host.grpc_address("orders")) as client:
        async with worker(host, ship_before):
            assert await output(client, await client.start("ship", "tea")) == "tea"
        async with worker(host, SHIP):
            assert await output(client, await client.start("ship", "ham")) == "ham"
    assert done == ["pack tea", "send tea", "pack ham", "insure ham", "send ham"]


async def output(client: Client, instance_id: str) -> Any:
    state = await client.wait(instance_id, timeout=timedelta(seconds=PATIENCE_S))
    assert state.status is Status.COMPLETED, state
    return state.output


async def _turns(host: Host, instance_id: str) -> bool:
    return len(await host.store.history(app="orders", instance_id=instance_id)) > 0


async def _is(client: Client, instance_id: str, status: Status) -> bool:
    return (await client.get(instance_id)).status is status
