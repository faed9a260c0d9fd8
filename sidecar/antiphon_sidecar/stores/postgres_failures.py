"""What the failures of asyncpg and of PostgreSQL mean for a store: one table for connections and one for statements.

Used by `postgres_sessions` and `postgres_connections`.
"""

import ssl

import asyncpg

from antiphon_sidecar.stores.errors import (
    PoolerUnfit,
    ReadOnly,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreNotWritable,
    StoreUrlInvalid,
    TimeLimit,
    TlsRefused,
    TooManyConnections,
    Unreachable,
)

# The backend went away, or said that it would; whether it had committed before is not known.
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
#: A prepared statement is not in the session that prepared it, or is there already: the session is another one.
MIXED_UP = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
_REFUSED_LOGIN = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidCatalogNameError,
)


def text(error: BaseException) -> str:
    """Return what an error says in one line, its type when it says nothing."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def pooler_unfit(address: object) -> PoolerUnfit:
    """Return the error for a pooler that gives each transaction another session."""
    return PoolerUnfit(
        f"a pooler at {address} gives each transaction another session of the server (transaction or statement"
        " pooling); prepared statements, time limits and locks of a session are lost there. Set pool_mode = session"
        " for this database (in PgBouncer's [databases] or [users]), or connect to the server itself."
    )


def of_connecting(error: Exception, address: object) -> StoreError:
    """Return what it means that a connection could not be made; nothing was applied."""
    said = text(error)
    if isinstance(error, ssl.SSLError):
        return TlsRefused(f"TLS with {address} failed: {said}. {_tls_fix(said)}")
    if isinstance(error, asyncpg.TooManyConnectionsError):
        return TooManyConnections(
            f"{address} takes no more connections: {said}. Raise the server's max_connections (or the role's CONNECTION"
            " LIMIT), or lower --store-pool-size; it is tried again."
        )
    if isinstance(error, _REFUSED_LOGIN) and ("certificate" in said or "encryption" in said):
        return TlsRefused(f"{address} refuses the login: {said}. {_login_fix(said)}")
    if isinstance(error, _REFUSED_LOGIN):
        return StoreUrlInvalid(
            f"{address} refuses the login: {said}. Correct the user, password or database in the store's URL, or create"
            " them on the server."
        )
    if isinstance(error, ConnectionError) and "SSL" in said:
        return TlsRefused(
            f"{address} speaks no TLS: {said}. Turn ssl on there, or set sslmode=prefer in the store's URL."
        )
    if isinstance(error, asyncpg.ClientConfigurationError | ValueError):
        return StoreUrlInvalid(
            f"the PostgreSQL URL cannot be used: {said}. Write it as postgresql://USER@HOST:PORT/DATABASE?PARAMETER=VALUE."
        )
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return StoreNotWritable(f"{address} refuses the login: {said}. Grant this user CONNECT on the database.")
    if isinstance(error, MIXED_UP) or "statement pooling" in said:
        return pooler_unfit(address)
    return Unreachable(
        f"{address} does not answer: {said}. Nothing was applied. Start the server, or mend the network between; if it"
        " is elsewhere, correct the store's URL."
    )


def of_statement(error: asyncpg.PostgresError, address: object) -> StoreError:
    """Return what a server's refusal of a statement means; none of these applied anything."""
    said = f"{address}: {text(error)}"
    match error:
        case asyncpg.DiskFullError():
            return StoreFull(f"no space is left. {said}. Make space there; work goes on by itself then.")
        case asyncpg.ReadOnlySQLTransactionError():
            return ReadOnly(
                f"this server takes no writes; after a fail-over the next connection looks for the primary. {said}."
                " Name all servers in the store's URL: postgresql://HOST1,HOST2/DATABASE."
            )
        case asyncpg.QueryCanceledError() | asyncpg.LockNotAvailableError():
            return TimeLimit(
                f"a statement was given up, nothing was applied, and it is tried again. {said}. If that goes on, look"
                " for long transactions there (pg_stat_activity, pg_locks)."
            )
        case asyncpg.InsufficientPrivilegeError():
            return StoreNotWritable(f"this user lacks rights. {said}. Grant them, or name another user in the URL.")
        case asyncpg.DataCorruptedError() | asyncpg.IndexCorruptedError():
            return StoreDamaged(f"the database reports damage. {said}. Restore it from a backup.")
        case asyncpg.InvalidSQLStatementNameError() | asyncpg.DuplicatePreparedStatementError():
            return pooler_unfit(address)
        case asyncpg.SyntaxOrAccessError():
            return StoreDamaged(
                f"the schema does not have the tables that its version says. {said}. Restore it from a backup, or name"
                " another one with --store-schema."
            )
    return Unreachable(f"{said}. Nothing was applied. Look into the server's log.")


def _tls_fix(said: str) -> str:
    if "ostname mismatch" in said or "doesn't match" in said or "not valid for" in said:
        return (
            "The certificate is for another name: use the name in it as the host in the store's URL, or set"
            " sslmode=verify-ca, which leaves the name out."
        )
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return (
            "Let sslrootcert in the store's URL name the file with the authority that signed the server's certificate."
        )
    return "Look at sslmode, sslrootcert, sslcert and sslkey in the store's URL."


def _login_fix(said: str) -> str:
    if "certificate" in said:
        return (
            "Let sslcert and sslkey in the store's URL name a client certificate that the server accepts for this user."
        )
    return "If it is meant to be encrypted, set sslmode=require or verify-full in the store's URL."
