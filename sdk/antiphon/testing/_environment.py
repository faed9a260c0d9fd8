"""Environment: apps of one test, on an engine in memory. For users, by way of `antiphon.testing`."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any

from antiphon import _wire
from antiphon.client import Client
from antiphon.codec import PayloadCodec
from antiphon.interceptors import ActivityInterceptor, WorkflowInterceptor
from antiphon.testing._contracts import Contracts
from antiphon.testing._fakes import ContractBroken, Fake
from antiphon.testing._skipping import EverythingWaits, Skipping
from antiphon.worker import Worker

if TYPE_CHECKING:
    from antiphon_sidecar.memory_host import MemoryHost

__all__ = ["App", "Environment", "EverythingWaits"]

_START = datetime(2030, 1, 1, tzinfo=UTC)
_POLL_S = 0.002
# What a test has not waited for is of no use to it.
_GRACE = timedelta(seconds=1)
_CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class App:
    """One app of an environment.

    Attributes:
        app_id: its ID.
        address: where its sidecar listens, for clients and workers of your own.
        client: a client of this app; waiting on it lets time be skipped.
    """

    app_id: str
    address: str
    client: Client


class Environment:
    """Apps that call each other, as in production, in one process and without waiting for timers.

    Time stands still at `start` while code runs, and is moved to the next timer whenever a test waits for an
    instance and everything else waits too. Activities run for real. Use `async with`.
    """

    def __init__(
        self,
        *,
        start: datetime = _START,
        skip_time: bool = True,
        patience: timedelta = timedelta(seconds=10),
        contracts: str | PathLike[str] | Sequence[str | PathLike[str]] = (),
        codecs: Sequence[PayloadCodec] = (),
        interceptors: Sequence[WorkflowInterceptor | ActivityInterceptor] = (),
    ) -> None:
        """Note the settings; nothing runs yet.

        Args:
            start: what workflows see as the time at first; must have a time zone.
            skip_time: whether waiting for an instance moves time; without it only `skip` does.
            patience: real time after which waiting for something that never comes fails the test.
            contracts: files that `antiphon apps export` wrote; fakes are checked against them.
            codecs: of all workers and clients.
            interceptors: of all workers.

        Raises:
            ContractInvalid: a file of contracts cannot be read.
        """
        if start.tzinfo is None:
            raise ValueError(f"start needs a time zone, got {start!r}")
        self._start = start
        self._skip_time = skip_time
        self._contracts = Contracts(*([contracts] if isinstance(contracts, str | PathLike) else contracts))
        self._broken: list[str] = []
        self._codecs = codecs
        self._interceptors = interceptors
        self._patience = patience
        self._stack = AsyncExitStack()
        self._apps: dict[str, App] = {}
        self._host: MemoryHost | None = None
        self._skipping: Skipping | None = None
        self._died: list[tuple[str, BaseException]] = []

    async def __aenter__(self) -> "Environment":
        open_memory_host = _sidecar()
        async with AsyncExitStack() as stack:
            opened = open_memory_host(start_ns=_wire.moment_ns(self._start), died=self._part_died)
            host: MemoryHost = await stack.enter_async_context(opened)
            self._host = host
            self._skipping = Skipping(host, patience_s=self._patience.total_seconds(), check=self._check)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._stack.aclose()
        finally:
            self._host = self._skipping = None
            self._apps.clear()
        if error is None:
            self._check()

    async def app(
        self,
        app_id: str,
        *,
        workflows: Iterable[Callable[..., Any]] = (),
        activities: Iterable[Callable[..., Any]] = (),
    ) -> App:
        """Run an app with one worker for these functions, and return it once the worker is connected.

        Called again for an app, it adds a worker: another replica of the app's code. Without functions there is
        no worker: calls to the app wait, as they do while it is deployed.

        Raises:
            DefinitionError: a function is not decorated, or two have one name.
        """
        app = await self._served(app_id)
        workflows, activities = list(workflows), list(activities)
        if workflows or activities:
            await self._connect(app, self._worker(app, workflows, activities))
        return app

    async def fake(
        self,
        app_id: str,
        *,
        activities: Mapping[str, object] | None = None,
        workflows: Mapping[str, object] | None = None,
        **functions: object,
    ) -> App:
        """Run another team's app as far as the test needs it: names, and what happens when they are called.

        What happens is a function of the input (with a type hint, it gets that type), a value to return, or an
        exception to raise. A name given by keyword is what the app's contract says it is, without contracts an
        activity. With contracts, inputs and results that do not fit the declared schemas fail the test.

        Raises:
            ContractInvalid: the contracts do not have the app or the name.
        """
        fake = Fake(app_id, self._contracts.of(app_id) if self._contracts else None, self._broken.append)
        for name, behaviour in (activities or {}).items():
            fake.add(name, behaviour, "activity")
        for name, behaviour in (workflows or {}).items():
            fake.add(name, behaviour, "workflow")
        for name, behaviour in functions.items():
            fake.add(name, behaviour, None)
        return await self.app(app_id, workflows=fake.workflows, activities=fake.activities)

    @property
    def client(self) -> Client:
        """The client of the app that was added first."""
        for app in self._apps.values():
            return app.client
        raise RuntimeError("the environment has no app yet: await env.app(...) first")

    def now(self) -> datetime:
        """Return what workflows see as the time now."""
        return _wire.moment(self._running.now_ns)

    async def skip(self, duration: timedelta, *, settle: bool = True) -> None:
        """Move time forward, letting everything happen that falls into it, in order.

        Before each step it waits until nothing runs any more; with `settle=False` time moves at once and passes by
        activities under way, which is how their timeouts are tested.

        Raises:
            EverythingWaits: something under way has not ended within the patience.
        """
        await self._skips.skip(_wire.duration_ns(duration), settle=settle)

    async def settle(self) -> None:
        """Wait until nothing runs any more, without moving time.

        Raises:
            EverythingWaits: something under way has not ended within the patience.
        """
        await self._skips.settle()

    async def _served(self, app_id: str) -> App:
        known = self._apps.get(app_id)
        if known is not None:
            return known
        listener = await self._running.add_app(app_id)
        address = f"127.0.0.1:{listener.grpc_port}"
        around = [self._skips] if self._skip_time else []
        client = Client(address=address, codecs=self._codecs, interceptors=around)
        await self._stack.enter_async_context(client)
        self._apps[app_id] = App(app_id, address, client)
        return self._apps[app_id]

    def _worker(
        self, app: App, workflows: Iterable[Callable[..., Any]], activities: Iterable[Callable[..., Any]]
    ) -> Worker:
        return Worker(
            workflows=workflows,
            activities=activities,
            address=app.address,
            codecs=self._codecs,
            interceptors=self._interceptors,
            grace=_GRACE,
        )

    async def _connect(self, app: App, worker: Worker) -> None:
        before = self._running.workers(app.app_id)
        await self._stack.enter_async_context(worker)
        async with asyncio.timeout(_CONNECT_S):
            # The engine tells its callers of no worker that connects.
            while self._running.workers(app.app_id) <= before:  # noqa: ASYNC110
                await asyncio.sleep(_POLL_S)

    def _part_died(self, task: str, error: BaseException) -> None:
        self._died.append((task, error))

    def _check(self) -> None:
        """Fail the test when a contract was broken, or a part of the engine: what it did is done by nobody then."""
        if self._broken:
            broken, self._broken[:] = list(self._broken), []
            raise ContractBroken("\n".join(broken))
        for task, error in self._died:
            raise RuntimeError(f"a part of the engine died: {task}") from error

    @property
    def _running(self) -> "MemoryHost":
        if self._host is None:
            raise RuntimeError("the environment does not run: use it as `async with testing.Environment() as env`")
        return self._host

    @property
    def _skips(self) -> Skipping:
        if self._skipping is None:
            raise RuntimeError("the environment does not run: use it as `async with testing.Environment() as env`")
        return self._skipping


def _sidecar() -> Any:  # noqa: ANN401  (the sidecar's types must not be needed to import this)
    try:
        from antiphon_sidecar.memory_host import open_memory_host
    except ImportError as error:
        raise ImportError(
            f"testing.Environment runs the real engine, whose packages are not installed ({error}): "
            "pip install 'antiphon[testing]'"
        ) from error
    return open_memory_host
