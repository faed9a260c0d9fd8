"""The coordinators under test: each test runs over every kind, on an empty registry."""

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest

from antiphon_proto.etcd.cluster import Access
from antiphon_sidecar.coordination.base import Coordinator
from antiphon_sidecar.coordination.etcd import EtcdCoordinator
from antiphon_sidecar.coordination.local import LocalCoordinator, LocalRegistry
from tests import etcd

LEASE_S = 2.0

Joiner = Callable[[str], Awaitable[Coordinator]]


@pytest.fixture(scope="session")
def etcd_server() -> Iterator[etcd.Etcd]:
    with etcd.started() as cluster:
        yield cluster


@pytest.fixture(params=["local", "etcd"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def join(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Joiner]:
    """Give one more replica, by its ID, access to this test's registry; all leave at the end."""
    if kind == "local":
        registry = LocalRegistry(time.monotonic)

        async def local(replica: str) -> Coordinator:
            return LocalCoordinator(registry, replica)

        yield local
        return
    server: etcd.Etcd = request.getfixturevalue("etcd_server")
    async with AsyncExitStack() as joined:
        yield joiner(Access(server.endpoints), joined)


def joiner(access: Access, joined: AsyncExitStack, *, lease_s: float = LEASE_S) -> Joiner:
    """Return what lets replicas join a namespace of their own in etcd."""
    namespace = f"test-{secrets.token_hex(6)}"

    async def by_etcd(replica: str) -> EtcdCoordinator:
        coordinator = EtcdCoordinator(
            access, namespace=namespace, replica=replica, lease_s=lease_s, monotonic=time.monotonic
        )
        await coordinator.start()
        joined.push_async_callback(coordinator.leave)
        return coordinator

    return by_etcd
