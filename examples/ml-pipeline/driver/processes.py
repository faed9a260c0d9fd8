"""The processes of a run: one host with a sidecar listener for each app, and the apps.

Each child leads a process group of its own, so that Ctrl-C reaches the driver alone and the driver can end
all that a child started. Output of each goes to a log of its own.
"""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

APPS = {
    "pipeline": "pipeline.py",
    "data-processing": "data_processing.py",
    "training": "training.py",
    "serving": "serving.py",
}
HOST = "host"
_CODE = Path(__file__).parents[1]
_READY_S = 20.0
_GRACE_S = 3.0
_TAIL_LINES = 15


class ProcessEnded(Exception):
    """A process of the demo ended by itself; the message shows the end of its log."""


class HostNotUp(ProcessEnded):
    """The host does not listen, most likely since another process took a port meanwhile."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where everything of one run lies."""

    root: Path

    @classmethod
    def new(cls) -> "RunFolder":
        """Make a fresh one under the system's folder for temporary files."""
        folder = cls(Path(tempfile.mkdtemp(prefix="antiphon-demo-")))
        for each in (folder.records, folder.logs, folder.data):
            each.mkdir()
        return folder

    @property
    def database(self) -> Path:
        """The state store."""
        return self.root / "state.db"

    @property
    def records(self) -> Path:
        """The apps' own records."""
        return self.root / "records"

    @property
    def logs(self) -> Path:
        """Output of each process."""
        return self.root / "logs"

    @property
    def data(self) -> Path:
        """Arrays and models that the apps exchange."""
        return self.root / "data"


class Child:
    """A process that can be started again under the same name and log."""

    def __init__(self, name: str, *, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        #: Process IDs it had, oldest first.
        self.pids: list[int] = []
        self._command = command
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it, or start it again."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pids.append(self._process.pid)

    def signal(self, number: signal.Signals) -> None:
        """Signal it and all that it started."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    async def kill(self) -> None:
        """End it without a word, as a crash does, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end; insist after a while."""
        if self._process is None:
            return
        self.signal(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await self._process.wait()
        await self.kill()

    def check(self) -> None:
        """Say so when it ended by itself.

        Raises:
            ProcessEnded: it did.
        """
        if not self.alive:
            raise ProcessEnded(self.obituary())

    def obituary(self) -> str:
        """Name, exit code and the end of its log."""
        code = None if self._process is None else self._process.returncode
        return f"{self.name} ended with code {code}; the end of {self.log}:\n{self.tail()}"

    def tail(self) -> str:
        """Return the last lines of its log."""
        if not self.log.exists():
            return "  (nothing)"
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(f"  {line}" for line in lines) or "  (nothing)"


class Stage:
    """The host and the apps. Whoever opens it closes it, also when opening failed."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.ports = _free_ports(APPS)
        self.host = self._host()
        self.apps = {app: self._app(app) for app in APPS}

    @property
    def children(self) -> list[Child]:
        """All processes."""
        return [self.host, *self.apps.values()]

    async def open(self) -> None:
        """Start everything; return once the host listens. The apps connect when they are ready.

        Raises:
            HostNotUp: the host does not start.
        """
        for child in self.children:
            await child.start()
        await self.host_listens()

    async def host_listens(self) -> None:
        """Wait until the host takes connections for every app.

        Raises:
            HostNotUp: it ended instead, or does neither for long.
        """
        try:
            async with asyncio.timeout(_READY_S):
                for port in self.ports.values():
                    while not await _listening(port):
                        if not self.host.alive:
                            raise HostNotUp(self.host.obituary())
                        await asyncio.sleep(0.05)
        except TimeoutError as error:
            text = f"the host does not listen after {_READY_S:g} s; the end of {self.host.log}:\n{self.host.tail()}"
            raise HostNotUp(text) from error

    async def close(self) -> None:
        """End all processes: the apps first, since they would miss their host."""
        await asyncio.gather(*[app.stop() for app in self.apps.values()])
        await self.host.stop()

    def check(self) -> None:
        """Say so when a process ended by itself.

        Raises:
            ProcessEnded: one did.
        """
        for child in self.children:
            child.check()

    def antiphon(self, *arguments: str) -> list[str]:
        """Return the command line of an `antiphon` command of this Python."""
        return [sys.executable, "-m", "antiphon_cli", *arguments]

    def _host(self) -> Child:
        listeners = [part for app, port in self.ports.items() for part in ("--app", f"{app}:{port}")]
        return Child(
            HOST,
            command=self.antiphon("dev", *listeners, "--db", str(self.folder.database)),
            environment=_environment(),
            log=self.folder.logs / f"{HOST}.log",
        )

    def _app(self, app: str) -> Child:
        port = str(self.ports[app])
        return Child(
            app,
            command=[sys.executable, str(_CODE / APPS[app])],
            environment=_environment(
                ANTIPHON_APP_ID=app,
                ANTIPHON_GRPC_PORT=port,
                DAPR_GRPC_PORT=port,
                RECORDS_FOLDER=str(self.folder.records),
            ),
            log=self.folder.logs / f"{app}.log",
        )


def _environment(**more: str) -> dict[str, str]:
    """Return ours without settings that are meant for other sidecars."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANTIPHON_", "DAPR_"))}
    # Candidates run side by side: threads inside each would only get into each other's way.
    return {**inherited, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **more}


def _free_ports(names: Sequence[str] | Mapping[str, object]) -> dict[str, int]:
    # All are held until the last one is known, so that no two are the same.
    sockets = [socket.socket() for _ in names]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return {name: each.getsockname()[1] for name, each in zip(names, sockets, strict=True)}
    finally:
        for each in sockets:
            each.close()


async def _listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
