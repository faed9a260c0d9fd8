"""Level `restricted` of the Pod Security Standards, as far as it concerns pods on Linux: what a pod breaks of it."""

from collections.abc import Iterator
from typing import Any

_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
_SECCOMP = {"RuntimeDefault", "Localhost"}


def violations(pod: dict[str, Any]) -> list[str]:
    """Return what the level forbids in a pod."""
    return [*_of_pod(pod["spec"]), *(text for each in _containers(pod) for text in _of_container(each, pod["spec"]))]


def _containers(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        yield from pod["spec"].get(kind, ())


def _of_pod(spec: dict[str, Any]) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield field
    for volume in spec.get("volumes", ()):
        for kind in volume.keys() - {"name"} - _VOLUMES:
            yield f"volume {volume['name']} of type {kind}"


def _of_container(container: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    own = container.get("securityContext") or {}
    pods = spec.get("securityContext") or {}
    name = container["name"]
    capabilities = own.get("capabilities") or {}
    broken = {
        "privileged": own.get("privileged", False),
        "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is not False,
        "capabilities.drop": "ALL" not in capabilities.get("drop", ()),
        "capabilities.add": bool(set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}),
        "runAsNonRoot": own.get("runAsNonRoot", pods.get("runAsNonRoot")) is not True,
        "runAsUser": own.get("runAsUser", pods.get("runAsUser")) == 0,
        "seccompProfile": (own.get("seccompProfile") or pods.get("seccompProfile") or {}).get("type") not in _SECCOMP,
        "procMount": own.get("procMount", "Default") != "Default",
        "hostPort": any(port.get("hostPort") for port in container.get("ports", ())),
        "probe host": any(_asks_another_host(container, probe) for probe in ("startup", "liveness", "readiness")),
    }
    yield from (f"{name}: {what}" for what, breaks in broken.items() if breaks)


def _asks_another_host(container: dict[str, Any], probe: str) -> bool:
    return bool((container.get(f"{probe}Probe") or {}).get("httpGet", {}).get("host"))
