"""The release is taken away and put back, by the other major of Helm; apps do not notice."""

import pytest

from tests import helm
from tests.e2e import world
from tests.e2e.installation import Installation
from tests.e2e.kubernetes import Kubernetes, eventually


@pytest.fixture
def other(installation: Installation) -> Installation:
    """The same installation by Helm's other major."""
    (major,) = set(helm.MAJORS) - {installation.major}
    return Installation(installation.cluster, major)


def test_uninstalling_leaves_nothing_in_the_way_and_installing_again_goes_on(
    other: Installation, namespace: Kubernetes
) -> None:
    choir = world.choir(namespace)
    namespace.apply(world.run("held", deletionPolicy="Terminate"))
    namespace.wait("awfrun/held", "condition=Succeeded", timeout_s=90)
    other.uninstall()
    try:
        assert _of_ours(other.cluster, "mutatingwebhookconfigurations,validatingwebhookconfigurations") == []
        assert _of_ours(other.cluster, "clusterroles,clusterrolebindings") == []
        # Pods are given their time to end.
        eventually(lambda: _left(other.system) == [], within_s=60, what="nothing of the release is left")
        # What asked for a sidecar is refused nowhere, and our objects can be changed and deleted.
        asking = {"name": "asking", "labels": {"antiphon.dev/inject": "true", "app": "orders"}}
        spec = world.pod_spec(["true"], restartPolicy="Never")
        namespace.apply({"apiVersion": "v1", "kind": "Pod", "metadata": asking, "spec": spec})
        namespace.delete("awfrun/held")
        assert namespace.get("awfrun/held", "--ignore-not-found") == []
        # Sidecars that run need neither operator nor, for what they own, etcd.
        choir.start("alone", 3)
        assert choir.ended("alone", 3, within_s=60) == {"COMPLETED": 3}
    finally:
        other.install()
    namespace.wait("awf/fulfil", "condition=Ready", timeout_s=60)
    choir.start("again", 3)
    assert choir.ended("again", 3, within_s=60) == {"COMPLETED": 3}


def _left(system: Kubernetes) -> list[str]:
    found = system.get("pods,jobs,secrets,configmaps", "--selector=app.kubernetes.io/part-of=antiphon")
    return [each["metadata"]["name"] for each in found]


def _of_ours(cluster: Kubernetes, kinds: str) -> list[str]:
    found = cluster.get(kinds, "--selector=app.kubernetes.io/part-of=antiphon")
    return [each["metadata"]["name"] for each in found]
