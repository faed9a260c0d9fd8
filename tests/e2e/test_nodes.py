"""Nodes go: drained, or without their power. Needs two of them."""

import pytest

from tests.e2e import world
from tests.e2e.installation import RELEASE, Installation
from tests.e2e.kubernetes import Kubernetes, eventually
from tests.e2e.nodes import Nodes
from tests.e2e.world import World


@pytest.fixture(scope="module")
def second(cluster: Kubernetes) -> str:
    """A node that does not carry the control plane."""
    nodes = cluster.get("nodes")
    if len(nodes) < 2:
        pytest.skip("the cluster has one node")
    return str(nodes[-1]["metadata"]["name"])


@pytest.fixture(scope="module")
def choir(installation: Installation, shared_namespace: Kubernetes, second: str) -> World:
    """Apps on both nodes, with the database on the one that stays."""
    return world.choir(shared_namespace, replicas=2, database_avoids=second)


def test_a_node_is_drained_under_load(
    choir: World, installation: Installation, cluster: Kubernetes, second: str
) -> None:
    choir.start("drained", 20, steps=4, seconds=0.3)
    try:
        options = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s")
        cluster.run("drain", second, *options, timeout_s=150)
        assert choir.ended("drained", 20, within_s=120) == {"COMPLETED": 20}
        left = cluster.get("pods", "--all-namespaces", f"--field-selector=spec.nodeName={second}")
        assert [pod["metadata"]["name"] for pod in left] == []
    finally:
        cluster.run("uncordon", second)
    for component in ("operator", "webhook"):
        installation.system.rolled_out(f"deployment/{RELEASE}-{component}")
    choir.ready()


def test_a_node_loses_its_power_under_load(choir: World, nodes: Nodes, cluster: Kubernetes, second: str) -> None:
    # Pods of both apps on the node that is lost.
    for app in choir.apps:
        choir.kubernetes.run("rollout", "restart", f"deployment/{app}")
    choir.ready()
    choir.start("dark", 20, steps=4, seconds=0.3)
    nodes.cut_power(second)
    assert choir.ended("dark", 20, within_s=120, not_from=second) == {"COMPLETED": 20}
    cluster.wait(f"node/{second}", "condition=Ready", timeout_s=120)
    eventually(lambda: all(map(world.ready, choir.kubernetes.get("pods"))), within_s=120, what="all pods are ready")
