"""Waiting for a status: notices and looks, in whatever order they come."""

import asyncio

from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.runtime.watch import Watchers

SOON_S = 5.0


async def test_a_notice_wakes_with_the_status_it_brings() -> None:
    watchers = Watchers()
    watch = watchers.add("one")
    watchers.notify("one", Status.RUNNING)
    assert await watch.changed(within_s=SOON_S)
    assert watch.status is Status.RUNNING


async def test_a_status_that_is_not_new_wakes_nobody() -> None:
    watchers = Watchers()
    watch = watchers.add("one")
    watchers.notify("one", Status.RUNNING)
    assert await watch.changed(within_s=SOON_S)
    watchers.notify("one", Status.RUNNING)
    watchers.notify("other", Status.COMPLETED)
    assert not await watch.changed(within_s=0)


async def test_what_was_read_does_not_hide_what_was_told_meanwhile() -> None:
    watchers = Watchers()
    watch = watchers.add("one")
    reading, answer = asyncio.Event(), asyncio.Event()

    async def read() -> Status:
        reading.set()
        await answer.wait()
        return Status.RUNNING

    look = asyncio.create_task(watch.look(read), name="look")
    await reading.wait()
    watchers.notify("one", Status.COMPLETED)
    answer.set()
    await look
    assert watch.status is Status.COMPLETED


async def test_is_told_nothing_after_it_was_given_back() -> None:
    watchers = Watchers()
    watch = watchers.add("one")
    watchers.remove("one", watch)
    watchers.notify("one", Status.COMPLETED)
    assert watch.status is None
