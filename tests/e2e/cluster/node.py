"""The inside of a node: first process of its own pid, mount and network namespaces.

Everything that a Kubernetes node leaves behind (mounts, interfaces, packet filter rules, forwarding switches, shims,
sockets) lives in those namespaces, so killing this one process removes all of it, however it dies. Further nodes are
nested in the first one and end with it.
"""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from tests.e2e.cluster import cgroups, components
from tests.e2e.cluster.layout import Layout, Network, Node

RESTART_DELAY = 0.5
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The kubelet sets these machine-wide switches unless they already read so. Shadowing the files inside the namespace
# satisfies it and leaves the machine alone.
KERNEL_SWITCHES = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}


def isolated(node: Node, *namespaces: str) -> list[str]:
    """The command that starts a node in new namespaces; killing it kills the node."""
    unshare = ["unshare", *namespaces, "--fork", "--mount-proc", "--kill-child=SIGKILL", "--"]
    return [*unshare, *_own_command("_node", node)]


def connect(node: Node, namespace: str, interface: str, reach: str) -> None:
    """Link a node's network namespace (a name or a process id) to the caller's, and route `reach` through it."""
    run("ip", "link", "add", interface, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    run("ip", "address", "add", f"{node.uplink}/30", "dev", interface)
    run("ip", "link", "set", interface, "up")
    run("ip", "route", "add", reach, "via", node.address)


def attach(node: Node) -> NoReturn:
    """Become a further node. Runs inside the first one, again after every crash, with nothing left of before."""
    cgroups.remove(node.name)
    for leftover in (["link", "delete", node.name], ["netns", "delete", node.name]):
        subprocess.run(["ip", *leftover], check=False, stderr=subprocess.DEVNULL)
    run("ip", "netns", "add", node.name)
    connect(node, node.name, node.name, node.pods)
    command = ["nsenter", f"--net=/run/netns/{node.name}", *isolated(node, "--mount", "--pid")]
    os.execvp(command[0], command)


def main(layout: Layout, network: Network, node: Node) -> NoReturn:
    """Prepare the namespaces, start every component in order, then restart whichever exits."""
    _isolate_filesystem(layout, network, node)
    cgroups.create(node.name)
    _bring_up_network(network, node)
    components.write_configuration(layout, network, node)
    commands = components.node_agents(layout, node)
    if node == network.first:
        commands |= components.control_plane(layout, network)
    supervisor = Supervisor(layout, node, commands)
    supervisor.start("containerd")
    if node == network.first:
        supervisor.start("etcd")
        supervisor.start("kube-apiserver")
    _import_images(layout)
    _wait_for_api(layout, network)
    supervisor.start_others()
    if node == network.first:
        for other in network.nodes[1:]:
            supervisor.add(other.name, _own_command("_attach", other))
    supervisor.run()


class Supervisor:
    """Starts components with a log file each, reaps every orphan, restarts components that exit."""

    def __init__(self, layout: Layout, node: Node, commands: dict[str, list[str]]) -> None:
        self._logs = layout.node(node).logs
        self._commands = commands
        # The objects are kept, because `subprocess` reaps those it has lost behind the back of `os.wait`.
        self._processes: dict[int, tuple[str, subprocess.Popen[bytes]]] = {}
        self._environment = os.environ | {"PATH": f"{layout.binaries}:{SYSTEM_PATH}"}

    def add(self, name: str, command: Sequence[str]) -> None:
        self._commands[name] = list(command)
        self.start(name)

    def start(self, name: str) -> None:
        with (self._logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                self._commands[name], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment
            )
        self._processes[process.pid] = name, process

    def start_others(self) -> None:
        started = {name for name, _ in self._processes.values()}
        for name in self._commands:
            if name not in started:
                self.start(name)

    def run(self) -> NoReturn:
        while True:
            pid, status = os.wait()
            name, _ = self._processes.pop(pid, (None, None))
            if name is not None:
                print(f"{name} exited with {os.waitstatus_to_exitcode(status)}; restarting", flush=True)
                time.sleep(RESTART_DELAY)
                self.start(name)


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _own_command(verb: str, node: Node) -> list[str]:
    return [sys.executable, "-m", "tests.e2e.cluster", verb, str(node.number)]


def _isolate_filesystem(layout: Layout, network: Network, node: Node) -> None:
    """Give the node its own /var and /run, so that all components can keep their default paths."""
    files = layout.node(node)
    for directory in ("lib", "log", "tmp"):
        (files.var / directory).mkdir(exist_ok=True)
    for link, target in (("run", "/run"), ("lock", "/run/lock")):
        with contextlib.suppress(FileExistsError):
            (files.var / link).symlink_to(target)
    run("mount", "--make-rshared", "/")
    run("mount", "--bind", str(files.var), "/var")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    Path("/run/lock").mkdir()
    shadows = {f"/proc/sys/{switch}": f"{value}\n" for switch, value in KERNEL_SWITCHES.items()}
    shadows["/etc/resolv.conf"] = f"nameserver {network.first.address}\n"
    for target, content in shadows.items():
        shadow = files.config / target.strip("/").replace("/", ".")
        shadow.write_text(content)
        run("mount", "--bind", str(shadow), target)


def _bring_up_network(network: Network, node: Node) -> None:
    """Configure the interface that is moved in here from outside, and let the node forward for its pods."""
    _wait(lambda: "eth0" in [name for _, name in socket.if_nameindex()], "interface eth0", seconds=10)
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", f"{node.address}/30", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    # Packets to a service need some route before the packet filter can rewrite their destination. There is no default
    # route, so whatever lies outside the cluster is unreachable at once.
    reach = [network.services, "dev", "eth0"] if node == network.first else [str(network.prefix), "via", node.uplink]
    run("ip", "route", "add", *reach)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _import_images(layout: Layout) -> None:
    control = Path("/run/containerd/containerd.sock")
    _wait(control.exists, "containerd", seconds=30)
    for archive in sorted(layout.images.glob("*.tar")):
        run("ctr", "--namespace=k8s.io", "images", "import", str(archive))


def _wait_for_api(layout: Layout, network: Network) -> None:
    context = ssl.create_default_context(cafile=str(layout.pki / "ca.crt"))
    context.load_cert_chain(layout.pki / "admin.crt", layout.pki / "admin.key")

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"{network.server}/readyz", context=context, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    _wait(ready, "kube-apiserver", seconds=120)


def _wait(condition: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not ready within {seconds:.0f} s")
        time.sleep(0.05)
