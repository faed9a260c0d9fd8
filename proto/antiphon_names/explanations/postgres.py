"""What is said about the codes of PostgreSQL as a state store."""

from antiphon_names import errors as codes
from antiphon_names.explanations.base import Explanation

POSTGRES = {
    codes.STORE_POOL_EXHAUSTED: Explanation(
        seen="In the log, as a refused request, and in antiphon_store_pool_exhausted_total.",
        cause="All connections of this process were at work for 15 s: statements are slow, or there is too much work.",
        fix="Look for slow statements (pg_stat_activity on the server), or raise --store-pool-size.",
        example=(
            "all 4 connections to PostgreSQL at db:5432/antiphon were busy for 15 s; nothing was applied. Look for "
            "slow statements there (pg_stat_activity), or raise --store-pool-size."
        ),
    ),
    codes.STORE_CONNECTIONS_EXHAUSTED: Explanation(
        seen="When a host starts, in its log, and as a refused request.",
        cause="The server's max_connections, or the connection limit of the role or database, is reached.",
        fix="Raise the limit, or lower --store-pool-size; it is tried again until there is room.",
        example=(
            "PostgreSQL at db:5432/antiphon takes no more connections: sorry, too many clients already. Raise the "
            "server's max_connections (or the role's CONNECTION LIMIT), or lower --store-pool-size; it is tried again."
        ),
    ),
    codes.STORE_READ_ONLY: Explanation(
        seen="When a host starts, in its log, and as a refused request.",
        cause="The server is a standby: the URL names the wrong one, or a fail-over is under way.",
        fix="Name all servers in the URL, postgresql://HOST1,HOST2/DATABASE: the primary is looked for among them.",
        example=(
            "PostgreSQL at db2:5432/antiphon is a standby and takes no writes. Name the primary in the store's URL, or "
            "all servers: postgresql://HOST1,HOST2/DATABASE; it is tried again."
        ),
    ),
    codes.STORE_TLS_REFUSED: Explanation(
        seen="When a host starts, or when it connects anew.",
        cause="The server's certificate, ours, or one of the files that the URL names does not fit.",
        fix="Change what the text names: sslrootcert, sslcert and sslkey, sslmode, or the host, in the store's URL.",
        example=(
            "TLS with PostgreSQL at db:5432/antiphon failed: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify "
            "failed. Let sslrootcert in the store's URL name the file with the authority that signed the server's "
            "certificate."
        ),
    ),
    codes.STORE_POOLER_UNFIT: Explanation(
        seen="When a host starts.",
        cause="A pooler pools by transaction or statement; a store needs sessions of its own.",
        fix="Set pool_mode = session for this database in the pooler, or connect to the server itself.",
        example=(
            "a pooler at PostgreSQL at db:6432/antiphon gives each transaction another session of the server "
            "(transaction or statement pooling); prepared statements, time limits and locks of a session are lost "
            "there. Set pool_mode = session for this database (in PgBouncer's [databases] or [users]), or connect to "
            "the server itself."
        ),
    ),
    codes.STORE_SERVER_TOO_OLD: Explanation(
        seen="When a host starts.",
        cause="The server is older than PostgreSQL 13.",
        fix="Upgrade the server; nothing was changed.",
        example=(
            "PostgreSQL at db:5432/antiphon is PostgreSQL 12.22; stores need 13 or newer. Upgrade the server; nothing "
            "was changed."
        ),
    ),
    codes.STORE_TIME_LIMIT: Explanation(
        seen="In the log and as a refused request.",
        cause="The server was slow, or another transaction held a lock for longer than 5 s.",
        fix="Nothing, when it is rare: it is tried again. Else look at pg_stat_activity and pg_locks on the server.",
        example=(
            "a statement was given up, nothing was applied, and it is tried again. PostgreSQL at db:5432/antiphon: "
            "canceling statement due to lock timeout. If that goes on, look for long transactions there "
            "(pg_stat_activity, pg_locks)."
        ),
    ),
}
