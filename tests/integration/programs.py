"""Real processes for tests: a host with its apps, each of which can be killed and started again.

`stack` is what tests use. Nothing here asks the host anything; clients do that.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import listens, quiet_port

APPS = ("orders", "payments", "stock")
START_S = 30.0
_SCRIPTS = Path(__file__).parent / "apps"
_TAIL_BYTES = 6_000


@dataclass
class Program:
    """A process under test; whatever it writes, over all its lives, goes to `log`."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    #: What it writes once it can be asked to end.
    ready: str
    prepare: Callable[[], None] | None = None
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it; it must not run."""
        assert self.process is None or self.process.poll() is not None, f"{self.name} runs already"
        with self.log.open("ab") as log:
            log.write(self._birth.encode())
            log.flush()
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=self.prepare,
            )

    @property
    def running(self) -> subprocess.Popen[bytes]:
        """The process, which must have been started."""
        assert self.process is not None, f"{self.name} was never started"
        return self.process

    def wait_until_ready(self) -> None:
        """Wait until its present life has come so far that signals reach its own handlers."""
        deadline = time.monotonic() + START_S
        while not self.is_ready():
            assert self.running.poll() is None, f"{self.name} ended:\n{self.tail()}"
            assert time.monotonic() < deadline, f"{self.name} does not get ready:\n{self.tail()}"
            time.sleep(0.02)

    def is_ready(self) -> bool:
        """Tell whether its present life has come so far."""
        return self.ready in self.log.read_text(errors="replace").rpartition(self._birth)[2]

    @property
    def _birth(self) -> str:
        return f"--- {self.name} starts\n"

    def kill(self) -> None:
        """End it with SIGKILL and wait until it is gone."""
        self.running.kill()
        self.running.wait(timeout=10)

    def terminate(self, *, within_s: float) -> int:
        """Ask it to end with SIGTERM; return its exit code."""
        self.running.send_signal(signal.SIGTERM)
        return self.running.wait(timeout=within_s)

    def ended(self, *, within_s: float) -> int:
        """Wait for it to end by itself; return its exit code."""
        return self.running.wait(timeout=within_s)

    def tail(self) -> str:
        """Return the end of what it wrote."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            return log.read().decode(errors="replace")


@dataclass(frozen=True)
class Store:
    """Where a host keeps everything; `schema` is for PostgreSQL."""

    url: str
    schema: str = "antiphon"


@dataclass
class Stack:
    """A host that serves some apps, and the processes of those apps."""

    folder: Path
    store: Store
    ports: Mapping[str, int]
    host: Program
    apps: dict[str, Program] = field(default_factory=dict)

    @property
    def effects(self) -> Path:
        """The file to which all apps append."""
        return self.folder / "effects.jsonl"

    def address(self, app: str = "orders") -> str:
        """Return where clients of an app find it."""
        return f"127.0.0.1:{self.ports[app]}"

    def seen_enough(self) -> None:
        """Let the workflows that go on until the test has seen enough come to their end."""
        (self.folder / "enough").touch()

    def programs(self) -> list[Program]:
        """Return all processes."""
        return [self.host, *self.apps.values()]

    def why(self, instance_id: str) -> str:
        """Say why an instance of the first app has not ended."""
        return self.cli("why", instance_id, "--app", "orders")

    def cli(self, *arguments: str) -> str:
        """Run a command of `antiphon` against this store; return all that it wrote."""
        done = subprocess.run(
            [sys.executable, "-m", "antiphon_cli", *arguments, "--store", self.store.url],
            env={**os.environ, **self.host.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return f"{done.stdout}{done.stderr}"

    def start(self) -> None:
        """Start everything; return when the host listens."""
        self.host.start()
        for app in self.apps.values():
            app.start()
        self.wait_for_listeners()

    def wait_for_listeners(self) -> None:
        """Wait until the host takes connections for every app."""
        deadline = time.monotonic() + START_S
        for port in self.ports.values():
            while not listens(port):
                assert self.host.running.poll() is None, f"the host ended:\n{self.host.tail()}"
                assert time.monotonic() < deadline, f"the host does not listen:\n{self.host.tail()}"
                time.sleep(0.02)

    def end(self) -> None:
        """Kill whatever still runs."""
        for program in (self.host, *self.apps.values()):
            if program.process is not None and program.process.poll() is None:
                program.kill()


def environment(folder: Path, store: Store) -> dict[str, str]:
    """Return what every process of a stack needs to know; `folder` must exist."""
    return {
        "PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry),
        "PYTHONUNBUFFERED": "1",
        "XDG_RUNTIME_DIR": str(folder),
        "ANTIPHON_STORE_SCHEMA": store.schema,
        "EFFECTS": str(folder / "effects.jsonl"),
        "ENOUGH": str(folder / "enough"),
        "STREAMS": str(folder / "streams"),
    }


def host_program(
    folder: Path,
    store: Store,
    ports: Mapping[str, int],
    *,
    name: str = "host",
    prepare: Callable[[], None] | None = None,
) -> Program:
    """Return an `antiphon dev` that is not started yet."""
    served = [f"--app={app}:{port}" for app, port in ports.items()]
    return Program(
        name=name,
        command=(sys.executable, "-m", "antiphon_cli", "dev", *served, "--store", store.url),
        environment=environment(folder, store),
        log=folder / f"{name}.log",
        ready="Stop with Ctrl-C",
        prepare=prepare,
    )


def app_program(folder: Path, store: Store, app: str, *, port: int) -> Program:
    """Return the process of an app that is not started yet."""
    return Program(
        name=app,
        command=(sys.executable, str(_SCRIPTS / f"{app}.py")),
        environment={**environment(folder, store), "ANTIPHON_GRPC_PORT": str(port), "APP": app},
        log=folder / f"{app}.log",
        ready="ready",
    )


@contextmanager
def stack(folder: Path, store: Store, *, prepare: Callable[[], None] | None = None) -> Iterator[Stack]:
    """Prepare a host and the three apps; nothing is started yet, and nothing runs afterwards."""
    ports = {app: quiet_port() for app in APPS}
    made = Stack(
        folder=folder,
        store=store,
        ports=ports,
        host=host_program(folder, store, ports, prepare=prepare),
        apps={app: app_program(folder, store, app, port=port) for app, port in ports.items()},
    )
    try:
        yield made
    finally:
        made.end()
