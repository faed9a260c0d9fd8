"""TCP proxies that tests can cut, both ways or one way: what a network does when it fails without a word.

They run in a thread with an event loop of its own, so that a test that is busy does not hold traffic up.
"""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

_CHUNK_BYTES = 1 << 16


@dataclass(slots=True)
class _Cut:
    """What does not pass; `source`: of which process's connections, None for all."""

    to: bool
    back: bool
    source: int | None


class _Connection:
    """One connection through a proxy, with the port of its client."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.port: int = near.get_extra_info("peername")[1]
        self.writers = (near, far)
        self.to, self.back = asyncio.Event(), asyncio.Event()

    def apply(self, cuts: Iterable[_Cut]) -> None:
        """Let pass what no cut holds up."""
        mine = [cut for cut in cuts if cut.source is None or self.port in _ports_of(cut.source)]
        for event, held in ((self.to, any(c.to for c in mine)), (self.back, any(c.back for c in mine))):
            (event.clear if held else event.set)()


def _ports_of(process: int) -> set[int]:
    with suppress(psutil.NoSuchProcess):
        return {c.laddr.port for c in psutil.Process(process).net_connections(kind="tcp") if c.laddr}
    return set()


class Proxy:
    """One port that leads to another. A direction that is cut swallows nothing: bytes wait until it is mended."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int) -> None:
        self._loop = loop
        self._target = target
        self._cuts: list[_Cut] = []
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        #: Bytes that had to wait since the last cut.
        self.held_bytes = 0

    async def serve(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more, and break all connections."""
        if self._server is not None:
            self._server.close()
        self._mend()

    def cut(self, *, to: bool = True, back: bool = True, source: int | None = None) -> None:
        """Let nothing pass towards the target (`to`), or back from it; connections stay open.

        `source`: only what a process has opened, by its ID, now or while the cut lasts.
        """
        self._loop.call_soon_threadsafe(self._add, _Cut(to, back, source))

    def mend(self) -> None:
        """Let everything pass again; connections that were there are broken, as they would be by then."""
        self._loop.call_soon_threadsafe(self._mend)

    def _add(self, cut: _Cut) -> None:
        self.held_bytes = 0
        self._cuts.append(cut)
        for connection in self._connections:
            connection.apply(self._cuts)

    def _mend(self) -> None:
        self._cuts.clear()
        for connection in list(self._connections):
            # Broken before anything passes: what a network has swallowed does not come later.
            for writer in connection.writers:
                writer.transport.abort()
            connection.apply(())

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(writer, far_writer)
        connection.apply(self._cuts)
        self._connections.add(connection)
        pumps = [
            asyncio.ensure_future(self._pump(reader, far_writer, connection.to)),
            asyncio.ensure_future(self._pump(far_reader, writer, connection.back)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        self._connections.discard(connection)
        for side in connection.writers:
            side.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                if not passes.is_set():
                    self.held_bytes += len(data)
                await passes.wait()
                writer.write(data)
                await writer.drain()
            # The end of a connection is news that a cut network does not bring.
            await passes.wait()


class Ways:
    """Several proxies that are cut together."""

    def __init__(self, proxies: Iterable[Proxy]) -> None:
        self.proxies = tuple(proxies)

    def cut(self, *, to: bool = True, back: bool = True) -> None:
        """Cut all of them."""
        for proxy in self.proxies:
            proxy.cut(to=to, back=back)

    def mend(self) -> None:
        """Mend all of them."""
        for proxy in self.proxies:
            proxy.mend()


class Proxies:
    """All proxies of a test."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._opened: list[Proxy] = []

    def open(self, *, target: int) -> Proxy:
        """Open a proxy to a port of this machine, whether somebody listens there already or not."""
        proxy = Proxy(self._loop, target)
        asyncio.run_coroutine_threadsafe(proxy.serve(), self._loop).result(timeout=10)
        self._opened.append(proxy)
        return proxy

    async def _close(self) -> None:
        for proxy in self._opened:
            await proxy.close()
        # Not before what was broken has been told so: it closes its sockets by itself.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=5)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.1)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["Proxies"]:
        """Run the loop for as long as the block does."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="proxies", daemon=True)
        thread.start()
        made = cls(loop)
        try:
            yield made
        finally:
            asyncio.run_coroutine_threadsafe(made._close(), loop).result(timeout=20)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout=10)
            loop.close()
