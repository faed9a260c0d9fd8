"""Others beside which Antiphon is measured: DBOS on PostgreSQL and Restate, at their own defaults of durability.

Each is installed in an environment of its own, from pinned versions.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from parts import APPS, HERE, Setup, World, client, environment
from processes import running, until

from tests import postgres
from tests.compat.environments import node_with, python_with
from tests.ports import listens, quiet_port

_REQUIREMENTS = HERE / "requirements"
#: Between two looks of DBOS at its queues and results.
POLL_S = 0.05
_START_S = 60.0
#: Restate's parts wait for each other when they end; nothing of this run is kept anyway.
_END_S = 1.0


class NotHere(Exception):
    """Something cannot be installed on this machine."""


@contextmanager
def dbos(setup: Setup) -> Iterator[World]:
    """Start apps with DBOS on PostgreSQL; its engine is in the apps.

    Raises:
        NotHere: it cannot be installed.
        RuntimeError: a process does not come up.
    """
    try:
        python = python_with(_REQUIREMENTS / "dbos.txt")
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        raise NotHere(str(error)) from error
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="antiphon-bench-")))
        server = stack.enter_context(postgres.started(fsync=True))
        log, clean = folder / "log", {"PYTHONPATH": ""}
        apps = []
        for app in APPS:
            command = [str(python), "-u", str(HERE / "apps" / "of_dbos.py"), app, server.url, str(POLL_S)]
            apps.append(stack.enter_context(running(command, environment=clean, log=log)))
            until(log, f"{app} is ready", process=apps[-1])
        load = [python, HERE / "clients" / "of_dbos.py", server.url, str(POLL_S)]
        talker = client(stack, load, environment=clean, log=log)
        yield World((), tuple(app.pid for app in apps), talker, log, database=(server.pid,))


@contextmanager
def restate(setup: Setup) -> Iterator[World]:
    """Start Restate's server and apps with its SDK.

    Raises:
        NotHere: it cannot be installed.
        RuntimeError: a process does not come up.
    """
    try:
        python = python_with(_REQUIREMENTS / "restate.txt")
        modules = node_with("restate-server", _REQUIREMENTS / "restate-server")
        program = next(modules.glob("@restatedev/restate-server-*/bin/restate-server"))
    except (AssertionError, OSError, subprocess.SubprocessError, StopIteration) as error:
        raise NotHere(str(error)) from error
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="antiphon-bench-")))
        log, admin, ingress = folder / "log", quiet_port(), quiet_port()
        ports = {app: quiet_port() for app in APPS}
        apps = [
            stack.enter_context(
                running(
                    [str(python), str(HERE / "apps" / "of_restate.py"), app, str(port)],
                    environment={"PYTHONPATH": ""},
                    log=log,
                    end_s=_END_S,
                )
            )
            for app, port in ports.items()
        ]
        server = stack.enter_context(
            running(
                [str(program), f"--base-dir={folder / 'data'}", "--listen-mode=tcp", f"--bind-port={quiet_port()}"],
                environment={
                    "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
                    "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
                    "RESTATE_DISABLE_TELEMETRY": "true",
                    "RESTATE_LOG_FILTER": "warn",
                },
                log=log,
                end_s=_END_S,
            )
        )
        for port in (*ports.values(), admin, ingress):
            _wait_for(port, server, log)
        for port in ports.values():
            _register(admin, port)
        load = [sys.executable, HERE / "clients" / "of_restate.py", f"http://127.0.0.1:{ingress}"]
        talker = client(stack, load, environment=environment(folder), log=log)
        yield World((server.pid,), tuple(app.pid for app in apps), talker, log)


def _wait_for(port: int, process: "subprocess.Popen[str]", log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not listens(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"nobody listens on {port}:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.05)


def _register(admin: int, port: int) -> None:
    """Tell Restate's server where an app is."""
    body = json.dumps({"uri": f"http://127.0.0.1:{port}"}).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{admin}/deployments", data=body, headers=headers), timeout=_START_S
    ):
        pass
