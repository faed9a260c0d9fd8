"""What a benchmark of Antiphon runs against: a host or sidecars, apps and a client, all processes, on a fresh store."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from parts import APPS, HERE, Setup, World, client, environment
from processes import running, until

from tests import etcd, postgres
from tests.compat.environments import python_with
from tests.ports import quiet_port

_DAPR = HERE.parent / "tests" / "compat" / "requirements-dapr-1.19.0.txt"


@contextmanager
def hosted(setup: Setup) -> Iterator[World]:
    """Start one host for all apps.

    Raises:
        RuntimeError: a process does not come up.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="antiphon-bench-")))
        url, database = f"sqlite:///{folder}/state.db", ()
        if setup.store == "PostgreSQL":
            server = stack.enter_context(postgres.started(fsync=True))
            url, database = server.url, (server.pid,)
        variables = environment(folder)
        ports = {app: quiet_port() for app in APPS}
        log = folder / "log"
        served = [f"--app={app}:{port}" for app, port in ports.items()]
        command = [sys.executable, "-u", "-m", "antiphon_cli", "dev", *served, "--store", url]
        host = stack.enter_context(running(command, environment=variables, log=log))
        until(log, "Stop with Ctrl-C", process=host)
        apps = [_app(stack, setup.sdk, app, variables, port=port, log=log) for app, port in ports.items()]
        for app in APPS:
            until(log, f"a worker connected  app={app}", process=host)
        load = client(stack, _client(ports["app1"]), environment=variables, log=log)
        yield World((host.pid,), tuple(app.pid for app in apps), load, log, database=database)


@contextmanager
def with_sidecars(setup: Setup) -> Iterator[World]:
    """Start etcd, PostgreSQL and, for each replica of each app, a sidecar and a process of the app.

    Raises:
        RuntimeError: a process does not come up.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="antiphon-bench-")))
        cluster = stack.enter_context(etcd.started())
        server = stack.enter_context(postgres.started(fsync=True))
        coordinator = cluster.members[0].process
        assert coordinator is not None
        variables = environment(folder) | {"ANTIPHON_STORE": server.url, "ANTIPHON_ETCD": ",".join(cluster.endpoints)}
        sidecars, apps, ports = [], [], []
        for app in setup.apps:
            for number in range(setup.replicas if app == setup.apps[0] else 1):
                port, log = quiet_port(), folder / f"{app}-{number}.log"
                sidecar = _sidecar(stack, app, variables, port=port, log=log)
                apps.append(_app(stack, setup.sdk, app, variables, port=port, log=log))
                until(log, "a worker connected", process=sidecar)
                sidecars.append(sidecar)
                if app == setup.apps[0]:
                    ports.append(port)
        log = folder / "client.log"
        load = client(stack, _client(*ports), environment=variables, log=log)
        yield World(
            tuple(sidecar.pid for sidecar in sidecars),
            tuple(app.pid for app in apps),
            load,
            log,
            database=(server.pid,),
            etcd=(coordinator.pid,),
        )


def _sidecar(
    stack: ExitStack, app: str, variables: Mapping[str, str], *, port: int, log: Path
) -> "subprocess.Popen[str]":
    flags = [f"--grpc-port={port}", f"--http-port={quiet_port()}", f"--peer-port={quiet_port()}", "--metrics-port=0"]
    command = [sys.executable, "-u", "-m", "antiphon_cli", "sidecar", f"--app={app}", *flags]
    process = stack.enter_context(running(command, environment=variables, log=log))
    until(log, "Other sidecars reach this one", process=process)
    return process


def _app(
    stack: ExitStack, sdk: str, app: str, variables: Mapping[str, str], *, port: int, log: Path
) -> "subprocess.Popen[str]":
    if sdk == "Dapr SDK":
        command = [str(python_with(_DAPR)), str(HERE / "apps" / "daprs.py"), app]
        told: Mapping[str, str] = {"DAPR_GRPC_PORT": str(port), "PYTHONPATH": ""}
    else:
        command = [sys.executable, str(HERE / "apps" / "ours.py"), app]
        told = {**variables, "ANTIPHON_GRPC_PORT": str(port)}
    return stack.enter_context(running(command, environment=told, log=log))


def _client(*ports: int) -> list[str | Path]:
    return [sys.executable, HERE / "clients" / "ours.py", *(f"127.0.0.1:{port}" for port in ports)]
