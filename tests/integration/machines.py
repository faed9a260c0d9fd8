"""A host in the test's own process, with real listeners, workers and clients; and an instance that looks on.

For tests that provoke one thing and look at what becomes of it, and of everything else.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from antiphon import Client, Status, Worker, activity, workflow
from antiphon_sidecar.bootstrap import Host, open_host
from antiphon_sidecar.runtime.why import Wait, why
from antiphon_sidecar.settings import Settings

PATIENCE_S = 15


async def until(true: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = true()
            if found is True or (not isinstance(found, bool) and await found):
                return
            await asyncio.sleep(0.02)


@dataclass
class Machine:
    """A host and the ports of its apps."""

    host: Host
    token: str | None = None
    ports: dict[str, int] = field(default_factory=dict)

    async def app(self, name: str) -> str:
        """Let an app have a sidecar; return its address."""
        if name not in self.ports:
            self.ports[name] = (await self.host.add_app(name)).grpc_port
        return f"127.0.0.1:{self.ports[name]}"

    @asynccontextmanager
    async def worker(self, app: str, **offers: Any) -> AsyncIterator[Worker]:
        """Run a worker of an app until the block ends: connected on entry, gone on exit."""
        address = await self.app(app)
        before = self.connected(app)
        worker = Worker(address=address, api_token=self.token, **offers)
        async with worker:
            await until(lambda: self.connected(app) > before)
            yield worker
        await until(lambda: self.connected(app) == before)

    def connected(self, app: str) -> int:
        """Return how many workers of an app are connected."""
        return sum(registration.workers for registration in self.host.view().of_app(app))

    @asynccontextmanager
    async def client(self, app: str) -> AsyncIterator[Client]:
        """Open a client of an app."""
        async with Client(address=await self.app(app), api_token=self.token) as client:
            yield client

    async def why(self, app: str, instance_id: str) -> list[Wait]:
        """Return what `antiphon why` is told."""
        row = await self.host.store.get_instance(app=app, instance_id=instance_id)
        return [] if row is None else await why(row, self.host.scene())


@asynccontextmanager
async def machine(settings: Settings) -> AsyncIterator[Machine]:
    """Open a host."""
    async with open_host(settings) as host:
        yield Machine(host, token=settings.api_token)


@activity.define
async def tick(count: int) -> int:
    """Take a moment."""
    await asyncio.sleep(0.01)
    return count + 1


@workflow.define
async def bystander(ctx: workflow.Context) -> int:
    """Call an activity of another app again and again until told that it is enough."""
    count, enough = 0, ctx.wait_for_event("enough")
    while not enough.done:
        count = await ctx.call_activity(tick, count, app="clock")
        ctx.set_custom_status(count)
    return count


@asynccontextmanager
async def undisturbed(machine: Machine) -> AsyncIterator[None]:
    """Let an instance run beside the block, in apps of its own, and make sure that it goes on and ends well."""
    async with (
        machine.worker("bystanders", workflows=[bystander]),
        machine.worker("clock", activities=[tick]),
        machine.client("bystanders") as client,
    ):
        await client.start(bystander, instance_id="bystander")

        async def further_than(count: int) -> bool:
            state = await client.get("bystander")
            return state is not None and (state.custom_status or 0) > count

        await until(lambda: further_than(2))
        yield
        state = await client.get("bystander")
        assert state is not None
        reached = state.custom_status
        await until(lambda: further_than(reached))
        await client.raise_event("bystander", "enough")
        ended = await client.wait("bystander", timeout=timedelta(seconds=PATIENCE_S))
        assert ended.status is Status.COMPLETED, ended
