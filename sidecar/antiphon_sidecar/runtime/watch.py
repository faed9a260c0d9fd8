"""Those who wait: for an instance's status to change, or for a call that went straight into a turn."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.stores.base import InstanceRow


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended, as the commit that ended it wrote it; `events`: the sealed ones of its last generation."""

    row: InstanceRow
    events: Sequence[bytes]


class Watch:
    """One who waits until an instance's status is none of `leaves`: the latest that is known, and a way to wait.

    `or_gone`: or until there is no such instance. `doubtful`: what is known may be old. `asked`: the replica that was
    asked to tell, `heard`: it has answered, so that it will; `elsewhere` alone writes these. `end`: all of the end that
    was told, where this replica has committed it.
    """

    def __init__(self, app: str, instance_id: str, leaves: frozenset[Status], *, or_gone: bool = False) -> None:
        self.app = app
        self.instance_id = instance_id
        self.leaves = leaves
        self.asked: str | None = None
        self.heard = False
        #: How often the time was over before anything was heard.
        self.unheard = 0
        self.status: Status | None = None
        self.end: End | None = None
        self._or_gone = or_gone
        self._told = 0
        self._changed = False
        self._wake: asyncio.Future[bool] | None = None
        self.doubtful = False

    @property
    def waits(self) -> bool:
        """Tell whether what is waited for has not come to be, as far as is known."""
        if self.status is None:
            return not (self._or_gone and self._told)
        return self.status in self.leaves

    def see(self, status: Status | None, end: End | None = None) -> None:
        """Take a status; one that is not new wakes nobody."""
        self._told += 1
        self.end = end
        if status is not self.status or self._told == 1:
            self.status = status
            self._rouse()

    def doubt(self) -> None:
        """Have the one who waits ask or look: what is known may be old."""
        self.doubtful = True
        self._rouse()

    def _rouse(self) -> None:
        self._changed = True
        _answer(self._wake, True)

    async def look(self, read: Callable[[], Awaitable[Status | None]]) -> None:
        """Take the status that is read, unless a notice came meanwhile: what was read may be older."""
        told = self._told
        self.doubtful = False
        status = await read()
        if self._told == told:
            self.see(status)

    async def changed(self, *, within_s: float) -> bool:
        """Wait for doubt or for a status that was not seen at the last call; False when the time was over first."""
        if not self._changed:
            loop = asyncio.get_running_loop()
            self._wake = loop.create_future()
            # Not asyncio.timeout: every call of a client waits here, and this costs a quarter of it.
            over = loop.call_later(within_s, _answer, self._wake, False)
            try:
                if not await self._wake:
                    self.unheard += not self.heard
                    return False
            finally:
                over.cancel()
                self._wake = None
        self._changed = False
        return True


def _answer(wake: "asyncio.Future[bool] | None", changed: bool) -> None:
    if wake is not None and not wake.done():
        wake.set_result(changed)


class Watchers:
    """Tells waiters the committed status of instances, by app and ID."""

    def __init__(self) -> None:
        self._watches: dict[tuple[str, str], dict[Watch, None]] = {}

    def __iter__(self) -> Iterator[Watch]:
        return (watch for watches in self._watches.values() for watch in watches)

    def of(self, app: str, instance_id: str) -> tuple[Watch, ...]:
        """Return those who wait for an instance."""
        return tuple(self._watches.get((app, instance_id), ()))

    def add(self, watch: Watch) -> None:
        """Begin to watch; end with `remove`."""
        self._watches.setdefault((watch.app, watch.instance_id), {})[watch] = None

    def remove(self, watch: Watch) -> None:
        """Stop watching."""
        key = watch.app, watch.instance_id
        watches = self._watches.get(key)
        if watches is not None:
            watches.pop(watch, None)
            if not watches:
                del self._watches[key]

    def notify(self, app: str, instance_id: str, status: Status | None, end: End | None = None) -> None:
        """Tell those who watch an instance; None when there is none of that ID."""
        for watch in self._watches.get((app, instance_id), ()):
            watch.see(status, end)


class PendingCalls:
    """Client calls without a row of their own, by message ID."""

    def __init__(self) -> None:
        self._futures: dict[bytes, asyncio.Future[bool]] = {}

    def expect(self, message_id: bytes) -> "asyncio.Future[bool]":
        """Return a future: True once the call is durable, False when it is to be written to the inbox."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._futures[message_id] = future
        return future

    def settle(self, message_id: bytes, *, applied: bool) -> bool:
        """Answer a call; False when nobody waits for it any more."""
        future = self._futures.pop(message_id, None)
        if future is None or future.done():
            return False
        future.set_result(applied)
        return True

    def forget(self, message_id: bytes) -> None:
        """Note that nobody waits for a call any more."""
        self._futures.pop(message_id, None)

    def close(self) -> None:
        """Answer everybody that their call was not applied here."""
        for message_id in list(self._futures):
            self.settle(message_id, applied=False)
