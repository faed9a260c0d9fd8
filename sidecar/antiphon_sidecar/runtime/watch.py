"""Those who wait: for an instance's status to change, or for a call that went straight into a turn."""

import asyncio
from collections.abc import Awaitable, Callable

from antiphon_sidecar.engine.events import Status


class Watch:
    """One who waits for a status: the latest that is known, and a way to wait for the next one."""

    def __init__(self) -> None:
        self.status: Status | None = None
        self._told = 0
        self._changed = asyncio.Event()

    def see(self, status: Status | None) -> None:
        """Take a status; one that is not new wakes nobody."""
        self._told += 1
        if status is not self.status:
            self.status = status
            self._changed.set()

    async def look(self, read: Callable[[], Awaitable[Status | None]]) -> None:
        """Take the status that is read, unless a notice came meanwhile: what was read may be older."""
        told = self._told
        status = await read()
        if self._told == told:
            self.see(status)

    async def changed(self, *, within_s: float) -> bool:
        """Wait for a status that was not seen at the last call; False when the time was over first."""
        try:
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True


class Watchers:
    """Tells waiters the committed status of instances, by ID."""

    def __init__(self) -> None:
        self._watches: dict[str, set[Watch]] = {}

    def add(self, instance_id: str) -> Watch:
        """Begin to watch; give it back with `remove`."""
        watch = Watch()
        self._watches.setdefault(instance_id, set()).add(watch)
        return watch

    def remove(self, instance_id: str, watch: Watch) -> None:
        """Stop watching."""
        watches = self._watches.get(instance_id)
        if watches is not None:
            watches.discard(watch)
            if not watches:
                del self._watches[instance_id]

    def notify(self, instance_id: str, status: Status | None) -> None:
        """Tell those who watch an instance; None when there is none of that ID."""
        for watch in self._watches.get(instance_id, ()):
            watch.see(status)


class PendingCalls:
    """Client calls without a row of their own, by message ID."""

    def __init__(self) -> None:
        self._futures: dict[bytes, asyncio.Future[bool]] = {}

    def expect(self, message_id: bytes) -> "asyncio.Future[bool]":
        """Return a future: True once the call is durable, False when it is to be written to the inbox."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._futures[message_id] = future
        return future

    def settle(self, message_id: bytes, *, applied: bool) -> None:
        """Answer a call, if somebody still waits for it."""
        future = self._futures.pop(message_id, None)
        if future is not None and not future.done():
            future.set_result(applied)

    def close(self) -> None:
        """Answer everybody that their call was not applied here."""
        for message_id in list(self._futures):
            self.settle(message_id, applied=False)
