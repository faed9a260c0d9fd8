"""What waits to be written to a stream: any code puts, the one writer of the stream takes."""

import asyncio


class Outbox:
    """What a stream's writer drains: put never blocks, take waits."""

    def __init__(self) -> None:
        self._items: list = []  # type: ignore[type-arg]
        self._wake = asyncio.Event()
        self._closed = False

    def put(self, item: object) -> None:
        """Queue an item; after `close` nobody takes it."""
        self._items.append(item)
        self._wake.set()

    def close(self) -> None:
        """End the stream: nothing more is taken."""
        self._closed = True
        self._wake.set()

    async def take(self, most: int) -> list:  # type: ignore[type-arg]
        """Return up to `most` items, at least one; an empty list once closed."""
        while not self._items and not self._closed:
            self._wake.clear()
            await self._wake.wait()
        if self._closed:
            return []
        taken = self._items[:most]
        del self._items[:most]
        return taken
