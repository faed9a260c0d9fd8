"""A fleet: sidecars of three apps, several replicas each, with etcd and PostgreSQL, every part a process of its own."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests import etcd, postgres
from tests.integration.programs import APPS, START_S, Program, Store, environment
from tests.integration.proxies import Proxies, Proxy
from tests.ports import listens, quiet_port

LEASE_S = 2
_SCRIPTS = Path(__file__).parent / "apps"


@dataclass
class Pod:
    """A sidecar and the process of its app; `to_etcd`, `to_store` and `to_peers` are what can be cut."""

    app: str
    sidecar: Program
    worker: Program
    grpc_port: int
    to_etcd: Proxy
    to_store: Proxy
    to_peers: Proxy


@dataclass
class Fleet:
    """Everything; `campaigns.Campaign` runs its instances on it."""

    folder: Path
    store: Store
    etcd: etcd.Etcd
    postgres: postgres.Server
    pods: dict[str, list[Pod]] = field(default_factory=dict)

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
        """Say what the processes wrote; the command line cannot ask a fleet yet."""
        return f"{instance_id} did not end"

    def start(self) -> None:
        """Start everything; return when all sidecars listen."""
        for program in self.programs():
            program.start()
        self.wait_for_listeners()

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
def fleet(folder: Path, *, replicas: int = 3) -> Iterator[Fleet]:
    """Prepare a fleet with servers of its own, which run already; nothing runs afterwards."""
    with ExitStack() as stack:
        cluster = stack.enter_context(etcd.started())
        server = stack.enter_context(postgres.started())
        proxies = stack.enter_context(Proxies.running())
        made = Fleet(folder, Store(server.url), cluster, server)
        config = folder / "sidecar.yaml"
        config.write_text(f"limits: {{lease: {LEASE_S}s, names_settle: 2s}}\n")
        stack.callback(made.end)
        for app in APPS:
            made.pods[app] = [_pod(made, app, number, proxies, config) for number in range(replicas)]
        yield made


def _pod(made: Fleet, app: str, number: int, proxies: Proxies, config: Path) -> Pod:
    name = f"{app}-{number}"
    grpc_port, peer_port = quiet_port(), quiet_port()
    to_etcd = proxies.open(target=made.etcd.members[0].port)
    to_store = proxies.open(target=made.postgres.port)
    # Others are told the proxy's port; the sidecar listens behind it.
    to_peers = proxies.open(target=peer_port)
    variables: Mapping[str, str] = {
        **environment(made.folder, made.store),
        "ANTIPHON_STORE": f"postgresql://postgres@127.0.0.1:{to_store.port}/postgres",
        "ANTIPHON_ETCD": f"http://127.0.0.1:{to_etcd.port}",
        "ANTIPHON_CONFIG": str(config),
        "ANTIPHON_PEER_PORT": str(peer_port),
        "ANTIPHON_PEER_ADDRESS": f"127.0.0.1:{to_peers.port}",
    }
    ports = [f"--grpc-port={grpc_port}", f"--http-port={quiet_port()}"]
    sidecar = Program(
        name=f"sidecar-{name}",
        command=(sys.executable, "-m", "antiphon_cli", "sidecar", "--app", app, *ports),
        environment=variables,
        log=made.folder / f"sidecar-{name}.log",
        ready="Other sidecars reach this one",
    )
    worker = Program(
        name=f"worker-{name}",
        command=(sys.executable, str(_SCRIPTS / f"{app}.py")),
        environment={**environment(made.folder, made.store), "ANTIPHON_GRPC_PORT": str(grpc_port)},
        log=made.folder / f"worker-{name}.log",
        ready="ready",
    )
    return Pod(app, sidecar, worker, grpc_port, to_etcd, to_store, to_peers)


__all__ = ["LEASE_S", "Fleet", "Pod", "fleet"]
