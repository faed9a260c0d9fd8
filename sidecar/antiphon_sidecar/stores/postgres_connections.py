"""The PostgreSQL store's connections: a few, held open, each used by one call at a time.

Used by `postgres` alone. It turns every failure into an error of the contract and repeats what PostgreSQL
asks to repeat (deadlocks, serialization). It knows no statement of the store.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

from antiphon_sidecar.stores.errors import (
    OutcomeUnknown,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreNotWritable,
    StoreUrlInvalid,
    Unreachable,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")

CONNECT_TIMEOUT_S = 10.0
STATEMENT_TIMEOUT_S = 15.0
#: How often a transaction that PostgreSQL broke off (deadlock, serialization) is sent again.
REPEATS_MOST = 5

_PARAMETERS = frozenset(
    [
        "host",
        "port",
        "user",
        "password",
        "passfile",
        "dbname",
        "database",
        "sslmode",
        "sslcert",
        "sslkey",
        "sslrootcert",
        "sslcrl",
        "sslpassword",
        "sslnegotiation",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "target_session_attrs",
        "krbsrvname",
        "gsslib",
        "service",
        "servicefile",
        "application_name",
        "connect_timeout",
    ]
)

# Plans: every statement looks rows up by key, so index look-ups in nested loops are right for tables of any
# size, also right after they were empty; planning once for each connection saves more than any better plan.
_SESSION = """
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
SET plan_cache_mode = force_generic_plan; SET jit = off;
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
SET statement_timeout = '{statement_ms}ms'; SET lock_timeout = '{lock_ms}ms';
SET idle_in_transaction_session_timeout = '{lock_ms}ms';
SET tcp_user_timeout = '{lock_ms}ms'; SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2;
SET tcp_keepalives_count = 3;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
"""

_REPEATED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
# The backend went away, or said that it would; whether it had committed before is not known.
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
_REFUSED_LOGIN = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidCatalogNameError,
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is: `source` returns the URL anew for each connection, since passwords change."""

    source: Callable[[], str]

    def options(self) -> tuple[str, float]:
        """Return the URL for asyncpg, and the seconds that a connection may take.

        Raises:
            StoreUrlInvalid: a parameter that would not be honoured, or a number that is none.
        """
        url = urlsplit(self.source().strip())
        pairs = parse_qsl(url.query, keep_blank_values=True)
        unknown = sorted({key for key, _ in pairs} - _PARAMETERS)
        if url.scheme not in ("postgresql", "postgres") or unknown:
            what = f"the parameter {unknown[0]!r} is unknown" if unknown else f"{url.scheme!r} is no scheme of it"
            raise StoreUrlInvalid(f"the PostgreSQL URL cannot be used: {what}; known: {', '.join(sorted(_PARAMETERS))}")
        seconds = dict(pairs).get("connect_timeout", "") or str(CONNECT_TIMEOUT_S)
        try:
            timeout_s = float(seconds)
        except ValueError as error:
            raise StoreUrlInvalid(f"connect_timeout={seconds} in the PostgreSQL URL is no number of seconds") from error
        rest = urlencode([pair for pair in pairs if pair[0] != "connect_timeout"])
        return urlunsplit(url._replace(query=rest)), timeout_s or CONNECT_TIMEOUT_S

    def __str__(self) -> str:
        """Return host, port and database, without user and password."""
        url = urlsplit(self.source().strip())
        return f"PostgreSQL at {url.hostname or 'the default host'}:{url.port or 5432}{url.path}"


