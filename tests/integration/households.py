"""Several processes of one machine with one store: each has apps of its own, one of them holds the store.

A `Household` is a `Stack` whose apps are served by processes that join: `host` is the first, and has no worker.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.programs import APPS, START_S, Program, Stack, Store, app_program, environment, host_program
from tests.ports import quiet_port

_PAUSE_S = 0.02


@dataclass
class Household(Stack):
    """A first process, those that join it, and the processes of the apps."""

    joined: list[Program] = field(default_factory=list)

    def members(self) -> list[Program]:
        """Return all processes that may hold the store."""
        return [self.host, *self.joined]

    def programs(self) -> list[Program]:
        """Return all processes."""
        return [*self.members(), *self.apps.values()]

    def start(self) -> None:
        """Start the first process, then those that join it, then the apps; return when all workers are connected."""
        self.host.start()
        self.host.wait_until_ready()
        for program in self.joined:
            program.start()
        for program in self.joined:
            program.wait_until_ready()
        for app in self.apps.values():
            app.start()
        self._until("the workers connect", lambda: set(self.streams()) == set(self.apps))

    def streams(self) -> Counter[str]:
        """Return how often the workers have asked for work items so far, by app."""
        file = self.folder / "streams"
        lines = file.read_text().splitlines() if file.exists() else []
        return Counter(line.split()[0] for line in lines)

    def holder(self) -> Program:
        """Return the process that holds the store; waits until one does."""
        found: list[Program] = []

        def held() -> bool:
            pids = [file.read_text().strip() for file in self.folder.rglob("*.lock")]
            found[:] = [member for member in self.members() if str(member.running.pid) in pids and alive(member)]
            return len(found) == 1

        self._until("a process holds the store", held)
        return found[0]

    def _until(self, what: str, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_S
        while not reached():
            account = "\n".join(f"== {program.name}\n{program.tail()}" for program in self.programs())
            assert time.monotonic() < deadline, f"too late: {what}\n{account}"
            time.sleep(_PAUSE_S)

    def end(self) -> None:
        """Kill whatever still runs."""
        for program in self.programs():
            if program.process is not None and alive(program):
                program.kill()


def alive(program: Program) -> bool:
    """Tell whether a process runs."""
    return program.running.poll() is None


def _member(folder: Path, store: Store, ports: Mapping[str, int]) -> Program:
    """Return an `antiphon sidecar` for one app, an `antiphon run` for several."""
    # Not as an app is called: each program has a log of its own.
    name = "-".join(("host", *ports))
    match list(ports.items()):
        case [(app, port)]:
            words = ("sidecar", "--app", app, "--grpc-port", str(port), "--http-port", "0")
        case several:
            file = folder / f"{name}.yaml"
            apps = "".join(f"  - {{appID: {app}, daprGRPCPort: {port}}}\n" for app, port in several)
            file.write_text(f"version: 1\napps:\n{apps}")
            words = ("run", "-f", str(file))
    return Program(
        name=name,
        command=(sys.executable, "-m", "antiphon_cli", *words, "--store", store.url),
        environment=environment(folder, store),
        log=folder / f"{name}.log",
        ready="HTTP",
    )


@contextmanager
def household(folder: Path, store: Store, *served: Sequence[str]) -> Iterator[Household]:
    """Prepare a first process and one that joins for each of `served`, the apps it has; nothing is started yet."""
    ports = {app: quiet_port() for app in APPS}
    made = Household(
        folder=folder,
        store=store,
        ports=ports,
        host=host_program(folder, store, {"spare": quiet_port()}, name="first"),
        joined=[_member(folder, store, {app: ports[app] for app in apps}) for apps in served],
        apps={app: app_program(folder, store, app, port=port) for app, port in ports.items()},
    )
    try:
        yield made
    finally:
        made.end()
