"""The way from a process to the one that holds the store of this machine, and the waiting while there is none.

Used by `forwarding`; bootstrap says when a holder comes and goes. Which process that is, this one included, does
not matter here.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import grpc.aio

#: Calls in the metadata of which app is meant, on a socket that serves several.
APP_KEY = "antiphon-app"
#: The user agent of whoever made a call that was forwarded: gRPC writes its own into each call.
AGENT_KEY = "antiphon-user-agent"
#: Stands in the trailing metadata of whatever a holder answers; without it an error is the end of the holder.
ANSWERED_KEY = "antiphon-answered"


class Line:
    """A connection to one holder; closed once it is `over` and the last call on it has ended."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._calls = 0
        self._over = False
        self.closed = asyncio.Event()

    @contextmanager
    def used(self) -> Iterator[grpc.aio.Channel]:
        """Keep the connection open for a call."""
        self._calls += 1
        try:
            yield self._channel
        finally:
            self._calls -= 1
            self._close_unused()

    def end(self) -> None:
        """Begin no further calls. Those under way go on: the holder ends them, or has done so by dying."""
        self._over = True
        self._close_unused()

    def _close_unused(self) -> None:
        # A channel that is closed while calls are under way cancels them, which looks as if their callers had left.
        if self._over and self._calls == 0:
            self.closed.set()

    async def close_when_over(self) -> None:
        """Close the connection as soon as nobody needs it."""
        try:
            await self.closed.wait()
        finally:
            await self._channel.close(None)


class Holder:
    """The line to whoever holds the store now; None while nobody does."""

    def __init__(self) -> None:
        self._line: Line | None = None
        self._up = asyncio.Event()

    def came(self, line: Line) -> None:
        """Let calls go this way from now on."""
        self._line = line
        self._up.set()

    def went(self) -> None:
        """Let calls wait for the next one."""
        if self._line is not None:
            self._line.end()
        self._line = None
        self._up.clear()

    def now(self) -> Line | None:
        """Return the line, if there is one."""
        return self._line

    async def line(self) -> Line:
        """Return the line, as soon as there is one; the caller bounds the wait."""
        while self._line is None:
            await self._up.wait()
        return self._line
