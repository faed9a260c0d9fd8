"""Which pods get a sidecar, which app they are, and how it is said when they get none."""

from dataclasses import replace

import pytest

from antiphon_names import errors as codes
from antiphon_operator.injection import Injected, LeftAlone, Outcome, Refused, Unconcerned, inject
from tests.unit.injection.examples import NAMESPACE, SETTINGS, known, pod, registration, store

ASKED = {"antiphon.dev/inject": "true"}
BY_NAMESPACE = {"app": "orders"}


def decided(of=None, given=None, settings=SETTINGS, **more) -> Outcome:
    return inject(of or pod(), namespace=NAMESPACE, known=given or known(), settings=settings, **more)


def test_a_pod_is_the_app_whose_registration_selects_it():
    assert decided().app_id == "orders"


def test_the_app_id_of_the_registration_counts_not_its_name():
    outcome = decided(given=known(registration(appId="Orders.V2"), store()))
    assert isinstance(outcome, Injected)
    assert outcome.app_id == "Orders.V2"


def test_an_annotation_chooses_among_the_apps_that_select_the_pod():
    several = known(registration(), registration("other", selector={"matchLabels": {"app": "orders"}}), store())
    assert decided(given=several).code is codes.APP_REGISTRATION_AMBIGUOUS
    assert decided(pod(annotations={"antiphon.dev/app-id": "other"}), several).app_id == "other"


def test_of_two_registrations_of_one_app_the_older_counts():
    younger = registration("again", appId="orders", created="2026-11-02T00:00:00Z", storeRef={"name": "elsewhere"})
    assert decided(given=known(younger, registration(), store())).app_id == "orders"


def test_expressions_of_a_selector_count():
    selector = {
        "matchExpressions": [
            {"key": "app", "operator": "In", "values": ["orders", "orders-v2"]},
            {"key": "canary", "operator": "DoesNotExist"},
            {"key": "tier", "operator": "NotIn", "values": ["test"]},
            {"key": "pod-template-hash", "operator": "Exists"},
        ]
    }
    given = known(registration(selector=selector), store())
    assert isinstance(decided(given=given), Injected)
    canary = pod(labels={**pod()["metadata"]["labels"], "canary": "yes"})
    assert decided(canary, given).code is codes.APP_REGISTRATION_MISSING


def test_a_pod_without_a_label_comes_from_a_namespace_that_asks():
    assert isinstance(decided(pod(labels=BY_NAMESPACE)), Injected)


def test_a_pod_may_decline():
    assert decided(pod(labels={**BY_NAMESPACE, "antiphon.dev/inject": "false"})).reason is Unconcerned.OPTED_OUT


def test_a_pod_of_a_namespace_that_asks_is_left_alone_when_it_is_no_app():
    outcome = decided(pod(labels={"app": "cache"}))
    assert isinstance(outcome, LeftAlone)
    assert outcome.reason is Unconcerned.NO_APP_FOR_POD


def test_a_pod_that_names_its_app_asks_by_itself():
    named = pod(labels={"app": "cache"}, annotations={"antiphon.dev/app-id": "cache"})
    assert decided(named).code is codes.APP_NOT_DECLARED


