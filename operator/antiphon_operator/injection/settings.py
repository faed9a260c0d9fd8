"""What every injected sidecar gets unless its app or its pod says otherwise: read once, when the webhook starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

#: Requests and limits, as a container holds them. No limit of the CPU: throttling delays turns and saves nothing.
Resources = Mapping[str, Mapping[str, str]]

_RESOURCES: Resources = MappingProxyType(
    {
        "requests": MappingProxyType({"cpu": "50m", "memory": "96Mi"}),
        "limits": MappingProxyType({"memory": "256Mi"}),
    }
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a sidecar listens: `grpc` and `http` on loopback for its app, the others at the pod's address."""

    grpc: int = 50001
    http: int = 3500
    peer: int = 50002
    metrics: int = 9095

    def taken(self) -> Mapping[int, str]:
        """Return what each port is for."""
        return {
            self.grpc: "gRPC for the app",
            self.http: "HTTP for the app",
            self.peer: "other sidecars",
            self.metrics: "metrics and probes",
        }


@dataclass(frozen=True, slots=True)
class InjectionSettings:
    """What the injector is told by its flags."""

    #: Image of the sidecar, tag or digest included.
    image: str
    #: Release of the sidecar, noted on the pod.
    version: str
    #: etcd's endpoints, as the sidecar takes them.
    etcd: str
    #: Secret in each app's namespace with ca.crt, tls.crt, tls.key, username, password, or some of them.
    etcd_credentials_secret: str | None = None
    pull_policy: str = "IfNotPresent"
    registry: str = "operator"
    log_level: str = "info"
    log_format: str = "json"
    resources: Resources = field(default_factory=lambda: _RESOURCES)
    ports: Ports = field(default_factory=Ports)
    #: Whether the cluster runs init containers that go on beside the app, as those from 1.29 do; its version.
    native_sidecars: bool = True
    server_version: str = ""
