"""A pod as admission gets it: what the decision looks at, read once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from antiphon_names import labels as names

_MIRROR = "kubernetes.io/config.mirror"
_OS_LABEL = "kubernetes.io/os"
_WINDOWS = "windows"


@dataclass(frozen=True, slots=True)
class Pod:
    """A view of a pod; `name` is for people, since pods of controllers have none yet."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    service_account: str
    host_network: bool
    mirror: bool
    windows: bool
    containers: Sequence[Mapping[str, Any]]
    init_containers: Sequence[Mapping[str, Any]]
    volumes: frozenset[str]

    @property
    def has_sidecar(self) -> bool:
        """Say whether some container has the sidecar's name."""
        return any(container.get("name") == names.SIDECAR_CONTAINER for _, container in self.all_containers())

    def all_containers(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield init containers, then containers, each with its path in the pod."""
        for index, container in enumerate(self.init_containers):
            yield f"/spec/initContainers/{index}", container
        for index, container in enumerate(self.containers):
            yield f"/spec/containers/{index}", container


def read(found: Mapping[str, Any]) -> Pod:
    """Read a pod."""
    metadata: Mapping[str, Any] = found.get("metadata") or {}
    spec: Mapping[str, Any] = found.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    system = (spec.get("os") or {}).get("name") or (spec.get("nodeSelector") or {}).get(_OS_LABEL)
    return Pod(
        name=metadata.get("name") or f"{metadata.get('generateName', '')}*",
        labels=metadata.get("labels") or {},
        annotations=annotations,
        service_account=spec.get("serviceAccountName") or spec.get("serviceAccount") or "default",
        host_network=bool(spec.get("hostNetwork")),
        mirror=_MIRROR in annotations,
        windows=system == _WINDOWS,
        containers=spec.get("containers") or (),
        init_containers=spec.get("initContainers") or (),
        volumes=frozenset(str(volume.get("name")) for volume in spec.get("volumes") or ()),
    )
