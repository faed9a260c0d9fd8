"""A real Kubernetes cluster from plain processes, for end-to-end tests on Linux as root: the machine's side of it."""

import contextlib
import fcntl
import ipaddress
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from tests.e2e.cluster import binaries, cgroups, images, node
from tests.e2e.cluster.layout import CLUSTER_DOMAIN, PAUSE_IMAGE, Layout, Network
from tests.e2e.cluster.pki import Authority, kubeconfig
from tests.e2e.cluster.process import Process

ROOT = Path(__file__).parents[3]
NAMESPACES = ("--mount", "--pid", "--net")
HOST_INTERFACE = "antiphon0"
# Identities, besides the nodes, that reach the API server with a kubeconfig: file name -> (user, groups).
CLIENTS = {
    "kube-controller-manager": ("system:kube-controller-manager", ()),
    "kube-scheduler": ("system:kube-scheduler", ()),
    "kube-proxy": ("system:kube-proxy", ()),
    "coredns": ("antiphon:coredns", ("system:masters",)),
    "admin": ("antiphon:admin", ("system:masters",)),
}
REQUIRED_TOOLS = [
    "busybox",
    "conntrack",
    "containerd",
    "ctr",
    "ip",
    "iptables",
    "nsenter",
    "runc",
    "setpriv",
    "unshare",
]


class ClusterError(RuntimeError):
    """The cluster cannot be started or used; the message says what to do."""


