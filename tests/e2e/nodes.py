"""What a test does to nodes from outside: kill a container's process, or a node."""

import subprocess
from collections.abc import Sequence
from typing import Protocol

from tests.e2e.cluster.local import Cluster
from tests.e2e.kubernetes import Object

RUN_TIMEOUT_S = 60


class Nodes(Protocol):
    """Reaches the inside of nodes."""

    def run(self, node: str, *command: str) -> str:
        """Run a command in a node and return what it printed."""
        ...

    def kill(self, pod: Object, container: str) -> None:
        """Send SIGKILL to the first process of a pod's container."""
        ...

    def cut_power(self, node: str) -> None:
        """Kill everything in a node at once; it comes back by itself."""
        ...


class LocalNodes:
    """Nodes of plain processes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def run(self, node: str, *command: str) -> str:
        return _output(self._cluster.entering(node, command))

    def kill(self, pod: Object, container: str) -> None:
        self.run(pod["spec"]["nodeName"], *_killing(pod, container))

    def cut_power(self, node: str) -> None:
        self._cluster.nodes()[node].kill()


class KindNodes:
    """Nodes that are containers."""

    def run(self, node: str, *command: str) -> str:
        return _output(["docker", "exec", node, *command])

    def kill(self, pod: Object, container: str) -> None:
        self.run(pod["spec"]["nodeName"], *_killing(pod, container))

    def cut_power(self, node: str) -> None:
        _output(["docker", "kill", "--signal=KILL", node])
        _output(["docker", "start", node])


def _killing(pod: Object, container: str) -> list[str]:
    status = pod["status"]
    statuses = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    (identity,) = [each["containerID"] for each in statuses if each["name"] == container]
    return ["ctr", "--namespace=k8s.io", "tasks", "kill", "--signal=SIGKILL", identity.removeprefix("containerd://")]


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout
