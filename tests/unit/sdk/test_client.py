"""The client against a scripted sidecar, over real gRPC on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from antiphon import Client, Status, TraceContext, errors, workflow
from antiphon.interceptors import ClientCall
from antiphon_proto.v1 import client_pb2, history_pb2
from tests.unit.sdk.scribe import Scribe
from tests.unit.sdk.sidecar_script import ScriptedSidecar, on_stream


@dataclass
class Report:
    lines: int


@workflow.define
async def report(ctx: workflow.Context, lines: int) -> Report:
    return Report(lines)


@pytest.fixture
async def sidecar() -> AsyncIterator[ScriptedSidecar]:
    async with ScriptedSidecar().serving() as running:
        yield running


@pytest.fixture(params=["calls of their own", "one stream"])
async def client(sidecar: ScriptedSidecar, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    sidecar.streams = request.param == "one stream"
    async with Client(address=sidecar.address, app="app2") as opened:
        if sidecar.streams:
            await on_stream(opened, sidecar)
        yield opened


def state(**fields: Any) -> client_pb2.GetInstanceResponse:
    defaults = {"instance_id": "i1", "name": "report", "workflow_status": 1}
    return client_pb2.GetInstanceResponse(exists=True, workflow_state={**defaults, **fields})


async def test_starts_with_all_that_was_said(sidecar: ScriptedSidecar, client: Client):
    sidecar.replies["StartInstance"] = client_pb2.CreateInstanceResponse(instance_id="i1")
    when = datetime(2030, 1, 1, tzinfo=UTC)
    given = {"start_at": when, "tags": {"a": "b"}, "trace_context": TraceContext("00-a", "v=1")}
    got = await client.start(report, 3, instance_id="i1", app="app3", unique=True, **given)
    (request,) = sidecar.requests
    assert got == "i1"
    assert (request.name, request.input.value, request.enforce_unique_instance_id) == ("report", "3", True)
    assert request.scheduled_start_timestamp.seconds == int(when.timestamp())
    assert (request.router.target_app_id, dict(request.tags)) == ("app3", {"a": "b"})
    trace = request.parent_trace_context
    assert (trace.trace_parent, trace.trace_state.value) == ("00-a", "v=1")


async def test_leaves_the_id_to_the_sidecar_when_none_is_given(sidecar: ScriptedSidecar, client: Client):
    sidecar.replies["StartInstance"] = client_pb2.CreateInstanceResponse(instance_id="drawn")
    assert await client.start("report") == "drawn"
    (request,) = sidecar.requests
    assert request.instance_id == ""
    assert not request.HasField("input")
    assert request.router.target_app_id == "app2"


class Sees:
    """An interceptor that keeps the IDs it is shown."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def call(self, call: ClientCall, proceed: Callable[[ClientCall], Awaitable[object]]) -> object:
        self.ids.append(call.instance_id)
        return await proceed(call)


async def test_interceptors_see_the_id_that_an_instance_will_have(sidecar: ScriptedSidecar):
    sees = Sees()
    async with Client(address=sidecar.address, interceptors=[sees]) as opened:
        await opened.start("report")
        await opened.start("report")
    assert [request.instance_id for request in sidecar.requests] == sees.ids
    assert len({*sees.ids, ""}) == 3


async def test_wait_returns_the_output_as_its_type(sidecar: ScriptedSidecar, client: Client):
    sidecar.replies["WaitForInstanceCompletion"] = state(output={"value": '{"lines":3}'})
    found = await client.wait("i1", result=Report)
    assert (found.status, found.output) == (Status.COMPLETED, Report(3))
    assert found.status.finished


async def test_a_failed_instance_is_a_state_with_a_failure(sidecar: ScriptedSidecar, client: Client):
    sidecar.replies["GetInstance"] = state(
        workflow_status=history_pb2.INSTANCE_STATUS_FAILED,
        failure_details={"error_type": "Boom", "error_message": "it broke", "code": "AN101"},
    )
    found = await client.get("i1", result=Report)
    assert found.output is None
    assert found.failure == errors.Failure("Boom", "it broke", code="AN101")


async def test_get_of_an_unknown_instance_raises(client: Client):
    with pytest.raises(errors.InstanceNotFound, match='no such instance exists: "i9"'):
        await client.get("i9")


async def test_wait_survives_a_sidecar_that_restarts():
    sidecar = ScriptedSidecar()
    sidecar.replies["WaitForInstanceCompletion"] = (grpc.StatusCode.UNAVAILABLE, "going down")
    async with Client(address="127.0.0.1:1") as client:
        async with sidecar.serving():
            client._endpoint = Client(address=sidecar.address)._endpoint
            waiting = asyncio.create_task(client.wait("i1", timeout=timedelta(seconds=20)))
            await asyncio.wait_for(sidecar.asked.wait(), 10)
        sidecar.replies["WaitForInstanceCompletion"] = state(output={"value": "1"})
        async with sidecar.serving():
            assert (await waiting).output == 1


