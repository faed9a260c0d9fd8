"""Brings connections to a port of this machine to a port of a pod, through the API server. Used by `kubectl`."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from antiphon_cli.failures import Failure

#: One read of a connection, in bytes.
_READ = 64 * 1024
#: How often it is noticed that nothing more is to be accepted, in seconds.
_LOOK_S = 0.2


class Stream(Protocol):
    """A socket, or what behaves like one."""

    def recv(self, size: int, /) -> bytes:
        """Wait for data; none means that the other side has ended."""

    def sendall(self, data: bytes, /) -> None:
        """Send everything."""

    def shutdown(self, how: int, /) -> None:
        """End one direction, or both."""

    def close(self) -> None:
        """Let go of it."""


@contextmanager
def forwarded(connect: Callable[[], Stream]) -> Iterator[str]:
    """Listen on a free port until the block ends; yield its address.

    `connect` is called for each connection, for the first at once; it raises OSError or a Failure.
    """
    first = connect()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(_LOOK_S)
    forwarder = _Forwarder(listener, connect, first)
    thread = threading.Thread(target=forwarder.run, name="forwarder", daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        forwarder.stop()
        thread.join()
        listener.close()


class _Forwarder:
    def __init__(self, listener: socket.socket, connect: Callable[[], Stream], first: Stream) -> None:
        self._listener = listener
        self._connect = connect
        self._spare: Stream | None = first
        self._stopped = threading.Event()
        self._open: list[Stream] = [first]
        self._pumps: list[threading.Thread] = []

    def run(self) -> None:
        """Accept until stopped; a connection that cannot be brought further is closed."""
        while not self._stopped.is_set():
            try:
                here, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            here.setblocking(True)
            self._open.append(here)
            try:
                there, self._spare = self._spare or self._connect(), None
            except (OSError, Failure):
                # Whoever connected is told by the end of the connection, as of any server that is gone.
                here.close()
                continue
            self._open.append(there)
            for source, sink in ((here, there), (there, here)):
                pump = threading.Thread(target=_pump, args=(source, sink), name="forwarder-pump", daemon=True)
                pump.start()
                self._pumps.append(pump)

    def stop(self) -> None:
        """End all connections."""
        self._stopped.set()
        for stream in self._open:
            _end(stream)
        for pump in self._pumps:
            pump.join(timeout=1.0)
        for stream in self._open:
            stream.close()


def _pump(source: Stream, sink: Stream) -> None:
    try:
        while data := source.recv(_READ):
            sink.sendall(data)
    except OSError:
        pass
    # The other direction ends too: whoever speaks gRPC has nothing to say to one that listens no longer.
    _end(sink)
    _end(source)


def _end(stream: Stream) -> None:
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)
