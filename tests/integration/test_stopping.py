"""A host that is asked to end: it drains, says goodbye to its workers, and the next one goes on where it was."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest

from antiphon import Client, Status
from antiphon_proto import methods
from antiphon_proto.v1 import client_pb2, worker_pb2
from tests.integration import clients
from tests.integration.campaigns import Campaign, Plan
from tests.integration.clients import Deadline
from tests.integration.programs import Stack

pytestmark = pytest.mark.integration

STOP_S = 20.0


@asynccontextmanager
async def work_items(stack: Stack, app: str) -> AsyncIterator[Any]:
    """Connect as a worker that offers nothing and takes whatever comes."""
    method = methods.TASK_HUB["GetWorkItems"]
    async with grpc.aio.insecure_channel(stack.address(app)) as channel:
        call: Any = channel.unary_stream(
            method.path, request_serializer=method.request.SerializeToString, response_deserializer=bytes
        )(worker_pb2.GetWorkItemsRequest(declares_names=True))
        deadline = Deadline(STOP_S)
        while not await asyncio.to_thread(workers, stack, app):
            deadline.check("the host sees the worker")
        yield call


def workers(stack: Stack, app: str) -> int:
    """Return how many workers the host says an app has."""
    return int(json.loads(stack.cli("apps", "--app", app, "-o", "json"))[0]["workers"])


async def test_ends_with_zero_and_its_workers_streams_with_ok(sqlite_stack: Stack) -> None:
    sqlite_stack.host.start()
    sqlite_stack.wait_for_listeners()
    async with work_items(sqlite_stack, "orders") as call:
        assert await asyncio.to_thread(sqlite_stack.host.terminate, within_s=STOP_S) == 0
        assert await asyncio.wait_for(call.code(), STOP_S) is grpc.StatusCode.OK


async def test_ends_the_streams_of_clients_with_ok_and_their_waits_with_them(sqlite_stack: Stack) -> None:
    sqlite_stack.host.start()
    sqlite_stack.wait_for_listeners()
    method = methods.CLIENT["Calls"]
    async with grpc.aio.insecure_channel(sqlite_stack.address("orders")) as channel, asyncio.timeout(STOP_S):
        call: Any = channel.stream_stream(
            method.path, method.request.SerializeToString, response_deserializer=method.response.FromString
        )()
        assert not (await call.read()).leaving
        wait = client_pb2.ClientCall(id=1, wait_finished=client_pb2.GetInstanceRequest(instance_id="never"))
        await call.write(client_pb2.CallsRequest(calls=[wait]))
        stopping = asyncio.create_task(asyncio.to_thread(sqlite_stack.host.terminate, within_s=STOP_S))
        assert (await call.read()).leaving
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.OK
        assert await stopping == 0


async def test_ends_while_a_client_waits_and_the_client_gets_its_answer_from_the_next(sqlite_stack: Stack) -> None:
    sqlite_stack.start()
    deadline = Deadline(60)
    async with Client(address=sqlite_stack.address()) as client:
        await clients.start(client, "chain", 0.05, instance_id="chain", deadline=deadline)
        waiting = asyncio.create_task(clients.outcomes(client, ["chain"], deadline=deadline), name="waiting")
        assert await asyncio.to_thread(sqlite_stack.host.terminate, within_s=STOP_S) == 0
        sqlite_stack.seen_enough()
        sqlite_stack.host.start()
        state = (await waiting)["chain"]
    assert state is not None, sqlite_stack.host.tail()
    assert state.status is Status.COMPLETED


async def test_loses_nothing_when_all_are_asked_to_end_again_and_again(any_stack: Stack) -> None:
    plan = Plan(seed=21, instances=30, host_stops=4, app_stops=4, pause_s=(0.3, 1.5), work_s=0.2, finish_s=120)
    await Campaign(any_stack, plan).run()
