"""Asking sidecars for figures: over gRPC, of one replica of each store, and no more often than allowed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from antiphon_operator.clock import Clock
from antiphon_operator.contracts.apps import App, StoreUse
from antiphon_operator.contracts.replicas import merged
from antiphon_operator.control.client import ControlClient, Counted, NotAnswered
from antiphon_operator.reconcile.observed import Backlog, Instances, StoreReport
from antiphon_operator.runtime.figures import Counting, Figures
from antiphon_operator.settings import PeerSettings
from antiphon_proto.methods import CONTROL, CONTROL_SERVICE
from antiphon_proto.v1 import control_pb2 as ct
from tests.unit.operator.building import replica
from tests.unit.operator.twins import RegistryTwin, until

COUNTS = ct.CountsResponse(
    counts=[
        ct.NameCounts(
            app_id="orders", name="buy", running=4, stalled=1, oldest_created_at=Timestamp(seconds=1_700_000_000)
        )
    ],
    backlogs=[ct.Backlog(app_id="Payments", queued=3)],
)
STATUS = ct.StoreStatusResponse(identity="one", backend="postgresql", server_version="16.4", schema_version=7)


@asynccontextmanager
async def sidecar() -> AsyncIterator[str]:
    """A control API that answers these two calls; yields its address."""
    answers = {"Counts": COUNTS, "StoreStatus": STATUS}

    def handler(name: str) -> Any:
        async def answer(request: Any, context: Any) -> Any:
            return answers[name]

        method = CONTROL[name]
        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=method.request.FromString,
            response_serializer=method.response.SerializeToString,
        )

    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(CONTROL_SERVICE, {name: handler(name) for name in answers}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


async def test_what_a_sidecar_counts_is_read():
    client = ControlClient(PeerSettings())
    async with sidecar() as address:
        counted = await client.counts(address)
        report = await client.store_status(address)
    await client.close()
    oldest = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert counted == Counted({("orders", "buy"): Instances(4, 0, 1, 0, oldest)}, {"Payments": Backlog(3, 0)})
    assert report == StoreReport("one", "postgresql", "16.4", 7)


async def test_a_sidecar_that_is_gone_does_not_answer():
    client = ControlClient(PeerSettings())
    async with sidecar() as address:
        pass
    with pytest.raises(NotAnswered, match="UNAVAILABLE"):
        await client.counts(address)
    await client.close()


class ControlTwin:
    """Sidecars by address: those in `away` do not answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away: set[str] = set()
        self.report = StoreReport("one", "postgresql")

    async def counts(self, address: str) -> Counted:
        return Counted({("orders", "buy"): Instances(len(self.asked), 0, 0, 0)})

    async def store_status(self, address: str) -> StoreReport:
        self.asked.append(address)
        if address in self.away:
            raise NotAnswered(address)
        return self.report


@asynccontextmanager
async def counting(control: ControlTwin, etcd: RegistryTwin, *, period_s: float = 3600.0) -> AsyncIterator[Any]:
    figures, changed = Figures(), []
    loop = Counting(
        control=control,
        view=lambda: etcd.view,
        figures=figures,
        clock=Clock(),
        period_s=period_s,
        changed=changed.append,
    )
    running = asyncio.create_task(loop.run(), name="counting")
    try:
        yield figures, changed
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


ORDERS = App("orders", live=merged([replica("orders")]))


async def test_one_replica_of_each_store_is_asked_once_in_a_period():
    control, etcd = ControlTwin(), RegistryTwin()
    etcd.live([replica("orders", number) for number in range(5)] + [replica("Payments", store="two")])
    async with counting(control, etcd) as (figures, changed):
        await until(lambda: len(control.asked) == 2)
        await until(lambda: figures.instances("shop", ORDERS, "buy"))
        etcd.live([replica("orders", number) for number in range(6)] + [replica("Payments", store="three")])
        await until(lambda: len(control.asked) == 3)
    assert changed == ["shop"] * 3


async def test_another_replica_is_asked_when_one_does_not_answer():
    control, etcd = ControlTwin(), RegistryTwin()
    etcd.live([replica("orders", number) for number in range(1, 4)])
    control.away = {"10.0.0.1:50002", "10.0.0.2:50002"}
    async with counting(control, etcd) as (figures, _):
        await until(lambda: figures.instances("shop", ORDERS, "buy"))
    assert control.asked[-1] == "10.0.0.3:50002"


async def test_figures_stay_while_the_store_does_not_answer():
    control, etcd = ControlTwin(), RegistryTwin()
    etcd.live([replica("orders")])
    async with counting(control, etcd, period_s=0.02) as (figures, _):
        await until(lambda: figures.instances("shop", ORDERS, "buy"))
        control.report = StoreReport("one", "postgresql", error="connection refused")
        await until(lambda: figures.store(ORDERS) == control.report)
        assert figures.instances("shop", ORDERS, "buy") is not None


def test_what_nobody_has_counted_is_not_zero():
    figures = Figures()
    assert figures.instances("shop", ORDERS, "buy") is None
    figures.keep("shop", "one", Counted())
    assert figures.instances("shop", ORDERS, "buy") == Instances(0, 0, 0, 0)
    at_rest = App("orders", store=StoreUse("main", "one"))
    assert figures.backlog("shop", at_rest) == Backlog(0, 0)
