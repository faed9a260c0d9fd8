"""Stores by their URL: which kind it names, and how its URL is read anew."""

from collections.abc import Callable
from pathlib import Path

import asyncpg

from antiphon_names.hosts import database_path, without_password
from antiphon_sidecar.runtime.clock import SystemClock
from antiphon_sidecar.settings import Settings
from antiphon_sidecar.stores.base import Store
from antiphon_sidecar.stores.errors import StoreError, StoreUrlInvalid

POSTGRES = ("postgresql://", "postgres://")
MEMORY = "memory:"
_LOOK_S = 5.0


def url_source(settings: Settings) -> Callable[[], str]:
    """Return what gives the store's URL: of a file, it is read anew each time, since passwords change."""
    if settings.store_file is None:
        return lambda: settings.store
    path = Path(settings.store_file).expanduser()

    def read() -> str:
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise StoreUrlInvalid(
                f"the file {path} that should hold the store's URL cannot be read ({error.strerror}). "
                "Fix the path or its rights."
            ) from error

    return read


def store_url(settings: Settings) -> str:
    """Return the URL of the store that settings name, in a file or by itself.

    Raises:
        StoreUrlInvalid: the file cannot be read.
    """
    return url_source(settings)()


async def store_identity(settings: Settings) -> str | None:
    """Return the identity of a PostgreSQL store; None when it has none yet, or does not answer."""
    from antiphon_sidecar.stores import postgres_schema
    from antiphon_sidecar.stores.postgres_address import Address
    from antiphon_sidecar.stores.postgres_sessions import Sessions

    try:
        connection = await Sessions(Address(url_source(settings)), lock_timeout_s=_LOOK_S).open()
        try:
            return await postgres_schema.identity(connection, settings.store_schema)
        finally:
            await connection.close(timeout=_LOOK_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, StoreError, OSError, TimeoutError, ValueError):
        return None


def open_store(settings: Settings, source: Callable[[], str] | None = None) -> Store:
    """Build the store that the URL names; it is not connected yet. `source` gives the URL anew per connection.

    Raises:
        StoreUrlInvalid: no such kind of store.
    """
    url = settings.store
    if url.startswith("sqlite:///"):
        from antiphon_sidecar.stores.sqlite import SqliteStore

        return SqliteStore(Path(database_path(url)), namespace=settings.namespace)
    if url.startswith(POSTGRES):
        from antiphon_sidecar.stores.postgres import PostgresStore

        return PostgresStore(
            source or url,
            namespace=settings.namespace,
            schema=settings.store_schema,
            pool_size=settings.store_pool_size,
        )
    if url == MEMORY:
        from antiphon_sidecar.stores.memory import MemoryStore

        return MemoryStore(settings.namespace, clock=SystemClock().wall_ns)
    raise StoreUrlInvalid(
        f'"{without_password(url)}" names no kind of store. Use sqlite:///FILE or postgresql://USER@HOST/DATABASE.'
    )
