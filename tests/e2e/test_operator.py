"""The operator on objects alone, without one app: any order, conflicts, silence when nothing changes, a cold start."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.figures import Figures
from tests.e2e.installation import RELEASE, Installation
from tests.e2e.kubernetes import Kubernetes, eventually
from tests.e2e.world import text

SEEN_S = 30.0
MANY = 1_000
SETTLED_S = 30.0
MEMORY_MIB_MOST = 200.0


def _ours(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "antiphon.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _registration(name: str, *, app: str | None = None, **offers: list[str]) -> dict[str, Any]:
    return _ours(
        "AppRegistration",
        name,
        {
            **({"appId": app} if app else {}),
            "selector": {"matchLabels": {"app": name}},
            "storeRef": {"name": "main"},
            "offers": {kind: [{"name": each} for each in names] for kind, names in offers.items()},
        },
    )


def _contract(name: str = "buy", activity: str = "charge") -> dict[str, Any]:
    calls = [{"appId": "payments", "activity": activity}]
    return _ours("Workflow", name, {"entry": {"appId": "orders", "workflow": "buy"}, "calls": calls})


ORDERS = _registration("orders", workflows=["buy"])
PAYMENTS = _registration("payments", activities=["charge"])


def _ready(kubernetes: Kubernetes, what: str, *, status: str, reason: str) -> str:
    """Wait for Ready and return its message."""

    def found() -> str:
        condition = kubernetes.condition(what, "Ready")
        assert (condition.get("status"), condition.get("reason")) == (status, reason), condition
        return str(condition["message"])

    return eventually(found, within_s=SEEN_S, what=f"{what} is {reason}")


@pytest.mark.parametrize("objects", [(_contract(), ORDERS, PAYMENTS), (PAYMENTS, _contract(), ORDERS)], ids=["1", "2"])
def test_any_order_of_apply_comes_to_ready(
    installation: Installation, namespace: Kubernetes, objects: tuple[dict[str, Any], ...]
) -> None:
    for each in objects:
        namespace.apply(each)
    namespace.wait("awf/buy", "condition=Ready", timeout_s=SEEN_S)


def test_kubectl_get_says_what_is_wrong(installation: Installation, namespace: Kubernetes) -> None:
    namespace.apply(ORDERS, PAYMENTS, _contract(activity="chargee"))
    message = _ready(namespace, "awf/buy", status="False", reason="ActivityNotRegistered")
    assert 'Did you mean "charge"' in message
    header, row = namespace.run("get", "awf").splitlines()
    shown = dict(zip(header.split(), row.split(), strict=False))
    assert (shown["READY"], shown["REASON"], shown["APPS"]) == ("False", "ActivityNotRegistered", "2/2")


def test_the_younger_of_two_registrations_of_an_app_says_so(installation: Installation, namespace: Kubernetes) -> None:
    namespace.apply(_registration("payments", activities=["charge"]))
    eventually(lambda: namespace.condition("appreg/payments", "Ready"), within_s=SEEN_S, what="the first is seen")
    # Ages are whole seconds: of two of one second, the first by name counts.
    namespace.apply(_registration("zz-payments", app="payments", activities=["charge"]))
    _ready(namespace, "appreg/zz-payments", status="False", reason="AppIdConflict")
    assert namespace.condition("appreg/payments", "Ready")["reason"] != "AppIdConflict"


def test_what_does_not_change_is_not_written(installation: Installation, namespace: Kubernetes) -> None:
    """Another object's whole life passes without a write to those that it does not concern."""
    namespace.apply(ORDERS, PAYMENTS, _contract())
    namespace.wait("awf/buy", "condition=Ready", timeout_s=SEEN_S)
    version = namespace.get("awf/buy")["metadata"]["resourceVersion"]
    namespace.apply(_contract("other", activity="nothing"))
    _ready(namespace, "awf/other", status="False", reason="ActivityNotRegistered")
    namespace.apply(_contract("other"))
    _ready(namespace, "awf/other", status="True", reason="Resolved")
    assert namespace.get("awf/buy")["metadata"]["resourceVersion"] == version


def test_a_happening_that_comes_again_is_counted_in_one_event(
    installation: Installation, namespace: Kubernetes
) -> None:
    namespace.apply(ORDERS, PAYMENTS)
    for _ in range(2):
        namespace.apply(_contract(activity="nothing"))
        _ready(namespace, "awf/buy", status="False", reason="ActivityNotRegistered")
        namespace.apply(_contract())
        _ready(namespace, "awf/buy", status="True", reason="Resolved")

    def counted() -> bool:
        events = [each for each in namespace.events(name="buy") if each["reason"] == "ActivityNotRegistered"]
        assert len(events) == 1
        return bool((events[0].get("series") or {}).get("count") == 2)

    eventually(counted, within_s=SEEN_S, what="the Event is counted")


@pytest.fixture
def at_rest(installation: Installation) -> Iterator[Kubernetes]:
    """Antiphon's namespace, with no replica of the operator; they are there again at the end."""
    system = installation.system
    replicas = system.get(f"deployment/{RELEASE}-operator")["spec"]["replicas"]
    system.run("scale", f"deployment/{RELEASE}-operator", "--replicas=0")
    eventually(lambda: not installation.pods("operator"), within_s=60, what="no operator runs")
    yield system
    system.run("scale", f"deployment/{RELEASE}-operator", f"--replicas={replicas}")
    system.rolled_out(f"deployment/{RELEASE}-operator")


def test_1000_workflows_settle_after_a_cold_start(
    at_rest: Kubernetes, installation: Installation, namespace: Kubernetes, figures: Figures
) -> None:
    objects = [ORDERS, PAYMENTS, *(_contract(f"w{number}") for number in range(MANY))]
    made = namespace.attempt("create", "--filename=-", input=text(*objects), timeout_s=240)
    assert made.returncode == 0, made.stderr
    at_rest.run("scale", f"deployment/{RELEASE}-operator", "--replicas=2")
    eventually(installation.leader, within_s=60, what="an operator leads")
    with figures.timed(f"{MANY} Workflows: from a leader to all Ready"):
        eventually(lambda: _all_ready(namespace), within_s=SETTLED_S, what=f"{MANY} Workflows are Ready")
    memory = at_rest.resident_mib(installation.leader(), "operator")
    figures.note(f"operator with {MANY} Workflows, memory", f"{memory:.0f} MiB")
    assert memory < MEMORY_MIB_MOST


def _all_ready(kubernetes: Kubernetes) -> bool:
    found = kubernetes.get("awf")
    reasons = Counter(
        next(
            (each["reason"] for each in (body.get("status") or {}).get("conditions", ()) if each["type"] == "Ready"), ""
        )
        for body in found
    )
    assert reasons == {"Resolved": MANY}, reasons
    return True
