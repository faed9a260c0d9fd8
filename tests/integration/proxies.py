"""TCP proxies that tests can cut, both ways or one way: what a network does when it fails without a word.

They run in a thread with an event loop of its own, so that a test that is busy does not hold traffic up.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK_BYTES = 1 << 16


class Proxy:
    """One port that leads to another. A direction that is cut swallows nothing: bytes wait until it is mended."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int) -> None:
        self._loop = loop
        self._target = target
        self._passes = {"to": asyncio.Event(), "from": asyncio.Event()}
        for event in self._passes.values():
            event.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def serve(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more, and break all connections."""
        if self._server is not None:
            self._server.close()
        self._mend()

    def cut(self, *, to: bool = True, back: bool = True) -> None:
        """Let nothing pass towards the target (`to`), or back from it; connections stay open."""
        self._loop.call_soon_threadsafe(self._set, not to, not back)

    def mend(self) -> None:
        """Let everything pass again; connections that were there are broken, as they would be by then."""
        self._loop.call_soon_threadsafe(self._mend)

    def _set(self, to: bool, back: bool) -> None:
        for passes, name in ((to, "to"), (back, "from")):
            (self._passes[name].set if passes else self._passes[name].clear)()

    def _mend(self) -> None:
        self._set(True, True)
        for writer in list(self._writers):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        pumps = [
            asyncio.ensure_future(self._pump(reader, far_writer, self._passes["to"])),
            asyncio.ensure_future(self._pump(far_reader, writer, self._passes["from"])),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        for side in (writer, far_writer):
            self._writers.discard(side)
            side.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                await passes.wait()
                writer.write(data)
                await writer.drain()
            # The end of a connection is news that a cut network does not bring.
            await passes.wait()


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