class Connections:
    """Up to `size` connections, made when first needed and again after a failure."""

    def __init__(self, address: Address, *, size: int, session_timeout_s: float) -> None:
        self._address = address
        self._session = _SESSION.format(
            statement_ms=int(STATEMENT_TIMEOUT_S * 900), lock_ms=int(session_timeout_s * 1000)
        )
        self._free = asyncio.Semaphore(size)
        # The one used last is used next: its statements are prepared and its backend is warm.
        self._idle: list[asyncpg.Connection] = []
        self._closed = False

    async def call(self, work: Callable[[asyncpg.Connection], Awaitable[T]], *, writes: bool = True) -> T:
        """Run `work` on a connection; it must be one statement or one transaction.

        Raises:
            OutcomeUnknown: only when it `writes`; the connection was lost before the answer.
            Unreachable: nothing was applied.
        """
        for _ in range(REPEATS_MOST):
            async with self._connection() as connection:
                try:
                    return await work(connection)
                except _REPEATED as error:
                    logger.debug("A transaction is sent again", extra={"error": str(error)})
                except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
                    raise
                except _LOST as error:
                    connection.terminate()
                    kind = OutcomeUnknown if writes else Unreachable
                    raise kind(f"the connection to {self._address} was lost: {_text(error)}") from error
                except asyncpg.PostgresError as error:
                    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
                        # A failover: the next connection may find the new primary.
                        connection.terminate()
                    raise self._translated(error) from error
        raise Unreachable(f"{self._address} broke a transaction off {REPEATS_MOST} times (deadlock or serialization)")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        try:
            async with asyncio.timeout(STATEMENT_TIMEOUT_S):
                await self._free.acquire()
        except TimeoutError as error:
            raise Unreachable(
                f"all connections to {self._address} were busy for {STATEMENT_TIMEOUT_S:.0f} s"
            ) from error
        connection: asyncpg.Connection | None = None
        try:
            connection = self._warm() or await self.connect()
            yield connection
        except asyncio.CancelledError:
            # An answer may still be on its way; nobody else may get it.
            if connection is not None:
                connection.terminate()
            raise
        finally:
            if connection is not None and self._closed:
                connection.terminate()
            elif connection is not None and not connection.is_closed():
                self._idle.append(connection)
            self._free.release()

    def _warm(self) -> asyncpg.Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    async def connect(self) -> asyncpg.Connection:
        """Make a connection with our session settings.

        Raises:
            Unreachable: no server answers.
            StoreUrlInvalid: the server refuses this user or knows no such database.
        """
        if self._closed:
            raise Unreachable(f"the store on {self._address} was closed")
        url, timeout_s = self._address.options()
        try:
            connection = await asyncpg.connect(
                url,
                timeout=timeout_s,
                command_timeout=STATEMENT_TIMEOUT_S,
                statement_cache_size=1024,
                max_cached_statement_lifetime=0,
                max_cacheable_statement_size=0,
            )
            await connection.execute(self._session)
        except _REFUSED_LOGIN as error:
            raise StoreUrlInvalid(f"{self._address} refuses the login: {_text(error)}") from error
        except (asyncpg.ClientConfigurationError, ValueError) as error:
            raise StoreUrlInvalid(f"the PostgreSQL URL cannot be used: {_text(error)}") from error
        except (asyncpg.PostgresError, *_LOST) as error:
            raise Unreachable(f"{self._address} does not answer: {_text(error)}") from error
        return connection

    async def close(self) -> None:
        """Close the connections that are idle; those in use are closed when they come back."""
        self._closed = True
        await self.drop_idle()

    async def drop_idle(self) -> None:
        """Close the connections that nobody uses; new ones are made when they are needed."""
        idle = list(self._idle)
        self._idle.clear()
        await asyncio.gather(*map(_closed, idle))

    def _translated(self, error: asyncpg.PostgresError) -> Exception:
        """Return what a server's error means; none of these applied anything."""
        text = f"{self._address}: {_text(error)}"
        if isinstance(error, asyncpg.DiskFullError):
            return StoreFull(f"no space is left. {text}")
        if isinstance(error, asyncpg.InsufficientPrivilegeError):
            return StoreNotWritable(f"this user lacks rights. {text}")
        if isinstance(error, asyncpg.DataCorruptedError | asyncpg.IndexCorruptedError):
            return StoreDamaged(f"the database reports damage. {text}")
        if isinstance(error, asyncpg.SyntaxOrAccessError):
            return StoreDamaged(f"the schema does not have the tables that its version says. {text}")
        return Unreachable(text)


def _text(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__


def is_refused(error: Exception) -> bool:
    """Tell whether the statement itself was refused, so that sending it again is of no use."""
    return isinstance(error, asyncpg.IntegrityConstraintViolationError | asyncpg.DataError) and not isinstance(
        error, StoreError
    )


async def _closed(connection: asyncpg.Connection) -> None:
    """Close a connection; one whose server does not answer is left to itself after a while."""
    try:
        await connection.close(timeout=5)
    except (asyncpg.PostgresError, *_LOST) as error:
        logger.debug("A connection could not be closed in order", extra={"error": _text(error)})
        connection.terminate()
