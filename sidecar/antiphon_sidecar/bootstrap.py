"""The only module that knows every part: builds stores, coordination, runtimes and listeners from settings.

`open_host` is what `antiphon dev`, `antiphon run` and tests use: one process, one store, any number of apps, each
with its own listeners.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from antiphon_sidecar.settings import Settings


@dataclass(frozen=True, slots=True)
class Listener:
    """Where an app finds its sidecar; both ports on loopback."""

    app: str
    grpc_port: int
    http_port: int


class Host:
    """A running host process; made by `open_host`."""

    socket_path: str | None
    metrics_port: int | None

    async def add_app(self, app: str, *, grpc_port: int | None = None, http_port: int | None = None) -> Listener:
        """Start the runtime and the listeners of an app; None picks any free port.

        Raises:
            PortInUse: another process listens there; names the process when it can be found.
            AppIdInvalid: the ID has a form that apps cannot have.
        """
        raise NotImplementedError

    def listeners(self) -> tuple[Listener, ...]:
        """Return the apps of this host in the order they were added."""
        raise NotImplementedError


@asynccontextmanager
async def open_host(settings: Settings) -> AsyncIterator[Host]:
    """Open the store, take this machine's lock for it, and serve until the block ends; then drain.

    Raises:
        HostRunning: another process holds this store; carries its socket path, so that a caller can join it.
        StoreError: the store cannot be used.
    """
    raise NotImplementedError
    yield Host()
