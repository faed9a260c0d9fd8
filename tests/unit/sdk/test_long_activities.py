"""Heartbeats, their details and cancellation, at a worker with a scripted sidecar behind real gRPC."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from antiphon import ActivityCancelled, Worker, _activities, activity
from antiphon_proto.v1 import worker_pb2
from tests.unit.sdk.sidecar_script import ScriptedSidecar
from tests.unit.sdk.test_worker import activity_item


class Place:
    """What the activities of one test do; each test makes its own."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.release = threading.Event()
        self.seen: list[Any] = []
        self.loop = asyncio.get_running_loop()

    def functions(self) -> list[Callable[..., Any]]:  # noqa: C901  (several small ones)
        @activity.define
        async def sleeps() -> None:
            self.began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.seen.append(activity.cancelled())
                raise

        @activity.define
        def looks() -> str:
            self.loop.call_soon_threadsafe(self.began.set)
            while not activity.cancelled():
                self.release.wait(0.01)
            return "looked"

        @activity.define
        def beats() -> None:
            self.loop.call_soon_threadsafe(self.began.set)
            while True:
                activity.heartbeat()
                self.release.wait(0.01)

        @activity.define
        def sticks() -> str:
            self.loop.call_soon_threadsafe(self.began.set)
            self.release.wait(30)
            return "late"

        @activity.define
        async def counts(most: int) -> Any:
            for number in range(most):
                activity.heartbeat({"done": number})
                await asyncio.sleep(0)
            if most:
                await self.go.wait()
            return activity.info().heartbeat_details

        return [sleeps, looks, beats, sticks, counts]


@asynccontextmanager
async def at_work(place: Place, **settings: Any) -> AsyncIterator[ScriptedSidecar]:
    async with (
        ScriptedSidecar().serving() as sidecar,
        Worker(activities=place.functions(), address=sidecar.address, **settings),
    ):
        await asyncio.wait_for(sidecar.hellos.get(), 10)
        yield sidecar
        place.release.set()


def cancel(token: str = "t") -> worker_pb2.WorkItem:
    return worker_pb2.WorkItem(activity_cancel={"instance_id": "i1", "task_id": 1}, completion_token=token)


async def result(sidecar: ScriptedSidecar) -> worker_pb2.ActivityResponse:
    (found,) = (await sidecar.batch()).activities
    return found


@pytest.mark.parametrize("name", ["sleeps", "beats"])
async def test_a_cancelled_activity_ends_and_says_so(name: str):
    place = Place()
    async with at_work(place) as sidecar:
        sidecar.items.put_nowait(activity_item(name))
        await asyncio.wait_for(place.began.wait(), 10)
        sidecar.items.put_nowait(cancel())
        failed = await result(sidecar)
    assert (failed.failure_details.error_type, failed.failure_details.code) == ("ActivityCancelled", "AN510")
    assert failed.failure_details.is_non_retriable
    assert place.seen == ([True] if name == "sleeps" else [])


async def test_an_activity_in_a_thread_sees_that_it_is_cancelled():
    place = Place()
    async with at_work(place) as sidecar:
        sidecar.items.put_nowait(activity_item("looks"))
        await asyncio.wait_for(place.began.wait(), 10)
        sidecar.items.put_nowait(cancel())
        assert (await result(sidecar)).result.value == '"looked"'


async def test_the_answer_to_a_heartbeat_cancels():
    place = Place()
    async with at_work(place) as sidecar:
        sidecar.unwanted.add("t")
        sidecar.items.put_nowait(activity_item("beats"))
        assert (await result(sidecar)).failure_details.error_type == "ActivityCancelled"


async def test_an_activity_that_waits_for_a_place_is_never_begun_once_cancelled():
    place = Place()
    async with at_work(place, max_concurrent_activities=1) as sidecar:
        sidecar.items.put_nowait(activity_item("sticks"))
        sidecar.items.put_nowait(activity_item("counts", "1", task_id=2, token="u"))
        sidecar.items.put_nowait(cancel("u"))
        failed = await result(sidecar)
        assert (failed.completion_token, failed.failure_details.error_type) == ("u", "ActivityCancelled")
        assert sidecar.heartbeats.empty()


