"""The lock of a PostgreSQL store under local coordination: one host per (schema, namespace), wherever it runs.

A session advisory lock on a connection of its own: the server releases it when the host's process or machine is gone.
It keeps two hosts from taking each other's partitions again and again; safety is the epochs' business, not its.
"""

import asyncio
import hashlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable

import asyncpg

from antiphon_sidecar.coordination.lock import Held

logger = logging.getLogger(__name__)

_AGAIN_S = 0.05

_HOLDER = """SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = $1 AND l.objid::bigint = $2"""

_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


def holder_name() -> str:
    """Return the name under which this process's connections show in the server."""
    return f"antiphon host {socket.gethostname()} process {os.getpid()}"[:63]


class StoreLock:
    """The advisory lock of one (schema, namespace); `failures` are what `connect` raises when there is no server."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        *,
        schema: str,
        namespace: str,
        failures: tuple[type[Exception], ...] = (),
    ) -> None:
        self._connect = connect
        self._failures = (*_FAILURES, *failures)
        self._key = int.from_bytes(
            hashlib.blake2b(f"antiphon\0{schema}\0{namespace}".encode(), digest_size=8).digest(), "big", signed=True
        )
        self._connection: asyncpg.Connection | None = None

    async def take(self, *, within_s: float = 0.0) -> None:
        """Take the lock; for `within_s` seconds it may be released by a server that has just lost its holder.

        Raises:
            Held: another host has it; `path` is its name.
            OSError, asyncpg.PostgresError, TimeoutError: the server cannot be reached.
        """
        connection = await self._connect()
        for _ in range(1 + int(within_s / _AGAIN_S)):
            if await connection.fetchval("SELECT pg_try_advisory_lock($1)", self._key):
                self._connection = connection
                return
            await asyncio.sleep(_AGAIN_S if within_s else 0.0)
        unsigned = self._key & 0xFFFFFFFFFFFFFFFF
        holder = await connection.fetchval(_HOLDER, unsigned >> 32, unsigned & 0xFFFFFFFF)
        await connection.close()
        raise Held(holder or "another host", 0)

    async def keep(self, *, every_s: float, lost: Callable[[], Awaitable[None]], back: Callable[[], None]) -> None:
        """Watch the lock until cancelled: `lost` when the connection is gone, `back` when it was taken again."""
        while True:
            await asyncio.sleep(every_s)
            if self._connection is not None and await self._alive(self._connection, every_s):
                continue
            if self._connection is not None:
                logger.error("the connection that holds the store's lock is gone")
                self._connection.terminate()
                self._connection = None
                await lost()
            try:
                await self.take()
            except Held as held:
                logger.error("another host holds the store now", extra={"holder": held.path})
            except self._failures as error:
                logger.warning("the store's lock cannot be taken yet", extra={"error": str(error)})
            else:
                back()

    async def _alive(self, connection: asyncpg.Connection, within_s: float) -> bool:
        try:
            await connection.fetchval("SELECT 1", timeout=within_s)
        except _FAILURES:
            return False
        return True

    async def release(self) -> None:
        """Give the lock back."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
