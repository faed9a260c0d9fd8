"""Objects and replicas as tests write them: what matters to the test, and nothing else."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from antiphon_operator.contracts.replicas import Contract, Replica
from antiphon_operator.reconcile.landscape import Landscape, landscape

NOW = datetime(2026, 11, 20, 10, 41, tzinfo=UTC)
NAMESPACE = "shop"


def meta(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-{name}",
        "generation": 1,
        "creationTimestamp": "2026-11-20T10:40:59Z",
        **more,
    }


def body(kind: str, name: str, spec: Mapping[str, Any], status: Mapping[str, Any] | None = None, **more: Any) -> Any:
    return {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": kind,
        "metadata": meta(name, **more),
        "spec": dict(spec),
        **({} if status is None else {"status": dict(status)}),
    }


#: An object that was seen before, so that it is judged now.
SEEN = {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "Pending"}]}


def registration(app: str, *, status: Mapping[str, Any] | None = SEEN, created: str = "", **spec: Any) -> Any:
    """An AppRegistration; `activities` and `workflows` are names, or whole offers."""
    offers = {
        kind: [each if isinstance(each, dict) else {"name": each} for each in spec.pop(kind)]
        for kind in ("workflows", "activities")
        if kind in spec
    }
    more = {"creationTimestamp": created} if created else {}
    name = spec.pop("name", app.lower())
    return body(
        "AppRegistration",
        name,
        {
            "appId": app,
            "selector": {"matchLabels": {"app": app}},
            "storeRef": {"name": "main"},
            **({"offers": offers} if offers else {}),
            **spec,
        },
        status,
        **more,
    )


def contract(*calls: Mapping[str, Any], status: Mapping[str, Any] | None = SEEN, **spec: Any) -> Any:
    """A Workflow that begins with `buy` in orders."""
    entry = {"appId": "orders", "workflow": "buy", **spec.pop("entry", {})}
    name = spec.pop("name", "buy")
    created = spec.pop("created", "")
    more = {"creationTimestamp": created} if created else {}
    return body("Workflow", name, {"entry": entry, "calls": list(calls), **spec}, status, **more)


def store(name: str = "main", **status: Any) -> Any:
    return body("StateStore", name, {"postgresql": {"urlSecretRef": {"name": "db", "key": "url"}}}, {**SEEN, **status})


def replica(app: str, number: int = 1, **said: Any) -> Replica:
    """A replica with a worker, whose store is `one`."""
    return Replica(
        **{
            "app": app,
            "replica": f"{app}-{number}",
            "nonce": "n",
            "address": f"10.0.0.{number}:50002",
            "store": "one",
            "workers": 1,
            **{key: frozenset(value) if isinstance(value, set) else value for key, value in said.items()},
        }
    )


def offered(kind: str, name: str, version: str = "") -> Contract:
    return Contract(kind, name, version, "", "")


def known(
    *objects: Any, replicas: Iterable[Replica] = (), elsewhere: Mapping[str, str] | None = None, seen: bool = True
) -> Landscape:
    """What is known of the namespace."""
    return landscape(
        NAMESPACE,
        registrations=[each for each in objects if each["kind"] == "AppRegistration"],
        stores=[each for each in objects if each["kind"] == "StateStore"],
        replicas=replicas,
        elsewhere=elsewhere or {},
        seen=seen,
    )


def conditions(status: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Status and reason of each condition."""
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


def message(status: Mapping[str, Any], kind: str) -> str:
    return next(each["message"] for each in status["conditions"] if each["type"] == kind)
