"""Peers inside one process: messages reach the other replica in the next round of the event loop, in batches."""

import asyncio
from collections.abc import Callable

from antiphon_sidecar.peers.base import Message


class MemoryNetwork:
    """The replicas of one process, by ID."""

    def __init__(self) -> None:
        self._handlers: dict[str, Callable[[str, Message], None]] = {}
        self._queue: list[tuple[str, str, Message]] = []

    def join(self, replica: str, handler: Callable[[str, Message], None]) -> None:
        """Let a replica receive."""
        self._handlers[replica] = handler

    def leave(self, replica: str) -> None:
        """Let a replica receive nothing more."""
        self._handlers.pop(replica, None)

    def send(self, sender: str, to: str, message: Message) -> None:
        """Queue a message; one wake-up serves all that are queued meanwhile."""
        if not self._queue:
            asyncio.get_running_loop().call_soon(self._flush)
        self._queue.append((sender, to, message))

    def _flush(self) -> None:
        queue, self._queue = self._queue, []
        for sender, to, message in queue:
            handler = self._handlers.get(to)
            if handler is not None:
                handler(sender, message)


class MemoryPeers:
    """One replica's end of a `MemoryNetwork`."""

    def __init__(self, network: MemoryNetwork, replica: str) -> None:
        self._network = network
        self._replica = replica

    def send(self, to: str, message: Message) -> None:
        """Queue a message for a replica of this process."""
        self._network.send(self._replica, to, message)

    def receive(self, handler: Callable[[str, Message], None]) -> None:
        """Set who gets what others send."""
        self._network.join(self._replica, handler)

    def relinked(self, handler: Callable[[str], None]) -> None:
        """Tell nobody: nothing is lost inside a process."""

    def close(self) -> None:
        """Leave the network."""
        self._network.leave(self._replica)
