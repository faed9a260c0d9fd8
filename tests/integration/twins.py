"""One host in this process with two apps and the SDK's workers on both, for tests of the client API."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon import Client, Status, Worker
from antiphon_sidecar.bootstrap import Host, open_host
from antiphon_sidecar.runtime.why import Wait, why
from antiphon_sidecar.settings import Limits, Settings
from antiphon_sidecar.stores.base import InstanceFilter

PATIENCE_S = 30
APPS = ("orders", "packing")


@dataclass
class Machine:
    """A host with two apps; `client` is that of "orders"."""

    host: Host
    client: Client
    ports: dict[str, int]

    async def status(self, instance_id: str, app: str = "orders") -> Status | None:
        row = await self.host.store.get_instance(app=app, instance_id=instance_id)
        return None if row is None else Status[_NAMES[row.status]]

    async def becomes(self, instance_id: str, status: Status | None, app: str = "orders") -> None:
        async def there() -> bool:
            return await self.status(instance_id, app) is status

        await until(there)

    async def output(self, instance_id: str, app: str | None = None) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            state = await self.client.wait(instance_id, app=app)
        assert state.status is Status.COMPLETED, state
        return state.output

    async def tagged(self, **tags: str) -> list[str]:
        """IDs of the instances, of both apps, that a search by all of these tags finds."""
        found, _ = await self.host.store.list_instances(InstanceFilter(tags=tuple(tags.items())), limit=10)
        return [row.instance_id for row in found]

    async def waits(self, instance_id: str, app: str = "orders") -> list[Wait]:
        """What `antiphon why` says."""
        row = await self.host.store.get_instance(app=app, instance_id=instance_id)
        assert row is not None
        return await why(row, self.host.scene())


_NAMES = {0: "RUNNING", 1: "COMPLETED", 3: "FAILED", 5: "TERMINATED", 6: "PENDING", 7: "SUSPENDED", 8: "STALLED"}


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is so, by asking again and again."""
    async with asyncio.timeout(PATIENCE_S):
        while not await true():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def machine_with(
    directory: Path, *, workflows: Sequence[Any], activities: Sequence[Any]
) -> AsyncIterator[Machine]:
    """Run a host whose two apps both have all of these."""
    settings = Settings(store=f"sqlite:///{directory}/state.db", limits=Limits(sweep_s=0.1, names_settle_s=0.5))
    async with open_host(settings) as host:
        ports = {app: (await host.add_app(app)).grpc_port for app in APPS}
        made = [
            Worker(address=f"127.0.0.1:{port}", workflows=workflows, activities=activities) for port in ports.values()
        ]
        async with Client(address=f"127.0.0.1:{ports['orders']}") as client, made[0], made[1]:
            machine = Machine(host, client, ports)

            async def connected() -> bool:
                return all(any(r.workers for r in host.view().of_app(app)) for app in APPS)

            await until(connected)
            yield machine
