"""Where a PostgreSQL store's servers are: its URL, read anew for each connection, and what of it is honoured.

Used by `postgres_sessions` and by whoever prints the address. It connects to nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

from antiphon_sidecar.stores.errors import StoreUrlInvalid, TlsRefused

CONNECT_TIMEOUT_S = 10.0
PORT = "5432"

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
#: A store writes: of several servers only the primary will do, whichever of these is said.
_ATTRIBUTES = ("any", "read-write", "primary")
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_OURS = ("connect_timeout", "target_session_attrs")


@dataclass(frozen=True, slots=True)
class Server:
    """One of the servers that a URL names: `url` names it alone, `timeout_s` is how long a connection may take."""

    name: str
    url: str
    timeout_s: float

    @property
    def shown(self) -> str:
        """Host, port and database, without user and password."""
        return f"PostgreSQL at {self.name}{urlsplit(self.url).path}"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the servers are: `source` returns the URL anew for each connection, since passwords change."""

    source: Callable[[], str]

    def servers(self) -> list[Server]:
        """Return the servers in the order of the URL.

        Raises:
            StoreUrlInvalid: a parameter that would not be honoured, or a value that it cannot have.
            TlsRefused: a file that it names cannot be read.
        """
        url = urlsplit(self.source().strip())
        pairs = parse_qsl(url.query, keep_blank_values=True)
        unknown = sorted({key for key, _ in pairs} - _PARAMETERS)
        if url.scheme not in ("postgresql", "postgres") or unknown:
            what = f"the parameter {unknown[0]!r} is unknown" if unknown else f"{url.scheme!r} is no scheme of it"
            raise StoreUrlInvalid(
                f"the PostgreSQL URL cannot be used: {what}; known: {', '.join(sorted(_PARAMETERS))}. Write it as"
                " postgresql://USER@HOST:PORT/DATABASE?PARAMETER=VALUE."
            )
        timeout_s = _timeout(dict(pairs))
        _check_files(pairs)
        rest = [pair for pair in pairs if pair[0] not in _OURS]
        return [Server(name, urlunsplit(one), timeout_s) for name, one in _each(url, rest)]

    def __str__(self) -> str:
        """Return hosts, ports and database, without user and password."""
        url = urlsplit(self.source().strip())
        pairs = parse_qsl(url.query)
        hosts = ",".join(name for name, _ in _each(url, [pair for pair in pairs if pair[0] not in _OURS]))
        return f"PostgreSQL at {hosts}{url.path}"


def _timeout(parameters: dict[str, str]) -> float:
    wanted = parameters.get("target_session_attrs") or "read-write"
    if wanted not in _ATTRIBUTES:
        raise StoreUrlInvalid(
            f"target_session_attrs={wanted} in the PostgreSQL URL asks for a server that takes no writes. Leave it out,"
            " or set it to read-write."
        )
    seconds = parameters.get("connect_timeout") or str(CONNECT_TIMEOUT_S)
    try:
        return float(seconds) or CONNECT_TIMEOUT_S
    except ValueError as error:
        raise StoreUrlInvalid(
            f"connect_timeout={seconds} in the PostgreSQL URL is no number of seconds. Correct it, or leave it out."
        ) from error


def _check_files(pairs: list[tuple[str, str]]) -> None:
    """Name the file that cannot be read: asyncpg's errors do not."""
    for key, value in pairs:
        if key in _FILES and value != "system":
            try:
                with open(value, "rb"):
                    pass
            except OSError as error:
                raise TlsRefused(
                    f"{key}={value} in the PostgreSQL URL cannot be read ({error.strerror}). Fix its path or rights."
                ) from error


def _each(url: SplitResult, pairs: list[tuple[str, str]]) -> list[tuple[str, SplitResult]]:
    """Return name and URL of each server."""
    user, at, place = url.netloc.rpartition("@")
    parameters = dict(pairs)
    if not place and parameters.get("host"):
        hosts = parameters["host"].split(",")
        ports = (parameters.get("port") or PORT).split(",")
        others = [pair for pair in pairs if pair[0] not in ("host", "port")]
        found = []
        for number, host in enumerate(hosts):
            port = ports[number] if number < len(ports) else ports[-1]
            query = urlencode([*others, ("host", host), ("port", port)])
            found.append((f"{host}:{port}", url._replace(query=query)))
        return found
    query = urlencode(pairs)
    return [
        (
            _with_port(host) if host else f"the default host:{PORT}",
            url._replace(netloc=f"{user}{at}{host}", query=query),
        )
        for host in place.split(",")
    ]


def _with_port(host: str) -> str:
    return host if ":" in host.rpartition("]")[2] else f"{host}:{PORT}"
