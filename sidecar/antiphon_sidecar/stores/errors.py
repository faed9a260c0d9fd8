"""What a store may raise, by what the caller can do.

StoreError
├── Unreachable        nothing was applied; try again
│   ├── PoolExhausted        more callers than connections
│   ├── TooManyConnections   the server takes no more connections
│   ├── ReadOnly             the server is a standby, or is made read-only
│   └── TimeLimit            a statement or a lock took too long
├── OutcomeUnknown     a commit may or may not have landed; take a new epoch and look (rule 9)
├── StoreFull          nothing was applied; acknowledge nothing until it goes through
└── Unusable           give up and tell the person
    ├── StoreTooNew
    ├── StoreTooOld
    ├── StoreAbsent
    ├── StoreDamaged
    ├── StoreNotWritable
    ├── StoreUrlInvalid
    ├── TlsRefused
    ├── PoolerUnfit
    └── ServerTooOld
"""

from antiphon_names import errors as codes


class StoreError(Exception):
    """A state store failed."""

    code = codes.STORE_UNREACHABLE

    def __init__(self, message: str) -> None:
        super().__init__(f"{self.code}: {message}")


class Unreachable(StoreError):
    """The store did not answer and applied nothing."""


class PoolExhausted(Unreachable):
    """All connections of this process were busy for too long."""

    code = codes.STORE_POOL_EXHAUSTED


class TooManyConnections(Unreachable):
    """The server takes no more connections."""

    code = codes.STORE_CONNECTIONS_EXHAUSTED


class ReadOnly(Unreachable):
    """The server takes no writes: a standby, or an old primary after a fail-over."""

    code = codes.STORE_READ_ONLY


class TimeLimit(Unreachable):
    """A statement was cancelled, or a lock was not given in time."""

    code = codes.STORE_TIME_LIMIT


class OutcomeUnknown(StoreError):
    """The connection was lost before the answer to a commit."""


class StoreFull(StoreError):
    """The store has no space left and applied nothing."""

    code = codes.STORE_FULL


class Unusable(StoreError):
    """The store cannot be used until a person does something."""


class StoreTooNew(Unusable):
    """The store was written by a newer release."""

    code = codes.STORE_TOO_NEW


class StoreTooOld(Unusable):
    """The store was written by an older release, and nobody was asked to bring it up to date."""

    code = codes.STORE_TOO_OLD


class StoreAbsent(Unusable):
    """There is no store at that place, and nobody was asked to make one."""

    code = codes.HOST_NOT_FOUND


class StoreDamaged(Unusable):
    """The file or schema cannot be read."""

    code = codes.STORE_DAMAGED


class StoreNotWritable(Unusable):
    """The store refuses writes."""

    code = codes.STORE_NOT_WRITABLE


class StoreUrlInvalid(Unusable):
    """The URL names no store that this release knows."""

    code = codes.STORE_URL_INVALID


class TlsRefused(Unusable):
    """Server and certificates do not fit together."""

    code = codes.STORE_TLS_REFUSED


class PoolerUnfit(Unusable):
    """A pooler gives each transaction another session."""

    code = codes.STORE_POOLER_UNFIT


class ServerTooOld(Unusable):
    """The server is older than what the statements need."""

    code = codes.STORE_SERVER_TOO_OLD
