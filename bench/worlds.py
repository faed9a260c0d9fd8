"""What a benchmark runs against: a host, four apps and a client, each a process of its own, on a fresh store."""

import json
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import Cost, cost_of, running, until

from tests import postgres
from tests.compat.environments import python_with

APPS = ("app1", "app2", "app3", "app4")
_HERE = Path(__file__).parent
_DAPR = _HERE.parent / "tests" / "compat" / "requirements-dapr-1.19.0.txt"


@dataclass(frozen=True, slots=True)
class Setup:
    """Which SDK the apps use, and where the host keeps everything."""

    sdk: str
    store: str

    def __str__(self) -> str:
        return f"{self.sdk}, {self.store}"


@dataclass(frozen=True, slots=True)
class Costs:
    """What the parts of a world have cost so far."""

    host: Cost
    apps: Cost
    database: Cost


@dataclass(frozen=True, slots=True)
class World:
    """Everything that runs; the client takes one order at a time."""

    host: int
    apps: tuple[int, ...]
    database: tuple[int, ...]
    client: "subprocess.Popen[str]"
    log: Path

    def costs(self) -> Costs:
        """Read what the parts have cost so far."""
        return Costs(cost_of([self.host]), cost_of(self.apps), cost_of(self.database))

    def load(self, workflow: str, *, count: int, at_once: int) -> dict[str, Any]:
        """Have the client run workflows; return what it measured.

        Raises:
            RuntimeError: the client gave up; carries what the processes wrote.
        """
        assert self.client.stdin is not None
        assert self.client.stdout is not None
        print(
            json.dumps({"workflow": workflow, "count": count, "at_once": at_once}), file=self.client.stdin, flush=True
        )
        answer = self.client.stdout.readline()
        if not answer:
            raise RuntimeError(f"the client ended:\n{self.log.read_text(errors='replace')[-4000:]}")
        taken: dict[str, Any] = json.loads(answer)
        return taken


@contextmanager
def world(setup: Setup) -> Iterator[World]:
    """Start everything on a fresh store; all is gone afterwards.

    Raises:
        RuntimeError: a process does not come up.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="antiphon-bench-")))
        url, database = f"sqlite:///{folder}/state.db", ()
        if setup.store == "PostgreSQL":
            server = stack.enter_context(postgres.started())
            url, database = server.url, (server.pid,)
        environment = {
            "PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry),
            "XDG_RUNTIME_DIR": str(folder),
            "ANTIPHON_STORE_SCHEMA": f"bench_{secrets.token_hex(4)}",
        }
        ports = {app: _free_port() for app in APPS}
        log = folder / "host.log"
        served = [f"--app={app}:{port}" for app, port in ports.items()]
        command = [sys.executable, "-u", "-m", "antiphon_cli", "dev", *served, "--store", url]
        host = stack.enter_context(running(command, environment=environment, log=log))
        until(log, "Stop with Ctrl-C", process=host)
        apps = [
            stack.enter_context(
                running([*_app(setup.sdk), app], environment=_app_environment(setup.sdk, environment, port), log=log)
            )
            for app, port in ports.items()
        ]
        for app in APPS:
            until(log, f"a worker connected  app={app}", process=host)
        client = stack.enter_context(
            running(
                [sys.executable, str(_HERE / "load.py"), f"127.0.0.1:{ports['app1']}"],
                environment=environment,
                log=log,
                talks=True,
            )
        )
        yield World(host.pid, tuple(app.pid for app in apps), database, client, log)


def _app(sdk: str) -> tuple[str, str]:
    if sdk == "Dapr SDK":
        return str(python_with(_DAPR)), str(_HERE / "apps" / "daprs.py")
    return sys.executable, str(_HERE / "apps" / "ours.py")


def _app_environment(sdk: str, environment: Mapping[str, str], port: int) -> dict[str, str]:
    if sdk == "Dapr SDK":
        return {"DAPR_GRPC_PORT": str(port), "PYTHONPATH": ""}
    return {**environment, "ANTIPHON_GRPC_PORT": str(port)}


_given: set[int] = set()


def _free_port() -> int:
    """Return a port below those of clients, each once: the servers that get them start later."""
    chance = random.Random()
    while True:
        port = chance.randrange(20_000, 32_000)
        if port in _given:
            continue
        _given.add(port)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
