"""Pods, resources and settings that tests of injection and admission begin with."""

import copy
from typing import Any

from antiphon_operator.injection import InjectionSettings, Known, resources

SETTINGS = InjectionSettings(image="antiphon/sidecar:0.1.0", version="0.1.0", etcd="http://etcd.antiphon.svc:2379")
NAMESPACE = "shop"


def pod(**changes: Any) -> dict[str, Any]:
    """A pod of app orders that asks for a sidecar, as a ReplicaSet makes it."""
    made: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "orders-6d4-",
            "labels": {"app": "orders", "antiphon.dev/inject": "true", "pod-template-hash": "6d4"},
        },
        "spec": {
            "serviceAccountName": "default",
            "containers": [{"name": "app", "image": "shop/orders:1"}],
        },
    }
    for key, value in changes.items():
        part = made["metadata"] if key in ("labels", "annotations", "name") else made["spec"]
        part[key] = value
    return copy.deepcopy(made)


def registration(name: str = "orders", **spec: Any) -> dict[str, Any]:
    """An AppRegistration of the app of its name."""
    created = spec.pop("created", "2026-11-01T00:00:00Z")
    return {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "AppRegistration",
        "metadata": {"name": name, "namespace": NAMESPACE, "creationTimestamp": created},
        "spec": {"selector": {"matchLabels": {"app": name}}, "storeRef": {"name": "main"}, **spec},
    }


def store(name: str = "main", **postgresql: Any) -> dict[str, Any]:
    """A StateStore."""
    return {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "StateStore",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "postgresql": {
                "urlSecretRef": {"name": "antiphon-db", "key": "url"},
                "schema": "antiphon",
                "poolSize": 4,
                **postgresql,
            }
        },
    }


def workflow(name: str = "process-order", **spec: Any) -> dict[str, Any]:
    """A Workflow that begins in app orders."""
    return {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"entry": {"appId": "orders", "workflow": "process_order"}, **spec},
    }


def known(*objects: dict[str, Any]) -> Known:
    """What is known of a namespace with these objects in it; by default app orders and its store."""
    given = objects or (registration(), store())
    of = {
        kind: [each for each in given if each["kind"] == kind] for kind in ("AppRegistration", "StateStore", "Workflow")
    }
    return Known(
        registrations=tuple(map(resources.read_registration, of["AppRegistration"])),
        stores=tuple(map(resources.read_store, of["StateStore"])),
        workflows=tuple(map(resources.read_workflow, of["Workflow"])),
    )
