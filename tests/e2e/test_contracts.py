"""Every contract is broken once and mended, by the objects alone; the message names what to do."""

import pytest

from tests.e2e import world
from tests.e2e.installation import Installation
from tests.e2e.kubernetes import KubectlError, Kubernetes, eventually
from tests.e2e.world import World

SEEN_S = 30.0


@pytest.fixture(scope="module")
def choir(installation: Installation, shared_namespace: Kubernetes) -> World:
    made = world.choir(shared_namespace)
    shared_namespace.wait("awf/fulfil", "condition=Ready", timeout_s=60)
    return made


def _condition(kubernetes: Kubernetes, what: str, kind: str, *, status: str, says: str = "") -> str:
    """Wait for a condition whose message says something, and return the message."""

    def found() -> str:
        condition = kubernetes.condition(what, kind)
        assert condition.get("status") == status, condition
        assert says in condition["message"], condition
        assert condition.get("observedGeneration") == kubernetes.get(what)["metadata"]["generation"], condition
        return str(condition["message"])

    return eventually(found, within_s=SEEN_S, what=f"{kind}={status} of {what}")


def _broken(choir: World, name: str, changes: dict[str, object], kind: str, *, status: str = "False") -> str:
    """Declare a workflow that does not fit; return what its condition says."""
    choir.kubernetes.apply(world.workflow(name, **changes))
    message = _condition(choir.kubernetes, f"awf/{name}", kind, status=status)
    _condition(choir.kubernetes, f"awf/{name}", "Ready", status=status)
    return message


def _mended(choir: World, name: str) -> None:
    choir.kubernetes.apply(world.workflow(name))
    choir.kubernetes.wait(f"awf/{name}", "condition=Ready", timeout_s=SEEN_S)


@pytest.mark.parametrize(
    ("name", "calls", "kind", "says"),
    [
        pytest.param(
            "missing-app", {"appId": "billing", "activity": "charge"}, "TargetsRegistered", "billing", id="missing app"
        ),
        pytest.param(
            "misspelt-app",
            {"appId": "payment", "activity": "charge"},
            "TargetsRegistered",
            "payments",
            id="misspelt app",
        ),
        pytest.param(
            "misspelt-activity",
            {"appId": "payments", "activity": "charg"},
            "TargetsRegistered",
            'Did you mean "charge"',
            id="misspelt activity",
        ),
        pytest.param(
            "misspelt-workflow",
            {"appId": "shipping", "workflow": "shipp"},
            "TargetsRegistered",
            'Did you mean "ship"',
            id="misspelt workflow",
        ),
    ],
)
def test_a_wrong_name_is_found_and_mended(choir: World, name: str, calls: dict[str, str], kind: str, says: str) -> None:
    message = _broken(choir, name, {"calls": [calls]}, kind)
    assert says in message
    _mended(choir, name)


def test_a_schema_that_does_not_fit_is_found_and_mended(choir: World) -> None:
    needs = {"type": "object", "required": ["cents"], "properties": {"cents": {"type": "integer"}}}
    offers = {"activities": [{"name": "charge", "input": needs}]}
    choir.kubernetes.apply(world.registration("payments", offers=offers))
    try:
        sends = {"type": "object", "properties": {"cents": {"type": "string"}}}
        calls = [{"appId": "payments", "activity": "charge", "sends": sends}]
        message = _broken(choir, "schema", {"calls": calls}, "SchemasMatch")
        assert "cents" in message
    finally:
        choir.kubernetes.apply(world.registration("payments"))
    choir.kubernetes.apply(world.workflow("schema"))
    choir.kubernetes.wait("awf/schema", "condition=Ready", timeout_s=SEEN_S)


def test_a_denied_caller_is_found_and_mended(choir: World) -> None:
    choir.kubernetes.apply(world.registration("payments", allow_from=["shipping"]))
    try:
        message = _condition(choir.kubernetes, "awf/fulfil", "CallsAllowed", status="False")
        assert "orders" in message
        assert "payments" in message
    finally:
        choir.kubernetes.apply(world.registration("payments"))
    choir.kubernetes.wait("awf/fulfil", "condition=Ready", timeout_s=SEEN_S)


def test_a_broken_contract_refuses_new_runs_and_says_why(choir: World) -> None:
    name = "refused"
    _broken(choir, name, {"calls": [{"appId": "billing", "activity": "charge"}]}, "TargetsRegistered")
    try:
        with pytest.raises(KubectlError, match="AN411 StartNotAdmitted"):
            choir.start("refused", 1)
        choir.kubernetes.apply(world.run("refused-run", name))

        def told() -> bool:
            run = choir.kubernetes.get("awfrun/refused-run")
            return "billing" in str(run.get("status", {}))

        eventually(told, within_s=SEEN_S, what="the run says which app is missing")
    finally:
        choir.kubernetes.apply(world.workflow(name))
    choir.kubernetes.wait("awfrun/refused-run", "condition=Succeeded", timeout_s=90)


def test_an_app_of_another_namespace_is_not_found(
    installation: Installation, choir: World, namespace: Kubernetes
) -> None:
    """An AppRegistration elsewhere does not count: calls do not cross namespaces."""
    other = World(namespace)
    other.database()
    namespace.apply(world.registration("orders"), world.workflow())
    message = _condition(namespace, "awf/fulfil", "TargetsRegistered", status="False")
    assert "payments" in message


def test_two_databases_are_found_and_mended(choir: World) -> None:
    choir.database("other")
    choir.app("payments", store="other", labels={"store": "other"})
    try:
        choir.ready()
        # While the rollout goes on, it is payments' own replicas that do not share one.
        message = _condition(choir.kubernetes, "awf/fulfil", "StateStoreShared", status="False", says="other")
        assert "payments" in message
    finally:
        choir.app("payments")
    choir.ready()
    choir.kubernetes.wait("awf/fulfil", "condition=Ready", timeout_s=60)


def test_one_database_under_two_names_is_one_store(choir: World) -> None:
    choir.store("alias", database="db")
    choir.app("payments", store="alias", labels={"store": "alias"})
    try:
        choir.ready()
        choir.kubernetes.wait("awf/fulfil", "condition=StateStoreShared", timeout_s=60)
        choir.start("alias", 1)
        assert choir.ended("alias", 1, within_s=60) == {"COMPLETED": 1}
    finally:
        choir.app("payments")
        choir.ready()
