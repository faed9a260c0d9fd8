"""The page about calls to other apps, run as it stands there: one host, two apps, the SDK on both sides."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from antiphon import Client, Status, Worker, activity
from antiphon_sidecar.bootstrap import Host, open_host
from antiphon_sidecar.runtime.why import why
from antiphon_sidecar.settings import Limits, Settings

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "calls-to-other-apps.md"
PATIENCE_S = 30
GRACE_S = 0.5
SETTLE_S = 0.8


def page() -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(block, str(PAGE), "exec", dont_inherit=True), names)
    return names


CODE = page()
WORKFLOWS = [
    CODE[name]
    for name in (
        "misspelt_app",
        "misspelt_app_of_a_child",
        "retried",
        "patient",
        "impatient",
        "misspelt_name",
        "misspelt_child",
        "both_versions",
        "survivor",
        "twice",
    )
]


@dataclass
class Machine:
    """A host with app "orders" and its worker; app "payments" comes when a test says so."""

    host: Host
    client: Client
    ports: dict[str, int]

    async def app(self, name: str) -> None:
        listener = await self.host.add_app(name)
        self.ports[name] = listener.grpc_port

    @asynccontextmanager
    async def worker(self, app: str, **offers: Any) -> AsyncIterator[Worker]:
        """Run a worker of an app until the block ends: connected on entry, gone on exit."""
        if app not in self.ports:
            await self.app(app)
        before = self.connected(app)
        worker = Worker(address=f"127.0.0.1:{self.ports[app]}", **offers)
        async with worker:
            await until(lambda: self.connected(app) > before)
            yield worker
        await until(lambda: self.connected(app) == before)

    def connected(self, app: str) -> int:
        return sum(registration.workers for registration in self.host.view().of_app(app))

    async def call(self, workflow: str, amount: int = 42) -> str:
        return await self.client.start(workflow, amount)

    async def output(self, instance_id: str) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            state = await self.client.wait(instance_id)
        assert state.status is Status.COMPLETED, state
        return state.output

    async def reasons(self, instance_id: str) -> list[str]:
        """What `antiphon why` says that the instance waits for."""
        row = await self.host.store.get_instance(app="orders", instance_id=instance_id)
        assert row is not None
        return [wait.reason for wait in await why(row, self.host.scene())]


async def until(true: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = true()
            if found is True or (not isinstance(found, bool) and await found):
                return
            await asyncio.sleep(0.02)


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    settings = Settings(
        store=f"sqlite:///{tmp_path}/state.db",
        unknown_app_grace_s=GRACE_S,
        limits=Limits(sweep_s=0.1, names_settle_s=SETTLE_S),
    )
    async with open_host(settings) as host:
        listener = await host.add_app("orders")
        async with Client(address=f"127.0.0.1:{listener.grpc_port}") as client:
            made = Machine(host, client, {"orders": listener.grpc_port})
            async with made.worker("orders", workflows=WORKFLOWS):
                yield made


# an app that was never seen


async def test_an_app_that_was_never_seen_fails_the_call_with_the_nearest_name(machine: Machine):
    await machine.app("payments")
    text = await machine.output(await machine.call("misspelt_app"))
    assert text.startswith("AN103: AN103 TargetAppNotFound: instance ")
    assert 'calls activity "charge" in app "paymints", but no app of that ID was ever seen here' in text
    assert 'known apps: orders, payments. Did you mean "payments"?' in text


async def test_a_child_for_an_app_that_was_never_seen_fails_and_is_withdrawn(machine: Machine):
    instance_id = await machine.call("misspelt_app_of_a_child")
    assert await machine.output(instance_id) == "AN103"
    assert await machine.host.store.load(app="paymints", instance_id=f"{instance_id}:0001") is None


async def test_a_retry_reaches_an_app_that_turns_up_late(machine: Machine):
    instance_id = await machine.call("retried")
    await until(lambda: failed_once(machine, instance_id))
    async with machine.worker("payments", activities=[CODE["charge"]]):
        assert await machine.output(instance_id) == "receipt over 42"


async def failed_once(machine: Machine, instance_id: str) -> bool:
    return any(entry.kind == "task_failed" for entry in await machine.client.history(instance_id))


# an app that is not there right now


async def test_a_call_waits_for_an_app_without_workers_and_says_so(machine: Machine):
    await machine.app("payments")
    instance_id = await machine.call("patient")
    await until(lambda: says(machine, instance_id, "TargetAppUnavailable"))
    async with machine.worker("payments", activities=[CODE["charge"]]):
        assert await machine.output(instance_id) == "receipt over 42"


async def says(machine: Machine, instance_id: str, reason: str) -> bool:
    return await machine.reasons(instance_id) == [reason]


async def test_a_call_waits_for_an_app_that_was_seen_before(machine: Machine):
    async with machine.worker("payments", activities=[CODE["charge"]]):
        pass
    instance_id = await machine.call("patient")
    await until(lambda: says(machine, instance_id, "TargetAppUnavailable"))
    async with machine.worker("payments", activities=[CODE["charge"]]):
        assert await machine.output(instance_id) == "receipt over 42"


async def test_a_call_waits_no_longer_than_its_schedule_to_start_timeout(machine: Machine):
    await machine.app("payments")
    assert await machine.output(await machine.call("impatient")) == "AN104"


# names


async def test_a_name_that_nobody_offers_fails_the_call_with_the_nearest_name(machine: Machine):
    async with machine.worker("payments", activities=[CODE["charge"], CODE["refund"]]):
        text = await machine.output(await machine.call("misspelt_name"))
    assert text.startswith("AN101: AN101 ActivityNotRegistered: instance ")
    assert 'payments offers: charge, refund (1 worker). Did you mean "charge"?' in text


async def test_a_name_that_comes_with_a_rollout_is_waited_for(machine: Machine):
    async with machine.worker("payments", activities=[CODE["refund"]]):
        instance_id = await machine.call("patient")
        await until(lambda: says(machine, instance_id, "ActivityNotRegistered"))
        async with machine.worker("payments", activities=[CODE["charge"]]):
            assert await machine.output(instance_id) == "receipt over 42"


async def test_a_child_that_nobody_offers_fails(machine: Machine):
    async with machine.worker("payments", workflows=[CODE["settle"]]):
        assert await machine.output(await machine.call("misspelt_child")) == "AN102"


async def test_calls_go_only_to_workers_that_offer_the_name(machine: Machine):
    async with (
        machine.worker("payments", activities=[CODE["refund"]]),
        machine.worker("payments", activities=[CODE["charge"]]),
    ):
        output = await machine.output(await machine.call("both_versions"))
    assert output == ["receipt over 42", "42 paid back"]


# ends


async def test_what_a_lost_worker_had_is_run_by_another_under_the_same_id(machine: Machine):
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    ids: list[str] = []

    @activity.define(name="slow_charge")
    async def stuck(amount: int) -> str:
        ids.append(activity.info().task_execution_id)
        loop.call_soon_threadsafe(begun.set)
        await asyncio.Event().wait()
        return ""

    async with machine.worker("payments", activities=[stuck], grace=timedelta(0)):
        instance_id = await machine.call("survivor")
        async with asyncio.timeout(PATIENCE_S):
            await begun.wait()
    async with machine.worker("payments", activities=[CODE["slow_charge"]]):
        assert [await machine.output(instance_id)] == ids


async def test_a_child_whose_id_is_taken_is_refused(machine: Machine):
    async with machine.worker("payments", workflows=[CODE["settle"]]):
        assert await machine.output(await machine.call("twice")) == "WorkflowInstanceAlreadyExists"


def test_every_workflow_of_the_page_is_run_above():
    defined = {name for name, value in CODE.items() if getattr(value, "__module__", "") == "page" and callable(value)}
    served = {"charge", "refund", "slow_charge", "settle"}
    assert defined - served == {workflow.__name__ for workflow in WORKFLOWS}
