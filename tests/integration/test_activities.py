"""The page about long activities, run as it stands there; limits and fairness: real sidecars, stores and workers."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client, Status, Worker, activity, workflow
from antiphon_sidecar.bootstrap import Host, open_host
from antiphon_sidecar.runtime.why import why
from antiphon_sidecar.settings import Concurrency, Settings
from tests.integration.test_calls import until

#: A number that only the task of the small caller has.
SMALL = -6

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "activities.md"
PATIENCE_S = 60


def page() -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(block, str(PAGE), "exec", dont_inherit=True), names)
    return names


CODE = page()


class Machine:
    """A host with workers and clients of several apps."""

    def __init__(self, host: Host, stack: AsyncExitStack) -> None:
        self.host = host
        self._stack = stack

    async def app(self, name: str, **offers: Any) -> Client:
        address = f"127.0.0.1:{(await self.host.add_app(name)).grpc_port}"
        await self._stack.enter_async_context(Worker(address=address, **offers))
        await until(lambda: any(r.workers for r in self.host.view().of_app(name)))
        return await self._stack.enter_async_context(Client(address=address))

    async def reasons(self, instance_id: str) -> list[str]:
        """What `antiphon why` says that an instance of "orders" waits for."""
        row = await self.host.store.get_instance(app="orders", instance_id=instance_id)
        if row is None:
            return []
        return [wait.reason for wait in await why(row, self.host.scene())]


@asynccontextmanager
async def machine(folder: Path, **settings: Any) -> AsyncIterator[Machine]:
    made = Settings(store=f"sqlite:///{folder}/state.db", **settings)
    async with open_host(made) as host, AsyncExitStack() as stack:
        yield Machine(host, stack)


async def output(client: Client, name: str, input: object = None) -> Any:
    instance_id = await client.start(name, input)
    async with asyncio.timeout(PATIENCE_S):
        state = await client.wait(instance_id)
    assert state.status is Status.COMPLETED, state
    return state.output


OFFERS = {
    "workflows": [CODE[name] for name in ("bounded", "copying", "first_of_all")],
    "activities": [CODE[name] for name in ("never_returns", "copy_all", "crunch", "watch_queue", "watch_disk")],
}


async def test_an_activity_that_never_returns_ends_and_frees_its_place(tmp_path: Path):
    async with machine(tmp_path) as here:
        client = await here.app("orders", max_concurrent_activities=1, **OFFERS)
        for _ in range(2):
            assert await output(client, "bounded") == "AN111 start_to_close"


async def test_the_next_attempt_goes_on_where_the_last_one_was(tmp_path: Path):
    async with machine(tmp_path) as here:
        client = await here.app("orders", **OFFERS)
        said = await output(client, "copying", 40)
    found = re.fullmatch(r"copied the last (\d+) of 40", said)
    assert found is not None
    assert 19 <= int(found[1]) < 40


async def test_what_a_workflow_left_running_is_cancelled(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    said = ""

    def closed() -> bool:
        nonlocal said
        said += capfd.readouterr().out
        return "closing the queue" in said and "closing the disk" in said

    async with machine(tmp_path) as here:
        client = await here.app("orders", **OFFERS)
        assert await output(client, "first_of_all") == 1000
        await until(closed)


class Running:
    """Counts what runs at once."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    async def one(self, seconds: float) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(seconds)
        self.now -= 1


async def test_no_more_activities_run_than_the_limit_allows(tmp_path: Path):
    running = Running()

    @activity.define
    async def charge(seconds: float) -> None:
        await running.one(seconds)

    @workflow.define
    async def charge_all(ctx: workflow.Context, count: int) -> None:
        await ctx.gather(*[ctx.call_activity("charge", 0.02, app="payments") for _ in range(count)])

    async with machine(tmp_path, app_concurrency={"payments": Concurrency({"charge": 3})}) as here:
        await here.app("payments", activities=[charge])
        client = await here.app("orders", workflows=[charge_all])
        await output(client, "charge_all", 30)
    assert running.most == 3


async def test_no_more_workflows_run_than_the_limit_allows_and_why_says_so(tmp_path: Path):
    running = Running()

    @activity.define
    async def work(seconds: float) -> None:
        await running.one(seconds)

    @workflow.define
    async def nightly(ctx: workflow.Context, seconds: float) -> None:
        await ctx.call_activity(work, seconds)
        await ctx.call_activity(work, seconds)

    async with machine(tmp_path, app_concurrency={"orders": Concurrency(workflows={"nightly": 2})}) as here:
        client = await here.app("orders", workflows=[nightly], activities=[work])
        ids = [await client.start(nightly, 0.5, instance_id=f"n{number}") for number in range(2)]
        late = asyncio.create_task(client.start(nightly, 0.01, instance_id="late"))

        async def limited() -> bool:
            return await here.reasons("late") == ["ConcurrencyLimited"]

        await until(limited)
        for instance_id in [*ids, await late]:
            state = await client.wait(instance_id, timeout=timedelta(seconds=PATIENCE_S))
            assert state.status is Status.COMPLETED
    assert running.most == 2


async def test_a_backlog_of_one_caller_does_not_delay_another(tmp_path: Path):
    begun: list[int] = []

    @activity.define
    async def work(number: int) -> None:
        begun.append(number)
        # Of different lengths, so that the places of the worker do not become free all at once.
        await asyncio.sleep(0.05 + number % 11 / 100)

    @workflow.define
    async def flood(ctx: workflow.Context, count: int) -> None:
        await ctx.gather(*[ctx.call_activity("work", number, app="target") for number in range(count)])

    @workflow.define
    async def one(ctx: workflow.Context, _: None = None) -> None:
        await ctx.call_activity("work", SMALL, app="target")

    async with machine(tmp_path) as here:
        await here.app("target", activities=[work], max_concurrent_activities=4)
        big = await here.app("big", workflows=[flood])
        small = await here.app("small", workflows=[one])

        async def before_it() -> int:
            """Return how many tasks of the other caller began between the start of an instance and its own task's."""
            so_far = len(begun)
            await output(small, "one")
            return begun.index(SMALL, so_far) - so_far

        await big.start(flood, 10_000)
        target = here.host.replica_of("target")
        assert target is not None
        await until(lambda: len(target.intake.hands) >= 1_000)
        waited = [await before_it() for _ in range(9)]
        print(f"tasks of a caller with 10,000 that began before one of another: {waited}")
    # A thousand and more are queued before it; in turn, few pass while it is on its way.
    assert max(waited) < 100, waited
