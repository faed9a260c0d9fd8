"""The election in a thread and an event loop of its own: a busy operator must not lose its lease by being busy."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from kubernetes.aio.client import CoordinationV1Api

from antiphon_operator.clock import Clock
from antiphon_operator.kube import access
from antiphon_operator.kube.lease import Lease
from antiphon_operator.settings import LeaseSettings

#: What giving the lease up may take at the end, in seconds.
_END_S = 8.0


class Election:
    """From entering on it stands for leader; at the end it gives the lease up.

    `lost` is called in the election's thread when the lease is lost, or nobody tends it any more.
    """

    def __init__(self, settings: LeaseSettings, *, identity: str, clock: Clock, lost: Callable[[str], None]) -> None:
        self._settings = settings
        self._identity = identity
        self._clock = clock
        self._lost = lost
        self._ours = asyncio.get_running_loop()
        self._theirs: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._main, name="lease", daemon=True)
        #: Set when this replica leads.
        self.leads = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._theirs is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):
                self._theirs.call_soon_threadsafe(self._task.cancel)
        await asyncio.to_thread(self._thread.join, _END_S)

    def _main(self) -> None:
        try:
            asyncio.run(self._stand())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - the outermost frame of the thread; without it nobody renews
            self._lost(str(error) or type(error).__name__)

    async def _stand(self) -> None:
        self._theirs, self._task = asyncio.get_running_loop(), asyncio.current_task()
        async with access.connected() as client:
            lease = Lease(CoordinationV1Api(client), self._settings, identity=self._identity, clock=self._clock)
            try:
                await lease.acquire()
                self._ours.call_soon_threadsafe(self.leads.set)
                await lease.keep()
            finally:
                await lease.release()
