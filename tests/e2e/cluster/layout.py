"""What all parts of the cluster agree on: names, addresses and where its files lie."""

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

CLUSTER_DOMAIN = "cluster.local"
PAUSE_IMAGE = "docker.io/antiphon/pause:1"
API_PORT = 6443


@dataclass(frozen=True)
class Node:
    """One node. The first also runs the control plane and routes between the machine and the other nodes."""

    number: int
    prefix: ipaddress.IPv4Network

    @property
    def name(self) -> str:
        return f"node-{self.number}"

    @property
    def uplink(self) -> str:
        """The other end of its link: this machine for the first node, the first node for the others."""
        return str(self.prefix[4 * (self.number - 1) + 1])

    @property
    def address(self) -> str:
        return str(self.prefix[4 * (self.number - 1) + 2])

    @property
    def pods(self) -> str:
        return f"{self.prefix[(16 + self.number) << 8]}/24"


@dataclass(frozen=True)
class Network:
    """Nodes and addresses of the cluster, all within one private /16 that exists only on this machine."""

    prefix: ipaddress.IPv4Network
    size: int

    @classmethod
    def from_environment(cls) -> "Network":
        prefix = os.environ.get("ANTIPHON_CLUSTER_NETWORK", "10.213.0.0/16")
        return cls(ipaddress.IPv4Network(prefix), int(os.environ.get("ANTIPHON_CLUSTER_NODES", "2")))

    @property
    def nodes(self) -> list[Node]:
        return [Node(number, self.prefix) for number in range(1, self.size + 1)]

    @property
    def first(self) -> Node:
        return self.nodes[0]

    @property
    def host(self) -> str:
        """This machine, as seen from the nodes and their pods."""
        return self.first.uplink

    @property
    def pods(self) -> str:
        return f"{self.prefix[16 << 8]}/20"

    @property
    def services(self) -> str:
        return f"{self.prefix[2 << 8]}/24"

    @property
    def api_service(self) -> str:
        """The first service address always belongs to the API server."""
        return str(ipaddress.IPv4Network(self.services)[1])

    @property
    def server(self) -> str:
        return f"https://{self.first.address}:{API_PORT}"


@dataclass(frozen=True)
class NodeFiles:
    """Files of one node."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def var(self) -> Path:
        """Becomes /var inside the node."""
        return self.root / "var"

    @property
    def logs(self) -> Path:
        return self.root / "logs"


@dataclass(frozen=True)
class Layout:
    """Files of one cluster below one directory; removing the directory forgets the cluster."""

    root: Path
    binaries: Path

    @classmethod
    def default(cls, binaries: Path) -> "Layout":
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return cls(Path(state) / "antiphon" / "cluster", binaries)

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def process(self) -> Path:
        """Identifies the running cluster's outermost process."""
        return self.root / "process.json"

    @property
    def log(self) -> Path:
        """What went wrong before the components had logs of their own."""
        return self.root / "cluster.log"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def images(self) -> Path:
        """Image archives that every node imports when it starts."""
        return self.root / "images"

    def node(self, node: Node) -> NodeFiles:
        return NodeFiles(self.root / node.name)

    def create(self, network: Network) -> None:
        directories = [self.pki, self.images]
        for files in map(self.node, network.nodes):
            directories += [files.config, files.var, files.logs]
        for directory in directories:
            directory.mkdir(parents=True)
