"""Background tasks with a name and an owner; a death is logged, never silent."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Generic, TypeVar

from antiphon_sidecar.stores.errors import StoreError

logger = logging.getLogger(__name__)

T = TypeVar("T")


Died = Callable[[str, BaseException], None]


class Tasks:
    """The tasks of one owner; `died` hears of one that ended by an error, after it was logged."""

    def __init__(self, died: Died | None = None) -> None:
        self._died = died
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, coroutine: Coroutine[object, object, None], name: str) -> None:
        """Run a coroutine until it ends or `close` is called."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a background task died", extra={"task": task.get_name()}, exc_info=error)
            if self._died is not None:
                self._died(task.get_name(), error)

    async def close(self) -> None:
        """Cancel what runs and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Batches(Generic[T]):
    """Collects items and hands them to a coroutine in batches, one batch at a time, until it goes through."""

    def __init__(self, handle: Callable[[Sequence[T]], Awaitable[None]], *, most: int = 500) -> None:
        self._handle = handle
        self._most = most
        self._items: list[T] = []
        self._wake = asyncio.Event()

    def add(self, item: T) -> None:
        """Queue an item."""
        self._items.append(item)
        self._wake.set()

    async def run(self) -> None:
        """Handle batches until cancelled; a store that does not answer is asked again."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._items:
                batch = self._items[: self._most]
                del self._items[: self._most]
                while True:
                    try:
                        await self._handle(batch)
                    except StoreError as error:
                        logger.warning("the store does not answer", extra={"error": str(error)})
                        await asyncio.sleep(0.2)
                    else:
                        break
