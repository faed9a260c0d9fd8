"""Waiting for a status: notices, looks and doubts, in whatever order they come."""

import asyncio

from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.runtime.watch import Watch, Watchers

SOON_S = 5.0
APP = "orders"


def watched(watchers: Watchers, instance_id: str = "one", *leaves: Status, or_gone: bool = False) -> Watch:
    watch = Watch(APP, instance_id, frozenset(leaves), or_gone=or_gone)
    watchers.add(watch)
    return watch


async def test_a_notice_wakes_with_the_status_it_brings() -> None:
    watchers = Watchers()
    watch = watched(watchers)
    watchers.notify(APP, "one", Status.RUNNING)
    assert await watch.changed(within_s=SOON_S)
    assert watch.status is Status.RUNNING


async def test_a_status_that_is_not_new_wakes_nobody() -> None:
    watchers = Watchers()
    watch = watched(watchers)
    watchers.notify(APP, "one", Status.RUNNING)
    assert await watch.changed(within_s=SOON_S)
    watchers.notify(APP, "one", Status.RUNNING)
    watchers.notify(APP, "other", Status.COMPLETED)
    watchers.notify("other app", "one", Status.COMPLETED)
    assert not await watch.changed(within_s=0)


async def test_what_was_read_does_not_hide_what_was_told_meanwhile() -> None:
    watchers = Watchers()
    watch = watched(watchers)
    reading, answer = asyncio.Event(), asyncio.Event()

    async def read() -> Status:
        reading.set()
        await answer.wait()
        return Status.RUNNING

    look = asyncio.create_task(watch.look(read), name="look")
    await reading.wait()
    watchers.notify(APP, "one", Status.COMPLETED)
    answer.set()
    await look
    assert watch.status is Status.COMPLETED


async def test_is_told_nothing_after_it_was_given_back() -> None:
    watchers = Watchers()
    watch = watched(watchers)
    watchers.remove(watch)
    watchers.notify(APP, "one", Status.COMPLETED)
    assert watch.status is None


async def test_waits_until_the_status_is_none_of_those_it_leaves() -> None:
    watchers = Watchers()
    watch = watched(watchers, "one", Status.PENDING)
    assert watch.waits
    watchers.notify(APP, "one", Status.PENDING)
    assert watch.waits
    watchers.notify(APP, "one", Status.RUNNING)
    assert not watch.waits


async def test_that_an_instance_is_gone_ends_only_those_waits_that_ask_for_it() -> None:
    watchers = Watchers()
    waits, ends = watched(watchers, or_gone=False), watched(watchers, or_gone=True)
    assert ends.waits
    watchers.notify(APP, "one", None)
    assert await ends.changed(within_s=SOON_S)
    assert waits.waits
    assert not ends.waits


async def test_doubt_wakes_and_is_over_once_the_status_was_read() -> None:
    watch = watched(Watchers())
    watch.doubt()
    assert await watch.changed(within_s=SOON_S)
    assert watch.doubtful

    async def read() -> Status:
        return Status.RUNNING

    await watch.look(read)
    assert not watch.doubtful


async def test_doubt_while_it_is_read_is_not_over() -> None:
    watch = watched(Watchers())

    async def read() -> Status:
        watch.doubt()
        return Status.RUNNING

    await watch.look(read)
    assert await watch.changed(within_s=SOON_S)
    assert watch.doubtful