async def test_wait_says_when_its_time_is_over():
    async with Client(address="127.0.0.1:1") as client:
        with pytest.raises(TimeoutError, match=r'instance "i1" took longer than 0:00:00\.2'):
            await client.wait("i1", timeout=timedelta(seconds=0.2))


async def test_says_that_no_sidecar_answers_and_where():
    async with Client(address="127.0.0.1:1") as client:
        with pytest.raises(errors.SidecarUnavailable, match=r"127\.0\.0\.1:1 does not answer"):
            await client.start("report")


@pytest.mark.parametrize(
    ("status", "details", "kind", "code"),
    [
        (grpc.StatusCode.NOT_FOUND, "AN207 InstanceNotFound: x", errors.InstanceNotFound, "AN207"),
        (grpc.StatusCode.UNKNOWN, "no such instance exists", errors.InstanceNotFound, ""),
        (grpc.StatusCode.ALREADY_EXISTS, "an active one", errors.InstanceAlreadyExists, ""),
        (grpc.StatusCode.FAILED_PRECONDITION, "AN208 x", errors.InstanceNotFinished, "AN208"),
        (grpc.StatusCode.FAILED_PRECONDITION, "denied", errors.RequestRefused, ""),
        (grpc.StatusCode.UNAUTHENTICATED, "AN502 TokenWrong", errors.TokenWrong, "AN502"),
        (grpc.StatusCode.INVALID_ARGUMENT, "AN503 x", errors.RequestInvalid, "AN503"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "large", errors.PayloadTooLarge, ""),
        (grpc.StatusCode.UNIMPLEMENTED, "none", errors.NotSupported, ""),
        (grpc.StatusCode.INTERNAL, "AN301 StoreUnreachable", errors.RequestError, "AN301"),
    ],
)
async def test_raises_what_the_sidecar_says(
    sidecar: ScriptedSidecar,
    client: Client,
    status: grpc.StatusCode,
    details: str,
    kind: type[errors.RequestError],
    code: str,
):
    sidecar.replies["RaiseEvent"] = (status, details)
    with pytest.raises(errors.RequestError) as caught:
        await client.raise_event("i1", "go", {"a": 1})
    assert type(caught.value) is kind
    assert caught.value.code == code


async def test_sends_events_and_orders(sidecar: ScriptedSidecar, client: Client):
    sidecar.replies["PurgeInstances"] = client_pb2.PurgeInstancesResponse(deleted_instance_count=2)
    await client.raise_event("i1", "Go", [1])
    await client.terminate("i1", "bye", recursive=False)
    await client.suspend("i1", "why", recursive=True)
    await client.resume("i1")
    assert await client.purge("i1", force=True) == 2
    raised, terminated, suspended, resumed, purged = sidecar.requests
    assert (raised.name, raised.input.value) == ("Go", "[1]")
    assert (terminated.output.value, terminated.recursive) == ('"bye"', False)
    assert (suspended.reason.value, suspended.recursive) == ("why", True)
    assert (resumed.HasField("reason"), resumed.recursive) == (False, False)
    assert (purged.force, purged.recursive) == (True, True)


async def test_purges_by_what_is_described_until_nothing_is_left(sidecar: ScriptedSidecar, client: Client):
    sidecar.replies["PurgeInstances"] = client_pb2.PurgeInstancesResponse(deleted_instance_count=2)
    when = datetime(2030, 1, 1, tzinfo=UTC)
    assert await client.purge_many(created_before=when, statuses=[Status.FAILED], workflow=report) == 2
    (request,) = sidecar.requests
    wanted = request.purge_instance_filter
    assert (wanted.created_time_to.seconds, wanted.HasField("created_time_from")) == (int(when.timestamp()), False)
    assert ([*wanted.runtime_status], wanted.name) == ([history_pb2.INSTANCE_STATUS_FAILED], "report")
    assert (request.recursive, request.force, request.router.target_app_id) == (True, False, "app2")


async def test_lists_all_pages(sidecar: ScriptedSidecar, client: Client):
    sidecar.replies["ListInstanceIDs"] = client_pb2.ListInstanceIDsResponse(
        instance_ids=["a", "b"], continuation_token="more"
    )
    seen = []
    async for instance_id in client.list_ids():
        seen.append(instance_id)
        last = client_pb2.ListInstanceIDsResponse(instance_ids=["c"])
        sidecar.replies["ListInstanceIDs"] = last
    assert seen == ["a", "b", "c"]
    assert sidecar.requests[1].continuation_token == "more"


async def test_history_reads_as_entries(sidecar: ScriptedSidecar, client: Client):
    scribe = Scribe(report, input="3")
    scribe.turn()
    sidecar.histories["i1"] = scribe.history
    entries = await client.history("i1")
    assert [entry.kind for entry in entries] == ["workflow_started", "execution_started"]
    assert entries[1].details["name"] == "report"
