"""The keyed queue and the cache: nothing twice at a time, nothing lost, the newest wins."""

import asyncio
from typing import Any

from antiphon_operator.runtime.cache import Cache
from antiphon_operator.runtime.queue import KeyedQueue


class Ticking:
    """A clock that is moved by hand."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


def queue() -> tuple[KeyedQueue[str], Ticking]:
    clock = Ticking()
    return KeyedQueue(clock.monotonic), clock


async def test_a_key_waits_once_however_often_it_is_added():
    found, _ = queue()
    for _ in range(3):
        found.add("a")
    assert (await found.next(), len(found)) == ("a", 0)


async def test_keys_come_when_they_are_due_and_the_earlier_time_counts():
    found, clock = queue()
    found.add("later", 10)
    found.add("now")
    assert await found.next() == "now"
    found.add("later", 5)
    found.add("later", 20)
    clock.now += 5
    assert await asyncio.wait_for(found.next(), 1) == "later"
    assert len(found) == 0


async def test_a_key_that_is_added_while_in_hand_comes_again_afterwards():
    found, _ = queue()
    found.add("a")
    assert await found.next() == "a"
    found.add("a")
    assert len(found) == 0
    found.done("a")
    assert await found.next() == "a"
    found.done("a")
    assert (len(found), found.busy) == (0, 0)


async def test_who_waits_is_woken_by_an_earlier_key():
    found, _ = queue()
    found.add("later", 1_000)
    waiting = asyncio.create_task(found.next(), name="next")
    await asyncio.sleep(0)
    found.add("now")
    assert await asyncio.wait_for(waiting, 1) == "now"


async def test_every_worker_gets_a_key():
    found, _ = queue()
    waiting = [asyncio.create_task(found.next(), name=f"next-{number}") for number in range(3)]
    await asyncio.sleep(0)
    for key in "abc":
        found.add(key)
    assert sorted(await asyncio.wait_for(asyncio.gather(*waiting), 1)) == ["a", "b", "c"]


def body(name: str, version: int, uid: str = "u") -> Any:
    return {"metadata": {"namespace": "shop", "name": name, "uid": uid, "resourceVersion": str(version)}}


def test_the_newest_version_wins_whatever_the_order():
    cache = Cache()
    assert cache.put("workflows", body("a", 100))
    assert not cache.put("workflows", body("a", 99))
    assert not cache.put("workflows", body("a", 100))
    assert cache.put("workflows", body("a", 1_000))
    assert cache.get("workflows", "shop", "a") == body("a", 1_000)


def test_what_was_deleted_does_not_come_back_by_an_older_listing():
    cache = Cache()
    cache.put("workflows", body("a", 1))
    assert cache.drop("workflows", body("a", 5))
    assert not cache.put("workflows", body("a", 1))
    assert cache.put("workflows", body("a", 7, uid="another"))
    assert not cache.drop("workflows", body("a", 5))
    assert cache.get("workflows", "shop", "a") is not None


def test_a_listing_shows_what_is_missing_of_what_was_there_before_it():
    cache = Cache()
    cache.put("workflows", body("a", 1, uid="a"))
    since = cache.uids("workflows")
    cache.put("workflows", body("b", 2, uid="b"))
    assert [each["metadata"]["name"] for each in cache.missing("workflows", [], since=since)] == ["a"]
