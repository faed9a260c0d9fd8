"""The PostgreSQL store's connections: a few, held open, each used by one call at a time.

Used by `postgres` alone. It turns every failure into an error of the contract and repeats what PostgreSQL
asks to repeat (deadlocks, serialization). It knows no statement of the store.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from antiphon_sidecar.stores.errors import OutcomeUnknown, PoolExhausted, ReadOnly, StoreError, Unreachable
from antiphon_sidecar.stores.pools import PoolUse
from antiphon_sidecar.stores.postgres_address import Address
from antiphon_sidecar.stores.postgres_failures import LOST, of_statement, text
from antiphon_sidecar.stores.postgres_sessions import STATEMENT_TIMEOUT_S, Session, Sessions

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: How often a transaction that PostgreSQL broke off (deadlock, serialization) is sent again.
REPEATS_MOST = 5

_REPEATED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Connections:
    """Up to `size` connections, made when first needed and again after a failure."""

    def __init__(
        self, address: Address, *, size: int, session_timeout_s: float, wait_s: float = STATEMENT_TIMEOUT_S
    ) -> None:
        self._address = address
        self._sessions = Sessions(address, lock_timeout_s=session_timeout_s)
        self._size = size
        self._wait_s = wait_s
        self._free = asyncio.Semaphore(size)
        self._busy = self._waiting = self._exhausted = 0
        # The one used last is used next: its statements are prepared and its backend is warm.
        self._idle: list[Session] = []
        self._closed = False

    @property
    def use(self) -> PoolUse:
        """How much of the pool is in use now."""
        return PoolUse(self._size, self._busy, self._waiting, self._exhausted)

    async def call(self, work: Callable[[asyncpg.Connection], Awaitable[T]], *, writes: bool = True) -> T:
        """Run `work` on a connection; it must be one statement or one transaction.

        Raises:
            OutcomeUnknown: only when it `writes`; the connection was lost before the answer.
            Unreachable: nothing was applied.
        """
        for _ in range(REPEATS_MOST):
            connection = await self._take()
            try:
                result = await work(connection)
            except asyncio.CancelledError:
                # An answer may still be on its way; nobody else may get it.
                connection.terminate()
                raise
            except _REPEATED as error:
                logger.debug("A transaction is sent again", extra={"error": str(error)})
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
                raise
            except asyncpg.QueryCanceledError as error:
                # Before the commit, which cannot be cancelled; the session goes on.
                raise of_statement(error, self._address) from error
            except LOST as error:
                self._terminate(connection)
                kind = OutcomeUnknown if writes else Unreachable
                raise kind(
                    f"the connection to {self._address} was lost: {text(error)}. Look whether the server was"
                    " restarted, and into its log; a new connection is made."
                ) from error
            except asyncpg.PostgresError as error:
                failure = of_statement(error, self._address)
                if isinstance(failure, ReadOnly) or isinstance(error, asyncpg.InvalidTransactionStateError):
                    self._terminate(connection)
                raise failure from error
            else:
                self._check(connection)
                return result
            finally:
                self._give_back(connection)
        raise Unreachable(
            f"{self._address} broke a transaction off {REPEATS_MOST} times (deadlock or serialization); nothing was"
            " applied. Look for long transactions there (pg_stat_activity)."
        )

    def _check(self, connection: Session) -> None:
        if connection.cut_short:
            self._terminate(connection)
            raise OutcomeUnknown(
                f"{self._address} gave up waiting for its standbys: what it committed may be only there."
                " Bring them back, or take them out of the server's synchronous_standby_names."
            )

    def _terminate(self, connection: Session) -> None:
        """Drop a connection that was lost, and the idle ones: they lead to the same server."""
        connection.terminate()
        while self._idle:
            self._idle.pop().terminate()

    async def _take(self) -> Session:
        """Return a connection that nobody else uses until it is given back."""
        await self._acquire()
        self._busy += 1
        try:
            return self._warm() or await self._connect()
        except BaseException:
            self._leave()
            raise

    def _give_back(self, connection: Session) -> None:
        if self._closed:
            connection.terminate()
        elif not connection.is_closed():
            self._idle.append(connection)
        self._leave()

    def _leave(self) -> None:
        self._busy -= 1
        self._free.release()

    async def _acquire(self) -> None:
        if not self._free.locked():
            # Does not wait; a deadline would cost more than the rest of this.
            await self._free.acquire()
            return
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_s):
                await self._free.acquire()
        except TimeoutError as error:
            self._exhausted += 1
            raise PoolExhausted(
                f"all {self._size} connections to {self._address} were busy for {self._wait_s:g} s; nothing was"
                " applied. Look for slow statements there (pg_stat_activity), or raise --store-pool-size."
            ) from error
        finally:
            self._waiting -= 1

    def _warm(self) -> Session | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    async def _connect(self) -> Session:
        if self._closed:
            raise Unreachable(
                f"this process has closed the store on {self._address}, because it ends. Ask another one."
            )
        return await self._sessions.open()

    async def close(self) -> None:
        """Close the connections that are idle; those in use are closed when they come back."""
        self._closed = True
        await self.drop_idle()

    async def drop_idle(self) -> None:
        """Close the connections that nobody uses; new ones are made when they are needed."""
        idle = list(self._idle)
        self._idle.clear()
        await asyncio.gather(*map(_closed, idle))


def is_refused(error: Exception) -> bool:
    """Tell whether the statement itself was refused, so that sending it again is of no use."""
    return isinstance(error, asyncpg.IntegrityConstraintViolationError | asyncpg.DataError) and not isinstance(
        error, StoreError
    )


async def _closed(connection: asyncpg.Connection) -> None:
    """Close a connection; one whose server does not answer is left to itself after a while."""
    try:
        await connection.close(timeout=5)
    except (asyncpg.PostgresError, *LOST) as error:
        logger.debug("A connection could not be closed in order", extra={"error": text(error)})
        connection.terminate()
