"""Those who wait for an instance's status to change."""

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
