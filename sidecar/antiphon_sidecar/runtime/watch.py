"""Those who wait: for an instance's status to change, or for a call that went straight into a turn."""

import asyncio


class Watchers:
    """Wakes waiters by instance ID; a wake-up says only that it is worth looking again."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = {}

    def add(self, instance_id: str) -> asyncio.Event:
        """Return an event that is set at each change; give it back with `remove`."""
        event = asyncio.Event()
        self._events.setdefault(instance_id, set()).add(event)
        return event

    def remove(self, instance_id: str, event: asyncio.Event) -> None:
        """Stop watching."""
        events = self._events.get(instance_id)
        if events is not None:
            events.discard(event)
            if not events:
                del self._events[instance_id]

    def notify(self, instance_id: str) -> None:
        """Wake those who watch an instance."""
        for event in self._events.get(instance_id, ()):
            event.set()


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
