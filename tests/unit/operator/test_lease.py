"""The election on a lease in memory: who leads, when another may, and when a leader must end."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from kubernetes.aio.client import V1Lease
from kubernetes.aio.client.exceptions import ApiException

from antiphon_operator.clock import Clock
from antiphon_operator.kube.lease import Lease, Lost
from antiphon_operator.settings import LeaseSettings
from tests.unit.operator.twins import until

QUICK = LeaseSettings(
    duration=timedelta(seconds=0.6), renew_deadline=timedelta(seconds=0.4), retry=timedelta(seconds=0.02)
)


class LeasesTwin:
    """One lease, replaced only at the version that was read."""

    def __init__(self) -> None:
        self.lease: V1Lease | None = None
        self.version = 0
        self.broken: Any = None

    async def read_namespaced_lease(self, name: str, namespace: str) -> V1Lease:
        await self._reached()
        if self.lease is None:
            raise ApiException(status=404)
        return self.lease.model_copy(deep=True)

    async def replace_namespaced_lease(self, name: str, namespace: str, body: V1Lease) -> V1Lease:
        await self._reached()
        assert body.metadata is not None
        if body.metadata.resource_version != str(self.version):
            raise ApiException(status=409)
        return self._keep(body)

    async def create_namespaced_lease(self, namespace: str, body: V1Lease) -> V1Lease:
        await self._reached()
        if self.lease is not None:
            raise ApiException(status=409)
        return self._keep(body)

    async def _reached(self) -> None:
        if self.broken == "hangs":
            await asyncio.sleep(3600)
        if self.broken is not None:
            raise self.broken
        await asyncio.sleep(0)

    def _keep(self, body: V1Lease) -> V1Lease:
        self.version += 1
        self.lease = body.model_copy(deep=True)
        assert self.lease.metadata is not None
        self.lease.metadata.resource_version = str(self.version)
        return self.lease

    @property
    def holder(self) -> str | None:
        return None if self.lease is None or self.lease.spec is None else self.lease.spec.holder_identity


def one(api: LeasesTwin, identity: str) -> Lease:
    return Lease(api, QUICK, identity=identity, clock=Clock())


async def test_one_of_two_leads_and_the_other_takes_over_when_it_is_gone():
    api = LeasesTwin()
    first, second = one(api, "first"), one(api, "second")
    await first.acquire()
    waiting = asyncio.create_task(second.acquire(), name="second")
    keeping = asyncio.create_task(first.keep(), name="first")
    await asyncio.sleep(1.0)
    assert (api.holder, waiting.done()) == ("first", False)
    keeping.cancel()
    await asyncio.wait_for(waiting, 10)
    assert api.holder == "second"
    assert api.lease is not None
    assert api.lease.spec is not None
    assert api.lease.spec.lease_transitions == 1


async def test_a_lease_that_is_given_up_is_taken_at_once():
    api = LeasesTwin()
    first, second = one(api, "first"), one(api, "second")
    await first.acquire()
    await first.release()
    assert api.holder == ""
    async with asyncio.timeout(QUICK.duration.total_seconds() / 2):
        await second.acquire()


@pytest.mark.parametrize("broken", [ApiException(status=500), OSError("no route"), "hangs"])
async def test_a_leader_that_cannot_renew_in_time_ends_before_another_may_lead(broken):
    api, clock = LeasesTwin(), Clock()
    first = one(api, "first")
    await first.acquire()
    began = clock.monotonic()
    api.broken = broken
    with pytest.raises(Lost):
        await first.keep()
    assert clock.monotonic() - began < QUICK.duration.total_seconds()
    assert not first.held


async def test_a_leader_whose_lease_another_has_taken_ends():
    api = LeasesTwin()
    first = one(api, "first")
    await first.acquire()
    keeping = asyncio.create_task(first.keep(), name="first")
    assert api.lease is not None
    assert api.lease.spec is not None
    api.lease.spec.holder_identity = "second"
    with pytest.raises(Lost):
        await asyncio.wait_for(keeping, 10)


async def test_a_hiccup_of_the_api_server_costs_no_leadership():
    api = LeasesTwin()
    first = one(api, "first")
    await first.acquire()
    keeping = asyncio.create_task(first.keep(), name="first")
    api.broken = ApiException(status=503)
    await asyncio.sleep(0.1)
    api.broken = None
    version = api.version
    await until(lambda: api.version > version + 2)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert first.held
