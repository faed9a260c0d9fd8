"""Makes a session of a PostgreSQL server that is fit for a store, or says why none can be had.

Used by `postgres_connections` and for the lock of a host. Of several servers it takes the first that is a primary.
"""

import asyncio
import logging
from collections.abc import Sequence

import asyncpg

from antiphon_sidecar.stores.errors import (
    PoolerUnfit,
    ReadOnly,
    ServerTooOld,
    StoreError,
    Unreachable,
    Unusable,
)
from antiphon_sidecar.stores.postgres_address import Address, Server
from antiphon_sidecar.stores.postgres_failures import LOST, MIXED_UP, of_connecting, pooler_unfit

logger = logging.getLogger(__name__)

STATEMENT_TIMEOUT_S = 15.0
OLDEST = 13

# Plans: every statement looks rows up by key, so index look-ups in nested loops are right for tables of any
# size, also right after they were empty; planning once for each connection saves more than any better plan.
#
# What the role or the database sets is set again here, because a session that is ended while it is idle, or a
# transaction that is ended from outside, is an error that nobody needs; servers that do not know a setting have
# no row for it.
_SETTINGS = """
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
SET plan_cache_mode = force_generic_plan; SET jit = off;
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
SET statement_timeout = '{statement_ms}ms'; SET lock_timeout = '{lock_ms}ms';
SET idle_in_transaction_session_timeout = '{lock_ms}ms';
SET tcp_user_timeout = '{lock_ms}ms'; SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2;
SET tcp_keepalives_count = 3;
SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('transaction_timeout', 'idle_session_timeout');
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
"""
_WHO = "SELECT pg_is_in_recovery(), pg_backend_pid()"
#: How often two connections look whether one gets the session that the other had, and how long each look may take.
_LOOKS = 5
_LOOK_S = 2.0


class Session(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that remembers that a commit was answered before the standbys that it waits for had it."""

    __slots__ = ("cut_short",)

    def watch(self) -> None:
        """Begin to listen for that."""
        self.cut_short = False
        self.add_log_listener(_noticed)


def _noticed(connection: Session, message: asyncpg.PostgresLogMessage) -> None:
    if "synchronous replication" in str(message):
        connection.cut_short = True


class Sessions:
    """Opens sessions at an address, with settings of ours."""

    def __init__(self, address: Address, *, lock_timeout_s: float, name: str | None = None) -> None:
        self.address = address
        self._settings = _SETTINGS.format(
            statement_ms=int(STATEMENT_TIMEOUT_S * 900), lock_ms=int(lock_timeout_s * 1000)
        )
        self._named = {"application_name": name} if name else {}
        # Whether a pooler that is between keeps a session for each connection; asked once.
        self._kept = False
        self._last = ""

    async def open(self) -> Session:
        """Open a session at the first server that is a primary.

        Raises:
            Unreachable: no server answers, or none that takes writes.
            Unusable: a server answers, and the settings or the server must change first.
        """
        servers = self.address.servers()
        # The last one that was a primary first: others may be gone, which takes time to find out.
        servers.sort(key=lambda server: server.name != self._last)
        failures: list[StoreError] = []
        for server in servers:
            try:
                session = await self._open(server)
            except (Unreachable, Unusable) as error:
                # Another server may be the right one, whatever is wrong with this one.
                failures.append(error)
                logger.debug("a server of the store cannot be used", extra={"error": str(error)})
            else:
                self._last = server.name
                return session
        raise _together(failures)

    async def _open(self, server: Server) -> Session:
        try:
            session: Session = await asyncpg.connect(
                server.url,
                timeout=server.timeout_s,
                command_timeout=STATEMENT_TIMEOUT_S,
                statement_cache_size=1024,
                max_cached_statement_lifetime=0,
                max_cacheable_statement_size=0,
                connection_class=Session,
                target_session_attrs="any",
                server_settings=self._named,
            )
        except (asyncpg.PostgresError, asyncpg.ClientConfigurationError, ValueError, *LOST) as error:
            raise of_connecting(error, server.shown) from error
        try:
            await self._fit(session, server)
        except BaseException as error:
            session.terminate()
            if isinstance(error, (asyncpg.PostgresError, *LOST)):
                raise of_connecting(error, server.shown) from error
            raise
        return session

    async def _fit(self, session: Session, server: Server) -> None:
        """Look what answers, and make its session ours."""
        version = session.get_server_version()
        if version.major < OLDEST:
            raise ServerTooOld(
                f"{server.shown} is PostgreSQL {version.major}.{version.minor}; stores need {OLDEST} or newer."
                " Upgrade the server; nothing was changed."
            )
        try:
            standby, pid = await session.fetchrow(_WHO)
        except MIXED_UP as error:
            raise pooler_unfit(server.shown) from error
        if standby:
            raise ReadOnly(
                f"{server.shown} is a standby and takes no writes. Name the primary in the store's URL, or all servers:"
                " postgresql://HOST1,HOST2/DATABASE; it is tried again."
            )
        if pid != session.get_server_pid() and not self._kept:
            await self._look_for_mixing(session, server)
            self._kept = True
        await session.execute(self._settings)
        session.watch()

    async def _look_for_mixing(self, session: Session, server: Server) -> None:
        """Look whether a second connection is given the server's process that the first one had.

        Raises:
            PoolerUnfit: so it is.
        """
        other: asyncpg.Connection | None = None
        try:
            async with asyncio.timeout(_LOOK_S):
                other = await asyncpg.connect(server.url, timeout=_LOOK_S)
                for _ in range(_LOOKS):
                    if await _process(session) == await _process(other):
                        raise pooler_unfit(server.shown)
        except MIXED_UP as error:
            raise pooler_unfit(server.shown) from error
        except PoolerUnfit:
            raise
        except TimeoutError:
            # The second one waits for a process of its own: the first one has kept its.
            logger.debug("the pooler gives no second session")
        finally:
            if other is not None:
                other.terminate()


def _together(failures: Sequence[StoreError]) -> StoreError:
    """Return one error for what all servers said; while one may come back by itself, it is one to wait for."""
    passing = [each for each in failures if isinstance(each, Unreachable)]
    telling = next((each for each in passing if isinstance(each, ReadOnly)), None) or next(iter(passing), failures[0])
    if len(failures) == 1:
        return telling
    return type(telling)("none of the servers can be used: " + "; ".join(str(each) for each in failures))


async def _process(connection: asyncpg.Connection) -> int:
    async with connection.transaction():
        return int(await connection.fetchval("SELECT pg_backend_pid()"))
