"""A fleet: sidecars of three apps, several replicas each, with etcd and PostgreSQL, every part a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import etcd, postgres
from tests.integration.programs import APPS, START_S, Program, Store, environment
from tests.integration.proxies import Proxies, Proxy, Ways
from tests.ports import listens, quiet_port

LEASE_S = 2
#: Members elect anew within 100 ms unless told otherwise, which a busy machine mistakes for a death.
_UNHURRIED = ("--heartbeat-interval=50", "--election-timeout=500")
_SCRIPTS = Path(__file__).parent / "apps"


@dataclass
class Pod:
    """A sidecar and the process of its app; `to_etcd`, `to_store` and `to_peers` are what can be cut.

    What others have to say to the sidecar goes through its `to_peers`.
    """

    app: str
    sidecar: Program
    worker: Program
    grpc_port: int
    to_etcd: Ways
    to_store: Proxy
    to_peers: Proxy

    @property
    def address(self) -> str:
        """Where others, and the command line, reach the sidecar; it is what the sidecar says of itself in etcd."""
        return f"127.0.0.1:{self.to_peers.port}"


@dataclass
class Fleet:
    """Everything; `campaigns.Campaign` runs its instances on it."""

    folder: Path
    store: Store
    etcd: etcd.Etcd
    postgres: postgres.Server
    pods: dict[str, list[Pod]] = field(default_factory=dict)
    #: A test has begun here and not come to its good end.
    spoiled: bool = False

    @property
    def effects(self) -> Path:
        """The file to which all apps append."""
        return self.folder / "effects.jsonl"

    def address(self, app: str = "orders") -> str:
        """Return where clients find the last replica of an app; faults are for the others."""
        return f"127.0.0.1:{self.pods[app][-1].grpc_port}"

    def seen_enough(self) -> None:
        """Let the workflows that go on until the test has seen enough come to their end."""
        (self.folder / "enough").touch()

    def all_pods(self) -> list[Pod]:
        """Return the pods of all apps."""
        return [pod for pods in self.pods.values() for pod in pods]

    def programs(self) -> list[Program]:
        """Return all processes of the fleet but the servers."""
        return [program for pod in self.all_pods() for program in (pod.sidecar, pod.worker)]

    def why(self, instance_id: str) -> str:
        """Say why an instance of the first app has not ended."""
        done = self.antiphon("why", instance_id, "--app", "orders", at=[self.pods["orders"][-1]])
        return f"{done.stdout}{done.stderr}"

    def antiphon(self, *words: str, at: Sequence[Pod] = (), **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a command; with `at` it asks those sidecars, else it gets the store's URL."""
        whom = [f"--address={pod.address}" for pod in at] or [f"--store={self.store.url}"]
        return subprocess.run(
            [sys.executable, "-m", "antiphon_cli", *words, *whom],
            env={**os.environ, **environment(self.folder, self.store), **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self) -> None:
        """Start what does not run; return when all sidecars listen and all workers are there."""
        (self.folder / "enough").unlink(missing_ok=True)
        self.etcd.start()
        for program in self.programs():
            if program.process is None or program.process.poll() is not None:
                program.start()
        self.wait_for_listeners()
        for program in self.programs():
            program.wait_until_ready()

    def wait_for_listeners(self) -> None:
        """Wait until every sidecar takes connections."""
        deadline = time.monotonic() + START_S
        for pod in self.all_pods():
            while not listens(pod.grpc_port):
                assert pod.sidecar.running.poll() is None, f"{pod.sidecar.name} ended:\n{pod.sidecar.tail()}"
                assert time.monotonic() < deadline, f"{pod.sidecar.name} does not listen:\n{pod.sidecar.tail()}"
                time.sleep(0.05)

    def end(self) -> None:
        """Kill whatever still runs."""
        for program in self.programs():
            if program.process is not None and program.process.poll() is None:
                program.kill()


@contextmanager
def fleet(
    folder: Path,
    *,
    apps: Sequence[str] = APPS,
    replicas: int = 3,
    bug: str | None = None,
    lease_s: float = LEASE_S,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Fleet]:
    """Prepare a fleet with servers of its own, which run already; nothing runs afterwards.

    `variables`: settings of all sidecars. `bug`: one of `matrix_bugs.BUGS`, which all sidecars have then.
    """
    with ExitStack() as stack:
        cluster = stack.enter_context(etcd.started(members=3, arguments=_UNHURRIED))
        server = stack.enter_context(postgres.started())
        proxies = stack.enter_context(Proxies.running())
        made = Fleet(folder, Store(server.url), cluster, server)
        config = folder / "sidecar.yaml"
        config.write_text(f"limits: {{lease: {lease_s:g}s, names_settle: 2s}}\n")
        stack.callback(made.end)
        entry = ("-m", "antiphon_cli") if bug is None else ("-m", "tests.integration.matrix_bugs", bug)
        for app in apps:
            made.pods[app] = [_pod(made, app, number, proxies, config, entry) for number in range(replicas)]
        for pod in made.all_pods():
            pod.sidecar.environment = {**pod.sidecar.environment, **(variables or {})}
        yield made


def _pod(made: Fleet, app: str, number: int, proxies: Proxies, config: Path, entry: Sequence[str]) -> Pod:
    name = f"{app}-{number}"
    grpc_port, peer_port = quiet_port(), quiet_port()
    to_etcd = Ways(proxies.open(target=member.port) for member in made.etcd.members)
    to_store = proxies.open(target=made.postgres.port)
    # Others are told the proxy's port; the sidecar listens behind it.
    to_peers = proxies.open(target=peer_port)
    variables: Mapping[str, str] = {
        **environment(made.folder, made.store),
        "ANTIPHON_STORE": f"postgresql://postgres@127.0.0.1:{to_store.port}/postgres",
        "ANTIPHON_ETCD": ",".join(f"http://127.0.0.1:{proxy.port}" for proxy in to_etcd.proxies),
        "ANTIPHON_CONFIG": str(config),
        "ANTIPHON_PEER_PORT": str(peer_port),
        "ANTIPHON_PEER_ADDRESS": f"127.0.0.1:{to_peers.port}",
    }
    ports = [f"--grpc-port={grpc_port}", f"--http-port={quiet_port()}"]
    sidecar = Program(
        name=f"sidecar-{name}",
        command=(sys.executable, *entry, "sidecar", "--app", app, *ports),
        environment=variables,
        log=made.folder / f"sidecar-{name}.log",
        ready="Other sidecars reach this one",
    )
    worker = Program(
        name=f"worker-{name}",
        command=(sys.executable, str(_SCRIPTS / f"{app}.py")),
        environment={**environment(made.folder, made.store), "ANTIPHON_GRPC_PORT": str(grpc_port), "APP": app},
        log=made.folder / f"worker-{name}.log",
        ready="ready",
    )
    return Pod(app, sidecar, worker, grpc_port, to_etcd, to_store, to_peers)


def clock_off_by(offset: str) -> dict[str, str]:
    """Return the environment of a process whose clock is off, as `+10m`; clocks that only measure stay right.

    Skips, or fails in CI, where libfaketime is not installed.
    """
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found and os.environ.get("CI"):
        pytest.fail("libfaketime is not on this machine, and CI must not leave its test out")
    if not found:
        pytest.skip("libfaketime is not on this machine: apt install libfaketime")
    return {"LD_PRELOAD": str(found[0]), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


__all__ = ["LEASE_S", "Fleet", "Pod", "clock_off_by", "fleet"]
