"""Something is killed while instances run: all of them finish."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.e2e import world
from tests.e2e.installation import RELEASE, Installation
from tests.e2e.kubernetes import KubectlError, Kubernetes, Object, eventually
from tests.e2e.nodes import Nodes
from tests.e2e.world import World

INSTANCES = 20
#: Each charges this often, so that all of them are under way when something dies.
STEPS = 4
STEP_S = 0.3
FINISHED_S = 120.0
_numbers = itertools.count()


@pytest.fixture(scope="module")
def choir(installation: Installation, shared_namespace: Kubernetes) -> World:
    return world.choir(shared_namespace, replicas=2)


@pytest.fixture
def running(choir: World) -> Iterator[World]:
    """Twenty instances under way; at the end of the test all of them must have finished, and all pods be ready."""
    prefix = f"killed-{next(_numbers)}"
    choir.start(prefix, INSTANCES, steps=STEPS, seconds=STEP_S)
    yield choir
    assert choir.ended(prefix, INSTANCES, within_s=FINISHED_S) == {"COMPLETED": INSTANCES}
    choir.ready()


def test_a_sidecar_is_killed(running: World, nodes: Nodes) -> None:
    (pod, *_) = running.pods("payments")
    before = world.sidecar(pod)
    nodes.kill(pod, world.SIDECAR)
    _restarted(running.kubernetes, pod, lambda now: world.sidecar(now)["restartCount"] > before["restartCount"])


def test_the_sidecars_of_an_app_are_killed(running: World, nodes: Nodes) -> None:
    for pod in running.pods("orders"):
        nodes.kill(pod, world.SIDECAR)


def test_an_app_process_is_killed(running: World, nodes: Nodes) -> None:
    (pod, *_) = running.pods("payments")
    nodes.kill(pod, "app")


def test_a_pod_is_deleted_without_notice(running: World) -> None:
    (pod, *_) = running.pods("payments")
    running.kubernetes.delete("pod", pod["metadata"]["name"], "--grace-period=0", "--force")


def test_all_pods_of_an_app_are_deleted(running: World) -> None:
    running.kubernetes.delete("pods", "--selector=app=payments", "--grace-period=0", "--force")


def test_all_pods_of_the_app_that_has_the_workflow_are_deleted(running: World) -> None:
    running.kubernetes.delete("pods", "--selector=app=orders", "--grace-period=0", "--force")
    running.kubernetes.rolled_out("deployment/orders")


def test_the_operator_is_killed(running: World, installation: Installation, nodes: Nodes) -> None:
    leader = eventually(installation.leader, within_s=30, what="an operator leads")
    pods = {pod["metadata"]["name"]: pod for pod in installation.pods("operator")}
    nodes.kill(pods[leader], "operator")
    installation.system.rolled_out(f"deployment/{RELEASE}-operator")


def test_etcd_is_killed(running: World, installation: Installation, nodes: Nodes) -> None:
    (pod,) = installation.pods("etcd")
    nodes.kill(pod, "etcd")
    installation.system.rolled_out(f"statefulset/{RELEASE}-etcd")


def test_etcd_loses_its_data(running: World, installation: Installation) -> None:
    installation.system.delete("pod", f"{RELEASE}-etcd-0", "--grace-period=0", "--force")
    installation.system.rolled_out(f"statefulset/{RELEASE}-etcd")


def test_the_database_is_killed(running: World, nodes: Nodes) -> None:
    (pod,) = running.kubernetes.get("pods", "--selector=database=db")
    nodes.kill(pod, "postgres")
    running.kubernetes.rolled_out("statefulset/db")


def test_the_webhook_is_away(running: World, installation: Installation) -> None:
    """No pod that asks for a sidecar starts without one meanwhile; pods that do not ask are not concerned."""
    webhook = f"deployment/{RELEASE}-webhook"
    installation.system.run("scale", webhook, "--replicas=0")
    installation.system.wait("pods", "delete", timeout_s=60, others=("--selector=app.kubernetes.io/component=webhook",))
    try:
        plain = world.pod_spec(["true"], restartPolicy="Never")
        running.kubernetes.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "plain"}, "spec": plain})
        asking = {"name": "asking", "labels": {"antiphon.dev/inject": "true", "app": "orders"}}
        with pytest.raises(KubectlError, match=r"inject\.antiphon\.dev"):
            running.kubernetes.apply({"apiVersion": "v1", "kind": "Pod", "metadata": asking, "spec": plain})
    finally:
        installation.system.run("scale", webhook, "--replicas=2")
        installation.system.rolled_out(webhook)


def _restarted(kubernetes: Kubernetes, pod: Object, done: Callable[[Object], bool]) -> None:
    name = pod["metadata"]["name"]
    eventually(lambda: done(kubernetes.get(f"pod/{name}")), within_s=60, what=f"a container of {name} is started again")
