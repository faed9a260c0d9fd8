"""What users read when they create pods and resources, from a real API server that asks the webhook."""

from typing import Any

import pytest

from tests.e2e import world
from tests.e2e.installation import Installation
from tests.e2e.kubernetes import KubectlError, Kubernetes, Object, eventually

pytestmark = pytest.mark.usefixtures("installation")

SEEN_S = 30.0


def _asking_pod(name: str, **annotations: str) -> Object:
    metadata = {"name": name, "labels": {"app": "orders", "antiphon.dev/inject": "true"}, "annotations": annotations}
    spec = world.pod_spec(["python", "choir.py", "orders"], restartPolicy="Never")
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _said(kubernetes: Kubernetes, found: Object, *options: str) -> str:
    """Apply something; return all that kubectl says about it, also when it is refused."""
    done = kubernetes.attempt("apply", "--filename=-", *options, input=world.text(found))
    return done.stdout + done.stderr


def _changed(found: Object, **spec: Any) -> Object:
    return {**found, "spec": {**found["spec"], **spec}}


def test_a_replicaset_shows_why_its_pods_are_refused_and_goes_on_when_that_is_mended(namespace: Kubernetes) -> None:
    namespace.apply(world.deployment("orders"))

    def shown() -> bool:
        messages = [event["message"] for event in namespace.events(kind="ReplicaSet")]
        return any("AN630 AppRegistrationMissing: pod orders-" in message for message in messages)

    eventually(shown, within_s=SEEN_S, what="the event of the ReplicaSet says what is missing")
    namespace.apply(*world.stored("db"), world.registration("orders"))
    namespace.run("rollout", "restart", "deployment/orders")

    def injected() -> bool:
        pods = namespace.get("pods", "--selector=app=orders,antiphon.dev/injected=true")
        return any(pod["metadata"]["annotations"]["antiphon.dev/app-id"] == "orders" for pod in pods)

    eventually(injected, within_s=SEEN_S, what="a pod has its sidecar")


def test_a_pod_may_be_applied_together_with_its_registration(namespace: Kubernetes) -> None:
    namespace.apply(*world.stored("db"), world.registration("orders"), _asking_pod("together"))
    assert namespace.get("pod/together")["spec"]["initContainers"][0]["name"] == world.SIDECAR


@pytest.mark.parametrize("options", [(), ("--dry-run=server",)], ids=["apply", "dry run"])
def test_what_can_never_be_right_is_refused(namespace: Kubernetes, options: tuple[str, ...]) -> None:
    namespace.apply(world.workflow(input={"type": "object", "required": ["steps"]}))
    schedule = world.schedule("nightly", "0 3 * * *")
    for found, code in (
        (world.run("no-steps", input={"step": 1}), "AN644 RunInputInvalid"),
        (_changed(schedule, timeZone="Europe/Berlni"), "AN642 TimeZoneUnknown"),
        (_changed(schedule, schedule="0 0 31 2 *"), "AN643 ScheduleInvalid"),
        (world.workflow("broken", input={"type": "strin"}), "AN640 SchemaInvalid"),
        (_asking_pod("nobody", **{"antiphon.dev/app-id": "order"}), "AN632 AppNotDeclared"),
    ):
        assert code in _said(namespace, found, *options)


def test_what_may_become_right_is_a_warning(namespace: Kubernetes) -> None:
    said = _said(namespace, world.workflow(), "--dry-run=server")
    assert "Warning: AN103 TargetAppNotFound: spec.entry names app" in said
    said = _said(namespace, world.registration("orders", store="nowhere"), "--dry-run=server")
    assert "Warning: AN635 StateStoreMissing" in said


def test_a_path_that_the_webhook_does_not_know_lets_no_pod_pass(
    namespace: Kubernetes, installation: Installation
) -> None:
    """A configuration with a typo in its path, for this namespace alone."""
    names = [each["metadata"]["name"] for each in namespace.get("mutatingwebhookconfigurations")]
    (ours,) = [namespace.get(f"mutatingwebhookconfiguration/{name}") for name in names if "antiphon" in name]
    webhook = ours["webhooks"][0]
    webhook["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": namespace.namespace}}
    webhook["clientConfig"]["service"]["path"] = "/mutate/pod"
    typo = {"metadata": {"name": namespace.namespace}, "webhooks": [webhook]}
    namespace.apply({"apiVersion": ours["apiVersion"], "kind": ours["kind"], **typo})
    try:
        namespace.apply(*world.stored("db"), world.registration("orders"))

        def refused() -> bool:
            with pytest.raises(KubectlError, match="failed calling webhook"):
                namespace.apply(_asking_pod("typo"))
            return True

        eventually(refused, within_s=SEEN_S, what="the pod is refused")
    finally:
        namespace.delete(f"mutatingwebhookconfiguration/{namespace.namespace}")