class Cluster:
    """The cluster of this machine. `up` and `down` may be called in any state, also after a crash."""

    def __init__(self, layout: Layout, network: Network) -> None:
        self.layout = layout
        self.network = network
        #: The first process, where this object has started it.
        self._child: subprocess.Popen[bytes] | None = None

    @classmethod
    def default(cls) -> "Cluster":
        return cls(Layout.default(binaries.cache_directory()), Network.from_environment())

    @property
    def kubeconfig(self) -> Path:
        return self.layout.kubeconfig

    def running(self) -> bool:
        return self._init() is not None

    def up(self) -> None:
        """Start the cluster unless it runs already, and wait until pods can be created."""
        with self._locked():
            if not self.running():
                _check_machine(self.layout, self.network)
                binaries.ensure_built()
                self._remove()
                self.layout.create(self.network)
                self._write_identities()
                _write_pause_image(self.layout)
                try:
                    self._start()
                except BaseException:
                    self._remove()
                    raise
        self._wait_until_ready()

    def down(self) -> None:
        with self._locked():
            self._remove()

    def _remove(self) -> None:
        """Kill the outermost process; the kernel then ends everything in its namespaces, mounts and links included."""
        init, outer = self._init(), self._outer()
        processes = [process for process in (outer, init) if process is not None]
        for process in processes:
            process.kill()
        _wait(lambda: not any(process.alive() for process in processes), "the end of the cluster", 10)
        if self._child is not None:
            self._child.wait()
            self._child = None
        subprocess.run(["ip", "link", "delete", HOST_INTERFACE], check=False, stderr=subprocess.DEVNULL)
        cgroups.remove()
        shutil.rmtree(self.layout.root, ignore_errors=True)

    def load(self, archive: Path) -> None:
        """Import an image archive into every node. Pods use it with imagePullPolicy IfNotPresent or Never."""
        command = ["ctr", "--namespace=k8s.io", "images", "import", "-"]
        with ExitStack() as stack:
            files = {name: stack.enter_context(archive.open("rb")) for name in self.nodes()}
            imports = [
                stack.enter_context(
                    subprocess.Popen([*self._enter(name), *command], stdin=file, stdout=subprocess.DEVNULL)
                )
                for name, file in files.items()
            ]
        if any(each.returncode != 0 for each in imports):
            raise ClusterError(f"{archive} could not be imported")

    def become(self, node_name: str, command: Sequence[str]) -> NoReturn:
        """Replace this process by a command in a node's namespaces, where its sockets and interfaces are."""
        words = self.entering(node_name, command)
        os.execvp(words[0], words)

    def entering(self, node_name: str, command: Sequence[str]) -> list[str]:
        """Return the words that run a command in a node's namespaces."""
        return [*self._enter(node_name), *command]

    def kubectl(self, *arguments: str) -> str:
        options = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.layout.root / 'kubectl'}"]
        command = [str(self.layout.binaries / "kubectl"), *options, *arguments]
        result = subprocess.run(command, check=False, capture_output=True, text=True)
        if result.returncode != 0:
            raise ClusterError(f"kubectl {' '.join(arguments)}: {result.stderr.strip()}")
        return result.stdout

    def nodes(self) -> dict[str, Process]:
        """The first process of every running node by the node's name; killing it is a power cut."""
        first = self._init()
        if first is None:
            return {}
        found = {self.network.first.name: first}
        for outer in first.children():
            for inner in outer.children() if outer.command()[0] == "unshare" else ():
                found[f"node-{inner.command()[-1]}"] = inner
        return found

    def processes(self) -> Iterator[tuple[str, str, Process]]:
        """Node, name and process of every component; killing one makes its node start it again."""
        for name, init in self.nodes().items():
            for process in (init, *init.children()):
                yield name, Path(process.command()[0]).name, process

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time start or stop the cluster, as parallel test workers would."""
        self.layout.root.parent.mkdir(parents=True, exist_ok=True)
        with self.layout.root.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _enter(self, node_name: str) -> list[str]:
        init = self.nodes().get(node_name)
        if init is None:
            raise ClusterError(f"{node_name} is not running; start the cluster with `up`")
        # Entering a pid namespace forks; the signal ends the command when the process that waits for it is killed.
        return ["nsenter", f"--target={init.pid}", *NAMESPACES, "--", "setpriv", "--pdeathsig=TERM"]

    def _write_identities(self) -> None:
        network, authority = self.network, Authority.create("antiphon-local")
        service = f"kubernetes.default.svc.{CLUSTER_DOMAIN}"
        names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", service, "localhost"]
        addresses = [network.api_service, network.first.address, "127.0.0.1"]
        front_proxy = Authority.create("antiphon-local-front-proxy")
        identities = {
            "ca": authority,
            "front-proxy-ca": front_proxy,
            "front-proxy": front_proxy.issue("front-proxy"),
            "apiserver": authority.issue("kube-apiserver", hosts=[*names, *addresses]),
            "apiserver-kubelet": authority.issue("kube-apiserver-kubelet-client", ["system:masters"]),
            "service-account": authority.issue("service-account"),
        }
        for member in network.nodes:
            hosts = [member.name, member.address]
            identities[member.name] = authority.issue(f"system:node:{member.name}", ["system:nodes"], hosts)
        for name, (user, groups) in CLIENTS.items():
            identities[name] = authority.issue(user, groups)
        for name, identity in identities.items():
            identity.write(self.layout.pki, name)
            path = self.kubeconfig if name == "admin" else self.layout.pki / f"{name}.kubeconfig"
            path.touch(mode=0o600)
            path.write_text(kubeconfig(network.server, authority, identity))

    def _start(self) -> None:
        """Start the first process of the cluster in namespaces of its own, and link them to this machine."""
        first = self.network.first
        with self.layout.log.open("wb") as log:
            outer = self._child = subprocess.Popen(
                node.isolated(first, *NAMESPACES),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
        process = Process.find(outer.pid)
        if process is None:
            raise self._ended()
        self.layout.process.write_text(json.dumps({"pid": process.pid, "started": process.started}))
        _wait(lambda: bool(process.children()) or not process.alive(), "the cluster's namespaces", 10)
        if not process.alive():
            raise self._ended()
        node.connect(first, str(process.children()[0].pid), HOST_INTERFACE, str(self.network.prefix))

    def _wait_until_ready(self) -> None:
        def ready() -> bool:
            if not self.running():
                raise self._ended()
            try:
                condition = "{.items[*].status.conditions[?(@.type=='Ready')].status}"
                states = self.kubectl("get", "nodes", f"--output=jsonpath={condition}").split()
                self.kubectl("get", "serviceaccount", "default")
            except ClusterError:
                return False
            return states == ["True"] * self.network.size

        _wait(ready, f"the nodes (see {self.layout.root})", 180)

    def _ended(self) -> ClusterError:
        return ClusterError(f"the cluster ended:\n{self.layout.log.read_text()}")

    def _outer(self) -> Process | None:
        try:
            process = Process(**json.loads(self.layout.process.read_text()))
        except (OSError, ValueError):  # never started, or interrupted while it wrote the file
            return None
        return process if process.alive() else None

    def _init(self) -> Process | None:
        outer = self._outer()
        children = outer.children() if outer else []
        return children[0] if children else None


def _check_machine(layout: Layout, network: Network) -> None:
    if os.geteuid() != 0:
        raise ClusterError("a local cluster needs root")
    missing = [tool for tool in REQUIRED_TOOLS if shutil.which(tool) is None]
    if missing:
        raise ClusterError(f"not installed: {', '.join(missing)}")
    for path in (layout.root, layout.binaries, Path(__file__).resolve()):
        if path.is_relative_to("/var") or path.is_relative_to("/run"):
            raise ClusterError(f"{path} is not visible inside the cluster, which has its own /var and /run")
    routes = json.loads(subprocess.run(["ip", "-json", "route"], check=True, capture_output=True).stdout)
    taken = [route["dst"] for route in routes if route["dst"] != "default" and route.get("dev") != HOST_INTERFACE]
    for destination in taken:
        if network.prefix.overlaps(ipaddress.IPv4Network(destination)):
            raise ClusterError(f"{network.prefix} overlaps {destination}; set ANTIPHON_CLUSTER_NETWORK")


def _write_pause_image(layout: Layout) -> None:
    """The container that holds a pod's namespaces open. As a shell it also reaps the pod's orphans."""
    layer = images.busybox_layer(layout.images / "pause.layer")
    forever = "while :; do sleep 3600 & wait $!; done"
    images.archive(layout.images / "pause.tar", [(images.Image(PAUSE_IMAGE, ["/bin/sh", "-c", forever]), [layer])])
    layer.unlink()


def _wait(condition: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.05)
