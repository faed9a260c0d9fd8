"""A host and the Dapr apps beside it, as real processes; used by the fixtures of this folder."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.compat.driving import Driver
from tests.compat.programs import Program
from tests.ports import listens, quiet_port

APPS = ("app1", "app2", "app3")
_SCRIPTS = Path(__file__).parent / "apps"
START_S = 40.0
_ANTIPHON = (sys.executable, "-m", "antiphon_cli")


@dataclass(frozen=True, slots=True)
class Commands:
    """How an SDK's app and its client program are run."""

    app: tuple[str, ...]
    client: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class World:
    """One host, the apps it serves and the clients that were opened."""

    folder: Path
    python: Path
    host: Program
    ports: dict[str, int]
    apps: dict[str, Program]
    deltas: bool
    token: str | None = None
    others: Mapping[str, Commands] = field(default_factory=dict)
    clients: list[Driver] = field(default_factory=list)

    def start(self, *apps: str) -> None:
        """Start the host, and these apps (all of them if none is named); return when their workers have connected."""
        self.start_host()
        for app in apps or tuple(self.apps):
            self.apps[app].start()
        for app in apps or tuple(self.apps):
            self.wait_until_ready(app)

    def start_host(self) -> None:
        """Start the host; return when it listens."""
        self.host.start()
        self.wait_for_host()

    def wait_for_host(self) -> None:
        """Wait until the host takes connections for every app."""
        for port in self.ports.values():
            until(lambda port=port: listens(port) or not self.host.alive, within_s=START_S)
        assert self.host.alive, self.host.tail()

    def wait_until_ready(self, app: str) -> None:
        """Wait until the newest process of an app has said that its worker has connected."""
        program = self.apps[app]
        until(lambda: "ready" in program.lines() or not program.alive, within_s=START_S)
        assert program.alive, program.tail()

    def client(self, kind: str, *, app: str = "app1") -> Driver:
        """Open a client that talks to the sidecar of an app, with the SDK of that app."""
        python = (str(self.python), str(_SCRIPTS / "driver.py"), kind)
        made = Driver(
            self.others[app].client if app in self.others else python,
            name=f"{app} {kind}",
            environment=self.environment(app),
            log=self.folder / f"client-{app}-{kind}.log",
        )
        self.clients.append(made)
        return made

    def environment(self, app: str) -> dict[str, str]:
        """Return what a process of an app is told."""
        return {
            "DAPR_GRPC_PORT": str(self.ports[app]),
            "EFFECTS": str(self.folder / "effects.jsonl"),
            "GATES": str(self.folder),
            "DELTAS": "1" if self.deltas else "0",
            "PYTHONUNBUFFERED": "1",
            **(self.others[app].environment if app in self.others else {}),
            **({} if self.token is None else {"DAPR_API_TOKEN": self.token}),
        }

    def notes(self, key: str) -> list[dict[str, Any]]:
        """Return what the apps noted under a key, in order."""
        file = self.folder / "effects.jsonl"
        if not file.exists():
            return []
        return [note for line in file.read_text().splitlines() if (note := json.loads(line))["key"] == key]

    def open_gate(self, name: str) -> None:
        """Let everything pass that waits at a gate."""
        (self.folder / name).touch()

    def end(self) -> None:
        """End the clients and kill whatever still runs."""
        for client in self.clients:
            client.close()
        code = None if self.host.process is None else self.host.process.poll()
        for program in (self.host, *self.apps.values()):
            if program.alive:
                program.kill()
        assert code in (None, 0, -signal.SIGKILL), f"the host ended with {code}:\n{self.host.tail()}"


def until(holds: Callable[[], bool], *, within_s: float = 20.0) -> None:
    """Wait until something holds that only looking can tell."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold in time"
        time.sleep(0.02)


@contextmanager
def world(
    folder: Path,
    python: Path,
    *,
    deltas: bool = True,
    apps: Sequence[str] = APPS,
    token: str | None = None,
    others: Mapping[str, Commands] | None = None,
) -> Iterator[World]:
    """Prepare a host and its apps; nothing runs yet, and nothing runs afterwards.

    `others` are run as they say, beside `apps`, whose programs are found by their names.
    """
    others = {} if others is None else others
    apps = (*apps, *others)
    ports = {app: quiet_port() for app in apps}
    served = [f"--app={app}:{port}" for app, port in ports.items()]
    host = Program(
        name="host",
        command=(*_ANTIPHON, "dev", *served, "--store", f"sqlite:///{folder}/state.db"),
        environment={
            "PYTHONPATH": os.pathsep.join(sys.path),
            "XDG_RUNTIME_DIR": str(folder),
            "PYTHONUNBUFFERED": "1",
            **({} if token is None else {"ANTIPHON_API_TOKEN": token}),
        },
        log=folder / "host.log",
    )
    made = World(
        folder=folder, python=python, host=host, ports=ports, apps={}, deltas=deltas, token=token, others=others
    )
    for app in apps:
        script = _SCRIPTS / f"{app}.py"
        if app in others or script.exists():
            made.apps[app] = Program(
                name=app,
                command=others[app].app if app in others else (str(python), str(script)),
                environment=made.environment(app),
                log=folder / f"{app}.log",
            )
    try:
        yield made
    finally:
        made.end()
