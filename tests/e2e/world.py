"""Apps of the tests in a namespace: a database, its StateStore, and apps with their AppRegistrations."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.e2e.kubernetes import Kubernetes, Object
from tests.e2e.standins import POSTGRES, VERSION

APPS_IMAGE = f"antiphon/e2e-apps:{VERSION}"
SIDECAR = "antiphon-sidecar"
PASSWORD = "not-a-secret"
READY_S = 120.0
_LOCKED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}

#: What the apps of apps/choir.py have.
OFFERS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "orders": {"workflows": ["fulfil"]},
    "payments": {"activities": ["charge"]},
    "shipping": {"workflows": ["ship"], "activities": ["pack"]},
}
CALLS = (
    {"appId": "payments", "activity": "charge"},
    {"appId": "shipping", "workflow": "ship"},
)


@dataclass(slots=True)
class World:
    """What a test has put into its namespace."""

    kubernetes: Kubernetes
    apps: list[str] = field(default_factory=list)

    def database(self, name: str = "db", *, avoids: str | None = None) -> None:
        """Run PostgreSQL, on any node but the one it avoids, with its StateStore and the Secret that this names."""
        self.kubernetes.apply(*database(name, avoids=avoids))
        self.store(name, database=name)
        self.kubernetes.rolled_out(f"statefulset/{name}", timeout_s=READY_S)

    def store(self, name: str, *, database: str) -> None:
        """Declare a StateStore on a database; two may name the same."""
        self.kubernetes.apply(*stored(name, database=database))

    def app(self, app_id: str, **changes: Any) -> None:
        """Declare an app of apps/choir.py and run it; see `deployment` and `registration`."""
        declared = {key: changes.pop(key) for key in ("store", "offers", "allow_from") if key in changes}
        self.kubernetes.apply(registration(app_id, **declared), deployment(app_id, **changes))
        self.apps.append(app_id)

    def ready(self) -> None:
        """Wait until every app's pods are ready."""
        for app in self.apps:
            self.kubernetes.rolled_out(f"deployment/{app}", timeout_s=READY_S)

    def start(self, prefix: str, count: int, *, steps: int = 1, seconds: float = 0.0) -> None:
        """Start instances of `fulfil`."""
        self._choir("start", prefix, str(count), json.dumps(steps), json.dumps(seconds))

    def ended(self, prefix: str, count: int, *, within_s: float, not_from: str = "") -> dict[str, int]:
        """Wait for instances and return how many ended how: those that are not there are MISSING.

        `not_from`: a node whose pods cannot be asked, although the cluster may not have noticed yet.
        """
        waits = ("wait", prefix, str(count), json.dumps(within_s))
        said = self._choir(*waits, timeout_s=within_s + 60, not_from=not_from)
        found: dict[str, int] = json.loads(said)
        return found

    def pods(self, app: str) -> list[Any]:
        """Return the pods of an app that are not being deleted."""
        found = self.kubernetes.get("pods", f"--selector=app={app}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def _choir(self, *words: str, app: str = "orders", timeout_s: float = 90, not_from: str = "") -> str:
        able = (pod for pod in self.pods(app) if ready(pod) and pod["spec"]["nodeName"] != not_from)
        pod = next(able)["metadata"]["name"]
        command = ("exec", pod, "--container=app", "--", "python", "choir.py", *words)
        return self.kubernetes.run(*command, timeout_s=timeout_s)


def choir(kubernetes: Kubernetes, *, replicas: int = 1, database_avoids: str | None = None) -> World:
    """Return a namespace with PostgreSQL and all three apps, ready."""
    world = World(kubernetes)
    world.database(avoids=database_avoids)
    for app in OFFERS:
        world.app(app, replicas=replicas)
    kubernetes.apply(workflow())
    world.ready()
    return world


def ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def sidecar(pod: Object) -> Object:
    """Return the status of a pod's sidecar."""
    found: Object = next(each for each in pod["status"]["initContainerStatuses"] if each["name"] == SIDECAR)
    return found


def text(*objects: Object) -> str:
    """Return objects as kubectl reads them."""
    return yaml.safe_dump_all(objects)


def stored(name: str, *, database: str | None = None) -> list[Object]:
    """Return a StateStore and the Secret that it names."""
    url = f"postgresql://postgres:{PASSWORD}@{database or name}:5432/postgres"
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{name}-url"}, "stringData": {"url": url}}
    spec = {"postgresql": {"urlSecretRef": {"name": f"{name}-url", "key": "url"}}}
    return [secret, _ours("StateStore", name, spec)]


def registration(
    app_id: str,
    *,
    store: str = "db",
    offers: Mapping[str, Any] | None = None,
    allow_from: Sequence[str] | None = None,
) -> Object:
    given = OFFERS[app_id] if offers is None else offers
    spec: dict[str, Any] = {
        "appId": app_id,
        "selector": {"matchLabels": {"app": app_id}},
        "storeRef": {"name": store},
        "offers": {
            kind: [each if isinstance(each, Mapping) else {"name": each} for each in names]
            for kind, names in given.items()
        },
    }
    if allow_from is not None:
        spec["allowFrom"] = [{"appId": each} for each in allow_from]
    return _ours("AppRegistration", app_id, spec)


def workflow(name: str = "fulfil", **changes: Any) -> Object:
    spec = {"entry": {"appId": "orders", "workflow": "fulfil"}, "calls": list(CALLS), **changes}
    return _ours("Workflow", name, spec)


def run(name: str, of: str = "fulfil", **changes: Any) -> Object:
    return _ours("WorkflowRun", name, {"workflowRef": {"name": of}, "input": {"steps": 1}, **changes})


def schedule(name: str, when: str, of: str = "fulfil") -> Object:
    spec = {"workflowRef": {"name": of}, "schedule": when, "timeZone": "Etc/UTC", "input": {"steps": 1}}
    return _ours("WorkflowSchedule", name, spec)


def _ours(kind: str, name: str, spec: Mapping[str, Any]) -> Object:
    return {"apiVersion": "antiphon.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def deployment(
    app_id: str, *, replicas: int = 1, image: str = APPS_IMAGE, labels: Mapping[str, str] | None = None
) -> Object:
    """Return a Deployment whose pods ask for a sidecar and satisfy the restricted level."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": app_id},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": app_id}},
            "template": {
                "metadata": {"labels": {"app": app_id, "antiphon.dev/inject": "true", **(labels or {})}},
                "spec": pod_spec(
                    ["python", "choir.py", app_id], image=image, topologySpreadConstraints=[_spread(app_id)]
                ),
            },
        },
    }


def _spread(app_id: str) -> Object:
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": app_id}},
        "matchLabelKeys": ["pod-template-hash"],
    }


def pod_spec(command: Sequence[str], *, image: str = APPS_IMAGE, **changes: Any) -> dict[str, Any]:
    return {
        "terminationGracePeriodSeconds": 15,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "app",
                "image": image,
                "command": list(command),
                "resources": {"requests": {"cpu": "10m", "memory": "48Mi"}},
                "securityContext": _LOCKED,
            }
        ],
        **changes,
    }


def _not_on(node: str) -> Object:
    expression = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [node]}
    term = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}


_INITDB = """
[ -d /data/pg ] && exit
rm -rf /data/new
printf %s "$PASSWORD" >/tmp/password
initdb --pgdata=/data/new --username=postgres --pwfile=/tmp/password --auth=scram-sha-256 --no-locale --no-sync
echo "host all all all scram-sha-256" >>/data/new/pg_hba.conf
mv /data/new /data/pg
"""


def job(name: str, command: Sequence[str], *, labels: Mapping[str, str]) -> Object:
    """Return a Job whose pod asks for a sidecar."""
    template = {
        "metadata": {"labels": {"antiphon.dev/inject": "true", **labels}},
        "spec": pod_spec(command, restartPolicy="Never"),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template},
    }


def database(name: str, *, avoids: str | None = None) -> list[Object]:
    """Return PostgreSQL with its data for as long as its pod: a container that was killed finds it again."""
    labels = {"database": name}
    common: dict[str, Any] = {
        "image": POSTGRES,
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/tmp"}],
        "securityContext": _LOCKED,
    }
    server = ["postgres", "-D", "/data/pg", "-c", "listen_addresses=*", "-c", "unix_socket_directories=/tmp"]
    asked = {"exec": {"command": ["pg_isready", "--host=/tmp", "--quiet"]}, "periodSeconds": 1, "timeoutSeconds": 5}
    spec = {
        "terminationGracePeriodSeconds": 5,
        "automountServiceAccountToken": False,
        # The user "postgres" of the image: initdb wants one that /etc/passwd knows.
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 999,
            "fsGroup": 999,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [
            {
                **common,
                "name": "initdb",
                "command": ["sh", "-ec", _INITDB],
                "env": [{"name": "PASSWORD", "value": PASSWORD}],
            }
        ],
        "containers": [{**common, "name": "postgres", "command": server, "readinessProbe": asked}],
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
        **({"affinity": _not_on(avoids)} if avoids else {}),
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": labels, "ports": [{"port": 5432}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": name},
            "spec": {
                "serviceName": name,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        },
    ]
