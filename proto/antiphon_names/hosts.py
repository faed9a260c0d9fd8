"""Where the process that holds a store listens for the command line and for further apps of this machine.

The host binds the socket and the command line connects to it, so both must work out the same path from the
same store URL. Nothing is opened or created here.
"""

import hashlib
import os
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

SQLITE_PREFIX = "sqlite:///"
POSTGRES_SCHEMES = ("postgresql", "postgres")

# sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included.
_SOCKET_PATH_BYTES_MAX = 100


def database_path(store_url: str) -> str:
    """Return the absolute path of a SQLite store's file, `~` and symbolic links resolved.

    Raises:
        ValueError: the URL is not `sqlite:///FILE`.
    """
    file = store_url.removeprefix(SQLITE_PREFIX)
    if file == store_url or not file:
        raise ValueError(f'"{without_password(store_url)}" is not sqlite:///FILE')
    return os.path.realpath(os.path.expanduser(file))


def socket_path(store_url: str, *, schema: str, namespace: str) -> str:
    """Return the path of the unix socket on which the host of a store listens, as far as the settings tell.

    Beside the database for SQLite; in the user's runtime directory, which may not exist yet, for PostgreSQL and
    for databases whose own path is too long for a socket. For PostgreSQL there lies a link to the socket, whose own
    place, `identity_path`, is the same whatever the server is called in the URL.

    Raises:
        ValueError: no host can be found by this URL; the text says which URLs can.
    """
    if store_url.startswith(SQLITE_PREFIX):
        beside = f"{database_path(store_url)}.sock"
        return beside if len(os.fsencode(beside)) <= _SOCKET_PATH_BYTES_MAX else _in_runtime_directory(beside)
    if urlsplit(store_url).scheme in POSTGRES_SCHEMES:
        return _in_runtime_directory("\0".join((without_password(store_url), schema, namespace)))
    raise ValueError(f'"{without_password(store_url)}" is neither sqlite:///FILE nor postgresql://HOST/DATABASE')


def identity_path(identity: str, *, schema: str, namespace: str) -> str:
    """Return the path of the unix socket on which the host of a PostgreSQL store with this identity listens."""
    return _in_runtime_directory("\0".join((identity, schema, namespace)))


def runtime_directory() -> str:
    """Return the directory for this user's sockets; whoever creates it gives it mode 0700."""
    # Not the TMPDIR of this process: that of another terminal may be a different one.
    given = os.environ.get("XDG_RUNTIME_DIR")
    return os.path.join(given, "antiphon") if given else f"/tmp/antiphon-{os.getuid()}"


def without_password(store_url: str) -> str:
    """Return the URL with its password left out, fit for being shown and hashed."""
    parts = urlsplit(store_url)
    if parts.scheme not in POSTGRES_SCHEMES:
        return store_url
    user, separator, host = parts.netloc.rpartition("@")
    query = urlencode([(key, value) for key, value in parse_qsl(parts.query) if key != "password"])
    return urlunsplit(("postgresql", f"{user.partition(':')[0]}{separator}{host}", parts.path, query, ""))


def _in_runtime_directory(identity: str) -> str:
    digest = hashlib.blake2b(identity.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return os.path.join(runtime_directory(), f"{digest}.sock")