async def test_one_that_does_not_end_gives_its_place_to_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_activities, "CANCEL_GRACE_S", 0.05)
    place = Place()
    async with at_work(place, max_concurrent_activities=1) as sidecar:
        sidecar.items.put_nowait(activity_item("sticks"))
        await asyncio.wait_for(place.began.wait(), 10)
        sidecar.items.put_nowait(activity_item("counts", "0", task_id=2, token="u"))
        sidecar.items.put_nowait(cancel())
        assert (await result(sidecar)).completion_token == "u"
        place.release.set()
        sidecar.items.put_nowait(activity_item("counts", "0", task_id=3, token="v"))
        # Nothing more is heard of the first.
        assert (await result(sidecar)).completion_token == "v"


async def test_heartbeats_are_bounded_and_the_last_details_arrive():
    place = Place()
    async with at_work(place) as sidecar:
        item = activity_item("counts", "5000")
        item.activity_request.heartbeat_ms = 400
        sidecar.items.put_nowait(item)
        sent = []
        while not sent or sent[-1].details != b'{"done":4999}':
            sent.append(await asyncio.wait_for(sidecar.heartbeats.get(), 10))
        place.go.set()
        await result(sidecar)
    assert {(each.completion_token, each.only_asks) for each in sent} == {("t", False)}
    assert len(sent) < 100


async def test_an_attempt_gets_what_the_one_before_it_said():
    place = Place()
    async with at_work(place) as sidecar:
        item = activity_item("counts", "0")
        item.activity_request.heartbeat_details = b'{"done":7}'
        sidecar.items.put_nowait(item)
        assert (await result(sidecar)).result.value == '{"done":7}'


async def test_details_that_cannot_be_read_are_left_out():
    place = Place()
    async with at_work(place) as sidecar:
        item = activity_item("counts", "0")
        item.activity_request.heartbeat_details = b"no JSON"
        sidecar.items.put_nowait(item)
        assert (await result(sidecar)).result.value == "null"


async def test_what_began_on_an_earlier_stream_is_asked_about():
    place = Place()
    async with at_work(place) as sidecar:
        sidecar.items.put_nowait(activity_item("sleeps"))
        await asyncio.wait_for(place.began.wait(), 10)
        sidecar.unwanted.add("t")
        sidecar.items.put_nowait(None)
        asked = await asyncio.wait_for(sidecar.heartbeats.get(), 10)
        assert (asked.completion_token, asked.only_asks, asked.HasField("details")) == ("t", True, False)
        assert (await result(sidecar)).failure_details.error_type == "ActivityCancelled"


async def test_what_began_before_a_ping_is_asked_about():
    place = Place()
    async with at_work(place) as sidecar:
        sidecar.items.put_nowait(activity_item("sleeps"))
        await asyncio.wait_for(place.began.wait(), 10)
        sidecar.unwanted.add("t")
        sidecar.items.put_nowait(worker_pb2.WorkItem(health_ping={}))
        asked = await asyncio.wait_for(sidecar.heartbeats.get(), 10)
        assert (asked.completion_token, asked.only_asks) == ("t", True)
        assert (await result(sidecar)).failure_details.error_type == "ActivityCancelled"


async def test_a_second_delivery_takes_over_the_first_ones_place():
    place = Place()
    async with at_work(place) as sidecar:
        sidecar.items.put_nowait(activity_item("sleeps"))
        await asyncio.wait_for(place.began.wait(), 10)
        sidecar.items.put_nowait(activity_item("sleeps", token="second"))
        sidecar.items.put_nowait(cancel("second"))
        assert (await result(sidecar)).completion_token == "second"


def test_outside_of_an_activity_there_is_nothing_to_say():
    with pytest.raises(RuntimeError, match=r"activity\.heartbeat"):
        activity.heartbeat()
    with pytest.raises(RuntimeError, match=r"activity\.cancelled"):
        activity.cancelled()


def test_the_error_says_what_to_do():
    assert "AN510 ActivityCancelled" in str(ActivityCancelled("end it"))
