"""Pods and their sidecars, as a real API server and real kubelets have them."""

import statistics
import time
from typing import Any

import pytest

from tests.e2e import world
from tests.e2e.figures import Figures
from tests.e2e.installation import Installation
from tests.e2e.kubernetes import KubectlError, Kubernetes, Object, eventually
from tests.e2e.world import World

pytestmark = pytest.mark.usefixtures("installation")


@pytest.fixture(scope="module")
def choir(installation: Installation, shared_namespace: Kubernetes) -> World:
    return world.choir(shared_namespace)


def _pod(name: str, *, labels: dict[str, str] | None = None, **changes: Any) -> Object:
    spec = world.pod_spec(["python", "choir.py", "orders"], restartPolicy="Never", **changes)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}}, "spec": spec}


def _sidecars(pod: Object) -> list[str]:
    return [each["name"] for each in pod["spec"].get("initContainers", []) if each["name"] == world.SIDECAR]


def test_an_instance_goes_through_three_apps(choir: World) -> None:
    choir.start("plain", 1, steps=2)
    assert choir.ended("plain", 1, within_s=60) == {"COMPLETED": 1}


def test_a_job_with_a_sidecar_completes(choir: World) -> None:
    job = world.job("batch", ["python", "choir.py", "start", "from-job", "1"], labels={"app": "orders"})
    choir.kubernetes.apply(job)
    choir.kubernetes.wait("job/batch", "condition=Complete", timeout_s=90)
    (pod,) = choir.kubernetes.get("pods", "--selector=job-name=batch")
    assert _sidecars(pod) == [world.SIDECAR]
    assert choir.ended("from-job", 1, within_s=60) == {"COMPLETED": 1}


def test_a_restricted_namespace_admits_pods_with_sidecars(namespace: Kubernetes) -> None:
    namespace.run("label", "namespace", namespace.namespace, "pod-security.kubernetes.io/enforce=restricted")
    made = world.choir(namespace)
    made.start("restricted", 1)
    assert made.ended("restricted", 1, within_s=60) == {"COMPLETED": 1}


def test_a_namespaces_label_gives_its_apps_sidecars_and_leaves_others_alone(namespace: Kubernetes) -> None:
    namespace.run("label", "namespace", namespace.namespace, "antiphon.dev/inject=true")
    namespace.apply(world.registration("orders"), *world.stored("db"))
    namespace.apply(
        _pod("app", labels={"app": "orders"}),
        _pod("stranger", labels={"app": "stranger"}),
        _pod("unwilling", labels={"app": "orders", "antiphon.dev/inject": "false"}),
    )
    assert {name: _sidecars(namespace.get(f"pod/{name}")) for name in ("app", "stranger", "unwilling")} == {
        "app": [world.SIDECAR],
        "stranger": [],
        "unwilling": [],
    }


def test_a_pod_of_no_app_is_refused_with_what_to_do(namespace: Kubernetes) -> None:
    with pytest.raises(KubectlError, match="AppRegistration"):
        namespace.apply(_pod("nobody", labels={"antiphon.dev/inject": "true"}))


def test_dry_run_says_what_a_pod_would_get(choir: World) -> None:
    asked = choir.kubernetes.attempt(
        "apply",
        "--dry-run=server",
        "--output=name",
        "--filename=-",
        input=world.text(_pod("dry", labels={"app": "orders", "antiphon.dev/inject": "true"})),
    )
    assert asked.returncode == 0, asked.stderr
    assert choir.kubernetes.get("pods", "--field-selector=metadata.name=dry") == []


def test_a_pod_without_a_sidecar_is_reported(choir: World) -> None:
    """It was there before its AppRegistration, say: the label is missing, and the registration's selector finds it."""
    choir.kubernetes.apply(_pod("uninjected", labels={"app": "shipping"}))

    def reported() -> bool:
        condition = choir.kubernetes.condition("appreg/shipping", "SidecarInjected")
        return condition.get("status") == "False" and "uninjected" in condition["message"]

    eventually(reported, within_s=30, what="the AppRegistration names the pod without a sidecar")
    choir.kubernetes.delete("pod/uninjected", "--grace-period=0", "--force")
    choir.kubernetes.wait("appreg/shipping", "condition=SidecarInjected", timeout_s=60)


def test_equal_apps_of_two_namespaces_never_meet(choir: World, namespace: Kubernetes) -> None:
    """Both have an app `orders`; each finds its own instances and its own workers alone."""
    other = world.choir(namespace)
    choir.start("same", 3)
    assert other.ended("same", 1, within_s=1) == {"MISSING": 1}
    other.start("same", 3)
    assert choir.ended("same", 3, within_s=60) == {"COMPLETED": 3}
    assert other.ended("same", 3, within_s=60) == {"COMPLETED": 3}


def test_a_sidecar_adds_little_to_the_start_of_a_pod(choir: World, figures: Figures) -> None:
    plain = [_ready_s(choir.kubernetes, f"plain-{number}", {"app": "none"}) for number in range(3)]
    injected = [
        _ready_s(choir.kubernetes, f"injected-{number}", {"app": "orders", "antiphon.dev/inject": "true"})
        for number in range(3)
    ]
    added = statistics.median(injected) - statistics.median(plain)
    figures.note("a pod's start: without and with sidecar", f"{statistics.median(plain):.1f} s, +{added:.1f} s")
    assert added < 20


def _ready_s(kubernetes: Kubernetes, name: str, labels: dict[str, str]) -> float:
    began = time.monotonic()
    kubernetes.apply(_pod(name, labels=labels))
    kubernetes.wait(f"pod/{name}", "condition=Ready", timeout_s=90)
    took = time.monotonic() - began
    kubernetes.delete(f"pod/{name}", "--grace-period=0", "--force", wait=False)
    return took
