"""From a pod and what it gets to the operations of a JSON patch (RFC 6902)."""

from collections.abc import Mapping, Sequence
from typing import Any

from antiphon_names import labels as names
from antiphon_operator.injection.outcomes import Operation
from antiphon_operator.injection.pods import Pod
from antiphon_operator.injection.sidecar import Addition


def injecting(pod: Pod, addition: Addition, *, app_id: str, version: str) -> list[Operation]:
    """Return what gives a pod its sidecar.

    The variables come first, as their paths are those of the pod before the sidecar takes the first place of
    `initContainers`: what stands behind it can use it.
    """
    volumes = [volume for volume in addition.volumes if volume["name"] not in pod.volumes]
    annotations = {
        names.APP_ID: app_id,
        names.SIDECAR_VERSION: version,
        names.CONFIG_DIGEST: addition.digest(),
    }
    return [
        *completing(pod, addition.app_env),
        *_first("/spec/initContainers", addition.container, into=pod.init_containers),
        *_last("/spec/volumes", volumes, there=bool(pod.volumes)),
        *_keys("/metadata/labels", {names.INJECTED: "true"}, pod.labels),
        *_keys("/metadata/annotations", annotations, pod.annotations),
    ]


def completing(pod: Pod, env: Sequence[Mapping[str, Any]]) -> list[Operation]:
    """Return what gives all of a pod's containers but its sidecar the variables that they lack."""
    return [
        operation
        for path, container in pod.all_containers()
        if container.get("name") != names.SIDECAR_CONTAINER
        for operation in _last(f"{path}/env", _lacking(container, env), there=bool(container.get("env")))
    ]


def _lacking(container: Mapping[str, Any], env: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    # A variable that the pod's author has set is meant.
    own = {variable.get("name") for variable in container.get("env") or ()}
    return [variable for variable in env if variable["name"] not in own]


def _first(path: str, value: Mapping[str, Any], *, into: Sequence[Mapping[str, Any]]) -> list[Operation]:
    return [_add(f"{path}/0", value) if into else _add(path, [value])]


def _last(path: str, values: Sequence[Mapping[str, Any]], *, there: bool) -> list[Operation]:
    if not there:
        return [_add(path, list(values))] if values else []
    return [_add(f"{path}/-", value) for value in values]


def _keys(path: str, values: Mapping[str, str], present: Mapping[str, str]) -> list[Operation]:
    if not present:
        return [_add(path, dict(values))]
    return [
        _add(f"{path}/{_escaped(key)}", value) for key, value in sorted(values.items()) if present.get(key) != value
    ]


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _add(path: str, value: object) -> Operation:
    return {"op": "add", "path": path, "value": value}
