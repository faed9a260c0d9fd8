"""Signals that end a host: the first asks it to finish its work, the second does not wait for that."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """What was asked for by signals so far."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.forced = asyncio.Event()

    def ask(self) -> None:
        """Ask to stop; asking again means at once."""
        (self.forced if self.asked.is_set() else self.asked).set()


@contextmanager
def stopped_by_signals() -> Iterator[Stop]:
    """Listen to signals for as long as the block runs; needs a running event loop."""
    loop = asyncio.get_running_loop()
    stop = Stop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop.ask)
    try:
        yield stop
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
