"""One activity under way: what it says of its progress, and whether anybody still waits for it.

`activity.heartbeat` and `activity.cancelled` find it by a context variable. It may be used from any thread.
"""

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar

from antiphon import _values
from antiphon._payloads import Payloads
from antiphon.errors import ActivityCancelled

#: Between two heartbeats that are sent, when no timeout asks for more.
INTERVAL_S = 5.0
_SHORTEST_S = 0.05
#: So many heartbeats are sent in one heartbeat timeout at most.
_PER_TIMEOUT = 4


class Running:
    """An activity that has begun; `token` is the delivery that counts, `send` gets (token, details) on the loop."""

    def __init__(
        self,
        *,
        name: str,
        token: str,
        heartbeat_ms: int,
        payloads: Payloads,
        send: Callable[["Running", bytes | None], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.name = name
        self.token = token
        self.task: asyncio.Task[None] | None = None
        self.cancelled = False
        self.over = False
        #: It did not end within the grace after its cancellation: its place was given to others.
        self.abandoned = False
        self.interval_s = max(heartbeat_ms / 1000 / _PER_TIMEOUT, _SHORTEST_S) if heartbeat_ms else INTERVAL_S
        self.interval_s = min(self.interval_s, INTERVAL_S)
        self._payloads = payloads
        self._send = send
        self._loop = loop
        self._details: bytes | None = None
        self._next_at = 0.0
        self._waits = False

    def beat(self, details: object, *, given: bool) -> None:
        """Note a heartbeat; it is sent at once, or when the interval since the last one is over.

        Raises:
            ActivityCancelled: nobody waits for the activity any more.
            ValueInvalid: the details cannot become JSON.
        """
        if given:
            text = self._payloads.encode(_values.encode(details, what=f'heartbeat of activity "{self.name}"'))
            self._details = (text or "").encode()
        if self.cancelled:
            raise ActivityCancelled(f'nobody waits for activity "{self.name}" any more: end it')
        if not self._waits:
            self._waits = True
            self._loop.call_soon_threadsafe(self._sent_soon)

    def _sent_soon(self) -> None:
        wait = self._next_at - time.monotonic()
        if wait > 0:
            self._loop.call_later(wait, self._flush)
        else:
            self._flush()

    def _flush(self) -> None:
        self._waits = False
        if not self.over and not self.abandoned:
            self._next_at = time.monotonic() + self.interval_s
            self._send(self, self._details)

    def cancel(self) -> None:
        """Tell it to end: an async one is cancelled, others see it when they ask."""
        self.cancelled = True
        if self.task is not None:
            self.task.cancel()


running: ContextVar[Running] = ContextVar("antiphon_activity_running")
