"""The operator against the definitions: they take the statuses that it writes, and the example is resolved."""

import pytest

from antiphon_operator.reconcile import appregistration, statestore, workflow
from antiphon_operator.reconcile.observed import (
    Backlog,
    Instances,
    OfRegistration,
    OfStore,
    OfWorkflow,
    Pods,
    StoreReport,
)
from tests.unit.crds import admission, manifests
from tests.unit.operator.building import NOW, body, conditions, contract, known, offered, registration, replica, store

MANY = [f"activity-{number:03}-{'x' * 200}" for number in range(600)]
EXAMPLE = manifests.ROOT / "examples" / "ml-pipeline" / "k8s"


def registrations():
    declared = registration("Payments", activities=["charge"], workflows=[{"name": "refund", "version": "2"}])
    well = replica(
        "Payments", activities={"charge"}, workflows={"refund"}, contracts={offered("workflow", "refund", "2")}
    )
    silent = registration("Payments")
    for what, replicas, observed in (
        (declared, [well], {"pods": Pods(2, 2), "backlog": Backlog(queued=3, running=1, oldest_due=NOW)}),
        (declared, [], {"pods": Pods(2, 1, ("payments-1",))}),
        (silent, [replica("Payments", activities=set(MANY), workflows=set(MANY))], {"pods": Pods(1, 1)}),
        (registration("Payments", status=None), [], {"pods": Pods()}),
    ):
        app = known(what, replicas=replicas).namespace.apps["Payments"]
        yield what, appregistration.reconcile(what, OfRegistration(app, **observed), NOW).status


def workflows():
    calls = [{"appId": "Payments", "activity": name} for name in MANY[:256]]
    there = [registration("orders", workflows=["buy"]), registration("Payments", activities=["charge"])]
    counted = Instances(running=412, suspended=0, stalled=1, failed_last_hour=0, oldest_created=NOW)
    for what, landscape in (
        (contract({"appId": "Payments", "activity": "charge"}), known(*there, replicas=[replica("orders")])),
        (contract(*calls), known(*there, replicas=[replica("Payments", activities={"charge"})])),
        (contract(*calls, status=None), known(seen=False)),
    ):
        around = OfWorkflow(landscape.namespace, instances=counted)
        yield what, workflow.reconcile(what, workflow.judge(what, around), around, NOW).status


def stores():
    user = known(registration("orders"), replicas=[replica("orders")]).namespace.apps["orders"]
    reports = {"one": StoreReport("one", "postgresql", "17.2", 7, 7)}
    for what, observed in ((store(), OfStore((user,), reports)), (store(), OfStore())):
        yield what, statestore.reconcile(what, observed, NOW).status


@pytest.mark.parametrize(("before", "status"), [*registrations(), *workflows(), *stores()])
def test_what_the_operator_writes_is_what_the_definition_takes(before, status):
    assert admission.refusals({**before, "status": status}) == []


def example():
    """The example's objects as the API server keeps them."""
    for each in manifests.of(EXAMPLE):
        if each["apiVersion"].startswith(manifests.OURS):
            kept, refusals = admission.admitted(each)
            assert refusals == []
            yield body(kept["kind"], kept["metadata"]["name"], kept["spec"], {"conditions": [{"type": "Ready"}]})


def test_the_example_is_a_contract_that_is_resolved():
    objects = list(example())
    offers = {each["metadata"]["name"]: each["spec"]["offers"] for each in objects if "offers" in each["spec"]}
    live = [
        replica(app, **{plural: {offer["name"] for offer in offer_list} for plural, offer_list in each.items()})
        for app, each in offers.items()
    ]
    (of_pipeline,) = [each for each in objects if each["kind"] == "Workflow"]
    around = OfWorkflow(known(*objects, replicas=live).namespace)
    status = workflow.reconcile(of_pipeline, workflow.judge(of_pipeline, around), around, NOW).status
    assert {call["result"] for call in status["calls"]} == {"Resolved"}
    assert {kind: state for kind, (state, _) in conditions(status).items()} == {
        **dict.fromkeys(("Ready", "NamespaceShared", "StateStoreShared", "TargetsRegistered"), "True"),
        **dict.fromkeys(("CallsAllowed", "SchemasMatch"), "True"),
        **dict.fromkeys(("Progressing", "Stalled"), "False"),
    }
    assert status["apps"] == "4/4"
