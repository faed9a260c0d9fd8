"""Sidecars of some apps in this process, on a real etcd and PostgreSQL, and what an operator would write for them."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from antiphon import Client, InstanceState, Worker
from antiphon_names import registry
from antiphon_names.registry import AppRecord, SyncedRecord
from antiphon_proto.etcd.stubs import etcd3
from antiphon_sidecar.bootstrap.sidecar import Ports, Sidecar, open_sidecar
from antiphon_sidecar.runtime.why import Wait, why
from antiphon_sidecar.settings import Concurrency, Limits, Settings
from tests import etcd
from tests.integration.twins import until

LEASE_S = 2.0
PATIENCE_S = 30
LIMITS = Limits(lease_s=LEASE_S, sweep_s=0.1, names_settle_s=1.0)


@dataclass
class Shop:
    """One namespace; what is opened in it ends with it."""

    etcd: etcd.Etcd
    url: str
    stack: AsyncExitStack
    namespace: str = field(default_factory=lambda: f"shop-{secrets.token_hex(4)}")
    sidecars: dict[str, Sidecar] = field(default_factory=dict)

    def settings(self, **over: Any) -> Settings:
        made = Settings(
            store=self.url,
            store_pool_size=2,
            namespace=self.namespace,
            etcd=",".join(self.etcd.endpoints),
            registry="operator",
            unknown_app_grace_s=0.5,
            peer_port=0,
            limits=LIMITS,
        )
        return replace(made, **over)

    async def open(
        self, app: str, *, workflows: Sequence[Any] = (), activities: Sequence[Any] = (), **over: Any
    ) -> AsyncExitStack:
        """Start a sidecar, and a worker if it is to have code; closing what is returned ends both earlier."""
        own = AsyncExitStack()
        self.stack.push_async_callback(own.aclose)
        sidecar = await own.enter_async_context(open_sidecar(app, self.settings(**over), Ports(0, 0)))
        self.sidecars[app] = sidecar
        if workflows or activities:
            address = f"127.0.0.1:{sidecar.listener.grpc_port}"
            await own.enter_async_context(Worker(address=address, workflows=workflows, activities=activities))
            await until(lambda: _true(bool(sidecar.view().of_app(app)) and self._has_workers(sidecar)))
        return own

    def _has_workers(self, sidecar: Sidecar) -> bool:
        me = sidecar.replicas()[0].identity.replica
        return any(each.replica == me and each.workers for each in sidecar.view().replicas.values())

    @asynccontextmanager
    async def client(self, app: str = "orders") -> AsyncIterator[Client]:
        async with Client(address=f"127.0.0.1:{self.sidecars[app].listener.grpc_port}") as client:
            yield client

    async def run(self, workflow: str, arg: object = None, *, app: str = "orders") -> InstanceState:
        """Run a workflow to its end."""
        async with self.client(app) as client:
            instance_id = await client.start(workflow, arg)
            return await client.wait(instance_id, timeout=timedelta(seconds=PATIENCE_S))

    async def waits(self, instance_id: str, reason: str, *, app: str = "orders") -> Wait:
        """Wait until the instance waits for this reason, and return what `antiphon why` says."""
        found: list[Wait] = []

        async def there() -> bool:
            scene = self.sidecars[app].scene()
            row = await scene.store.get_instance(app=app, instance_id=instance_id)
            found[:] = [] if row is None else [each for each in await why(row, scene) if each.reason == reason]
            return bool(found)

        await until(there)
        return found[0]

    # the operator

    def says(self, **apps: AppRecord) -> None:
        """Write records of apps."""
        for app, record in apps.items():
            self._put(registry.app_key(self.namespace, app), record.fields())

    def synced(self) -> None:
        """Say that all apps are written."""
        self._put(registry.synced_key(self.namespace), SyncedRecord("test", "2026-11-27T00:00:00Z").fields())

    def _put(self, key: str, record: dict[str, object]) -> None:
        member = self.etcd.members[0]
        client = etcd3.client(host="127.0.0.1", port=member.port, timeout=10)
        try:
            client.put(key, registry.record(record))
        finally:
            client.close()

    async def heard(self, app: str, true: Callable[[Sidecar], bool]) -> None:
        """Wait until a sidecar has heard of it."""
        await until(lambda: _true(true(self.sidecars[app])))


async def _true(value: bool) -> bool:
    return value


@asynccontextmanager
async def shop(cluster: etcd.Etcd, url: str) -> AsyncIterator[Shop]:
    """Prepare a namespace of its own."""
    async with AsyncExitStack() as stack:
        yield Shop(cluster, url, stack)


__all__ = ["LEASE_S", "LIMITS", "PATIENCE_S", "Concurrency", "Shop", "shop"]
