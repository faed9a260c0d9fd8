"""A background task that dies is heard of; one that ends or is cancelled is not."""

import asyncio

from antiphon_sidecar.runtime.tasks import Tasks


async def _fail() -> None:
    raise ValueError("broken")


async def test_a_death_is_told_with_the_name_of_the_task():
    told: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    tasks = Tasks(lambda name, error: told.put_nowait((name, repr(error))))
    tasks.spawn(_fail(), "orders-sweep")
    async with asyncio.timeout(5):
        assert await told.get() == ("orders-sweep", "ValueError('broken')")
    await tasks.close()


async def test_ending_and_being_cancelled_are_no_deaths():
    told: list[str] = []
    tasks = Tasks(lambda name, error: told.append(name))
    tasks.spawn(asyncio.sleep(0), "ends")
    tasks.spawn(asyncio.sleep(3600), "is cancelled")
    await asyncio.sleep(0)
    await tasks.close()
    assert told == []