REFUSALS = {
    "no registration": (pod(labels={**ASKED, "app": "order"}), known(), codes.APP_REGISTRATION_MISSING, "app=order"),
    "an app that is not declared": (
        pod(annotations={"antiphon.dev/app-id": "order"}),
        known(),
        codes.APP_NOT_DECLARED,
        'Did you mean "orders"?',
    ),
    "another app's labels": (
        pod(annotations={"antiphon.dev/app-id": "payments"}),
        known(registration("payments"), store()),
        codes.POD_NOT_SELECTED,
        "selects app=payments",
    ),
    "another account": (
        pod(),
        known(registration(serviceAccountName="orders"), store()),
        codes.SERVICE_ACCOUNT_MISMATCH,
        'wants "orders"',
    ),
    "no store": (pod(), known(registration(), store("mian")), codes.STATE_STORE_MISSING, 'Did you mean "mian"?'),
    "the node's network": (pod(hostNetwork=True), known(), codes.SIDECAR_IMPOSSIBLE, "hostNetwork"),
    "Windows by its field": (pod(os={"name": "windows"}), known(), codes.SIDECAR_IMPOSSIBLE, "Windows"),
    "Windows by its node": (
        pod(nodeSelector={"kubernetes.io/os": "windows"}),
        known(),
        codes.SIDECAR_IMPOSSIBLE,
        "Windows",
    ),
    "a label that is no answer": (
        pod(labels={"app": "orders", "antiphon.dev/inject": "True"}),
        known(),
        codes.POD_ANNOTATION_INVALID,
        '"true" and "false"',
    ),
    "a port that is none": (
        pod(annotations={"antiphon.dev/grpc-port": "http"}),
        known(),
        codes.POD_ANNOTATION_INVALID,
        "a port from 1 to 65535",
    ),
    "one port twice": (
        pod(annotations={"antiphon.dev/grpc-port": "3500"}),
        known(),
        codes.POD_ANNOTATION_INVALID,
        "no other part of the sidecar",
    ),
    "an amount that is none": (
        pod(annotations={"antiphon.dev/sidecar-memory-request": "96MB"}),
        known(),
        codes.POD_ANNOTATION_INVALID,
        "50m or 96Mi",
    ),
    "a log level that is none": (
        pod(annotations={"antiphon.dev/log-level": "loud"}),
        known(),
        codes.POD_ANNOTATION_INVALID,
        "debug, info, warning, error",
    ),
    "a port that is taken": (
        pod(containers=[{"name": "web", "image": "w", "ports": [{"containerPort": 3500}]}]),
        known(),
        codes.SIDECAR_PORT_TAKEN,
        'container "web"',
    ),
}


@pytest.mark.parametrize(("of", "given", "code", "said"), REFUSALS.values(), ids=REFUSALS)
def test_a_pod_that_asked_is_refused_with_the_reason_and_the_fix(of, given, code, said):
    outcome = decided(of, given)
    assert isinstance(outcome, Refused)
    assert outcome.code is code
    assert outcome.message.startswith(f"{code}: ")
    assert said in outcome.message
    assert "The pod is not started." in outcome.message
    assert outcome.message.endswith(".")


def test_what_a_resource_created_later_mends_is_marked():
    mends = {name for name, (of, given, _, _) in REFUSALS.items() if decided(of, given).may_mend}
    assert mends == {
        "no registration",
        "an app that is not declared",
        "another app's labels",
        "another account",
        "no store",
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"hostNetwork": True}, Unconcerned.HOST_NETWORK), ({"os": {"name": "windows"}}, Unconcerned.WINDOWS)],
)
def test_what_cannot_have_a_sidecar_is_left_alone_when_only_its_namespace_asks(change, reason):
    outcome = decided(pod(labels=BY_NAMESPACE, **change))
    assert isinstance(outcome, LeftAlone)
    assert outcome.reason is reason


def test_a_mirror_pod_is_left_alone():
    assert decided(pod(annotations={"kubernetes.io/config.mirror": "x"})).reason is Unconcerned.MIRROR_POD


@pytest.mark.parametrize("operation", ["UPDATE", "DELETE", "CONNECT"])
def test_a_pod_is_patched_only_when_it_is_created(operation):
    assert decided(operation=operation).reason is Unconcerned.NOT_A_CREATION


def test_a_cluster_without_sidecar_containers_is_refused():
    old = replace(SETTINGS, native_sidecars=False, server_version="v1.28.4")
    outcome = decided(settings=old)
    assert isinstance(outcome, Refused)
    assert outcome.code is codes.NATIVE_SIDECARS_MISSING
    assert "v1.28.4" in outcome.message


def test_a_container_of_the_sidecars_name_that_nobody_injected_is_left_alone():
    own = pod(containers=[{"name": "antiphon-sidecar", "image": "own"}])
    assert decided(own).reason is Unconcerned.OWN_SIDECAR


def test_an_annotation_with_a_typo_is_a_warning():
    outcome = decided(pod(annotations={"antiphon.dev/app-idd": "orders"}))
    assert isinstance(outcome, Injected)
    assert outcome.warnings == [
        'annotation antiphon.dev/app-idd of pod orders-6d4-* has no meaning here. Did you mean "antiphon.dev/app-id"?'
    ]
