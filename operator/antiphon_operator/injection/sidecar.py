"""What a pod gets: the container that is its sidecar, the volumes of that, and variables for the app's containers.

Every variable is one that `antiphon sidecar` reads; a test holds the two together.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from antiphon_names import labels
from antiphon_operator.injection.overrides import Wanted
from antiphon_operator.injection.resources import StateStore
from antiphon_operator.injection.settings import InjectionSettings, Ports

TOKEN_AUDIENCE = "antiphon.dev"
_TOKEN_LIFE_S = 3600

_SECRETS = "/var/run/secrets/antiphon.dev"
_TMP = "/tmp"
#: Readable for all, because files of volumes belong to root and the sidecar does not run as root; only it mounts them.
_READABLE = 0o444
_USER = 65532

#: Names of ports have 15 characters at most.
_METRICS_PORT = "antiphon-metric"


@dataclass(frozen=True, slots=True)
class Addition:
    """All that is put into a pod, as JSON; `app_env` goes to each of its other containers."""

    container: Mapping[str, Any]
    volumes: Sequence[Mapping[str, Any]]
    app_env: Sequence[Mapping[str, Any]]

    def digest(self) -> str:
        """Return a short digest of the sidecar's configuration: equal ones are equal."""
        content = json.dumps([self.container, self.volumes], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def addition(app_id: str, store: StateStore, *, wanted: Wanted, settings: InjectionSettings) -> Addition:
    """Return what a pod of this app gets."""
    volumes = _volumes(store, settings)
    return Addition(_container(app_id, store, wanted, settings), volumes, app_env(app_id, wanted.ports))


def app_env(app_id: str, ports: Ports) -> Sequence[Mapping[str, Any]]:
    """Return the variables by which SDKs find their sidecar: Dapr's names, and our own."""
    return [
        {"name": "DAPR_GRPC_PORT", "value": str(ports.grpc)},
        {"name": "DAPR_HTTP_PORT", "value": str(ports.http)},
        {"name": "DAPR_GRPC_ENDPOINT", "value": f"http://127.0.0.1:{ports.grpc}"},
        {"name": "ANTIPHON_GRPC_PORT", "value": str(ports.grpc)},
        {"name": "ANTIPHON_APP_ID", "value": app_id},
    ]


def _container(app_id: str, store: StateStore, wanted: Wanted, settings: InjectionSettings) -> Mapping[str, Any]:
    return {
        "name": labels.SIDECAR_CONTAINER,
        "image": settings.image,
        "imagePullPolicy": settings.pull_policy,
        # Runs beside the app from before its start until after its end, and does not keep a Job from completing.
        "restartPolicy": "Always",
        "args": ["sidecar"],
        "env": _env(app_id, store, wanted, settings),
        "ports": [
            {"name": labels.PEER_PORT_NAME, "containerPort": wanted.ports.peer, "protocol": "TCP"},
            {"name": _METRICS_PORT, "containerPort": wanted.ports.metrics, "protocol": "TCP"},
        ],
        **_probes(wanted.ports.metrics),
        "resources": {kind: dict(amounts) for kind, amounts in wanted.resources.items()},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsGroup": _USER,
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(settings),
    }


def _env(app_id: str, store: StateStore, wanted: Wanted, settings: InjectionSettings) -> list[Mapping[str, Any]]:
    values = {
        "ANTIPHON_APP_ID": app_id,
        "ANTIPHON_REGISTRY": settings.registry,
        "ANTIPHON_STORE_FILE": f"{_SECRETS}/store/url",
        "ANTIPHON_STORE_SCHEMA": store.schema,
        "ANTIPHON_STORE_POOL_SIZE": str(store.pool_size),
        "ANTIPHON_ETCD": settings.etcd,
        "ANTIPHON_GRPC_PORT": str(wanted.ports.grpc),
        "ANTIPHON_HTTP_PORT": str(wanted.ports.http),
        "ANTIPHON_PEER_PORT": str(wanted.ports.peer),
        "ANTIPHON_METRICS_PORT": str(wanted.ports.metrics),
        "ANTIPHON_LOG_LEVEL": wanted.log_level,
        "ANTIPHON_LOG_FORMAT": settings.log_format,
        # The root file system is read-only.
        "HOME": _TMP,
        "TMPDIR": _TMP,
    }
    if settings.etcd_credentials_secret:
        values["ANTIPHON_ETCD_CREDENTIALS"] = f"{_SECRETS}/etcd"
    fields = {
        "POD_NAME": "metadata.name",
        "POD_UID": "metadata.uid",
        "POD_IP": "status.podIP",
        # Not a value: a pod that is restored into another namespace belongs to that.
        "ANTIPHON_NAMESPACE": "metadata.namespace",
        "ANTIPHON_PEER_ADDRESS": "status.podIP",
    }
    return [
        *({"name": name, "valueFrom": {"fieldRef": _field(path)}} for name, path in fields.items()),
        *({"name": name, "value": value} for name, value in values.items()),
    ]


def _field(path: str) -> Mapping[str, str]:
    # The version is what the API server would add; without it every comparison of a live pod would differ.
    return {"apiVersion": "v1", "fieldPath": path}


def _probes(port: int) -> Mapping[str, Any]:
    def asked(path: str, **timing: int) -> Mapping[str, Any]:
        return {"httpGet": {"path": path, "port": port, "scheme": "HTTP"}, "timeoutSeconds": 3, **timing}

    return {
        # A sidecar waits for a store that does not answer. Restarting it would only add the pauses between restarts.
        "startupProbe": asked("/startupz", periodSeconds=1, failureThreshold=1800),
        "livenessProbe": asked("/livez", periodSeconds=10, failureThreshold=6),
        "readinessProbe": asked("/readyz", periodSeconds=5, failureThreshold=3),
    }


def _mounts(settings: InjectionSettings) -> list[Mapping[str, Any]]:
    mounts: list[Mapping[str, Any]] = [
        {"name": "antiphon-store", "mountPath": f"{_SECRETS}/store", "readOnly": True},
        {"name": "antiphon-token", "mountPath": f"{_SECRETS}/token", "readOnly": True},
        {"name": "antiphon-tmp", "mountPath": _TMP},
    ]
    if settings.etcd_credentials_secret:
        mounts.insert(1, {"name": "antiphon-etcd", "mountPath": f"{_SECRETS}/etcd", "readOnly": True})
    return mounts


def _volumes(store: StateStore, settings: InjectionSettings) -> list[Mapping[str, Any]]:
    token = {"audience": TOKEN_AUDIENCE, "expirationSeconds": _TOKEN_LIFE_S, "path": "token"}
    volumes: list[Mapping[str, Any]] = [
        {
            "name": "antiphon-store",
            "secret": {
                "secretName": store.secret,
                "items": [{"key": store.key, "path": "url"}],
                "defaultMode": _READABLE,
            },
        },
        {
            "name": "antiphon-token",
            "projected": {"sources": [{"serviceAccountToken": token}], "defaultMode": _READABLE},
        },
        {"name": "antiphon-tmp", "emptyDir": {"sizeLimit": "64Mi"}},
    ]
    if settings.etcd_credentials_secret:
        secret = {"secretName": settings.etcd_credentials_secret, "defaultMode": _READABLE}
        volumes.insert(1, {"name": "antiphon-etcd", "secret": secret})
    return volumes
