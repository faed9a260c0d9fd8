"""The local cluster's command line; `make cluster` and `make cluster-down` call it.

Usage::

    python -m tests.e2e.cluster up           build what is missing, start, wait until the nodes are ready
    python -m tests.e2e.cluster down         kill everything and remove every trace
    python -m tests.e2e.cluster status       processes, memory and readiness
    python -m tests.e2e.cluster load TAR...  import image archives into every node
    python -m tests.e2e.cluster exec CMD...  run a command inside a node (--node node-2 before it)
"""

import argparse
import sys
import time
from pathlib import Path

from tests.e2e.cluster import node
from tests.e2e.cluster.local import Cluster, ClusterError


def main() -> None:
    arguments = _parser().parse_args()
    cluster = Cluster.default()
    match arguments.command:
        case "_node":
            node.main(cluster.layout, cluster.network, cluster.network.nodes[arguments.number - 1])
        case "_attach":
            node.attach(cluster.network.nodes[arguments.number - 1])
        case "up":
            started = time.monotonic()
            cluster.up()
            print(f"ready after {time.monotonic() - started:.1f} s\nexport KUBECONFIG={cluster.kubeconfig}")
        case "down":
            cluster.down()
        case "load":
            for archive in arguments.archives:
                cluster.load(archive)
        case "exec":
            cluster.become(arguments.node, arguments.words)
        case "status":
            _print_status(cluster)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.e2e.cluster", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("up", "down", "status"):
        commands.add_parser(name)
    for name in ("_node", "_attach"):  # what the cluster runs inside
        commands.add_parser(name).add_argument("number", type=int)
    commands.add_parser("load").add_argument("archives", nargs="+", type=Path)
    execute = commands.add_parser("exec")
    execute.add_argument("--node", default="node-1")
    execute.add_argument("words", nargs=argparse.REMAINDER)
    return parser


def _print_status(cluster: Cluster) -> None:
    if not cluster.running():
        sys.exit("no cluster is running")
    for name, component, process in cluster.processes():
        print(f"{name:8} {component:24} {process.pid:>8} {process.resident() / 2**20:8.1f} MiB")
    print(cluster.kubectl("get", "nodes,pods", "--all-namespaces", "--output=wide"), end="")


if __name__ == "__main__":
    try:
        main()
    except ClusterError as error:
        sys.exit(f"error: {error}")
