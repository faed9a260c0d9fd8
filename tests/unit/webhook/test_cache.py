"""What the webhook knows follows the API server, whatever happens to the connection."""

import asyncio

import pytest

from antiphon_operator.rest import Rest
from antiphon_operator.webhook.cache import Cache
from tests.apiserver import client_of, serving
from tests.unit.injection.examples import NAMESPACE, registration, store, workflow

WITHIN_S = 15


async def until(holds, within_s: float = WITHIN_S) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture
async def api():
    async with serving() as served:
        yield served


@pytest.fixture
async def cache(api):
    async with client_of(api) as client:
        followed = Cache(Rest(client))
        task = asyncio.create_task(followed.run(), name="cache")
        yield followed
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def names(cache: Cache) -> list[str]:
    return [each.name for each in cache.known(NAMESPACE).registrations]


async def test_what_is_there_at_the_start_is_known(api, cache):
    for found in (registration(), store(), workflow()):
        api.put(found)
    await until(lambda: cache.unread() is None)
    known = cache.known(NAMESPACE)
    assert [known.registrations[0].app_id, known.stores[0].secret, known.workflows[0].workflow] == [
        "orders",
        "antiphon-db",
        "process_order",
    ]
    assert cache.counts() == {"appregistrations": 1, "statestores": 1, "workflows": 1}


async def test_changes_are_known(api, cache):
    await until(lambda: api.watches() == 3)
    api.put(registration())
    await until(lambda: names(cache) == ["orders"])
    api.put(registration(appId="Orders"))
    await until(lambda: cache.known(NAMESPACE).registrations[0].app_id == "Orders")
    api.delete(registration())
    await until(lambda: names(cache) == [])


async def test_what_changed_while_the_watch_was_away_is_known(api, cache):
    await until(lambda: api.watches() == 3)
    api.put(registration("a"))
    await until(lambda: names(cache) == ["a"])
    api.failing = 500
    api.hang_up()
    await until(lambda: api.watches() == 0)
    api.put(registration("b"))
    api.failing = None
    await until(lambda: names(cache) == ["a", "b"])


async def test_a_list_is_read_anew_when_the_server_has_forgotten(api, cache):
    await until(lambda: api.watches() == 3)
    api.put(registration("a"))
    await until(lambda: names(cache) == ["a"])
    api.failing = 500
    api.hang_up()
    await until(lambda: api.watches() == 0)
    api.delete(registration("a"))
    api.put(registration("b"))
    api.forget()
    api.failing = None
    await until(lambda: names(cache) == ["b"])


async def test_what_was_read_last_is_used_while_the_server_does_not_answer(api, cache):
    api.put(registration())
    await until(lambda: cache.unread() is None)
    api.failing = 503
    api.hang_up()
    await until(lambda: api.watches() == 0)
    assert names(cache) == ["orders"]
    assert cache.unread() is None


async def test_an_object_that_cannot_be_read_hides_no_other(api, cache):
    odd = registration("odd", selector={"matchLabels": ["app"]})
    api.put(odd)
    api.put(registration())
    await until(lambda: names(cache) == ["orders"])


async def test_a_list_of_several_pages_is_read_whole(api, cache):
    big = "x" * 300_000
    for number in range(8):
        api.put(registration(f"app-{number}", offers={"activities": [{"name": big}]}))
    await until(lambda: len(names(cache)) == 8)


async def test_only_the_namespaces_that_are_named_are_read(api):
    api.put(registration())
    elsewhere = registration("elsewhere")
    elsewhere["metadata"]["namespace"] = "other"
    api.put(elsewhere)
    async with client_of(api) as client:
        cache = Cache(Rest(client), namespaces=[NAMESPACE])
        task = asyncio.create_task(cache.run(), name="cache")
        await until(lambda: cache.unread() is None)
        assert names(cache) == ["orders"]
        assert cache.known("other").registrations == ()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert all(f"/namespaces/{NAMESPACE}/" in path for _, path in api.requests)


async def test_news_of_a_namespace_wake_who_waits_for_them(api, cache):
    await until(lambda: api.watches() == 3)
    before = cache.known(NAMESPACE)
    waiting = asyncio.create_task(cache.news(NAMESPACE, after=before, within_s=WITHIN_S), name="waiting")
    await asyncio.sleep(0)
    api.put(registration())
    after = await waiting
    assert after is not None
    assert [each.name for each in after.registrations] == ["orders"]
    assert await cache.news(NAMESPACE, after=after, within_s=0.01) is None
