"""The patch itself: as in the golden files, the same when made twice, and fit for Pod Security `restricted`."""

import copy
import json

import jsonpatch
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from antiphon_operator.injection import Injected, LeftAlone, Unconcerned, inject
from tests.unit.injection import golden
from tests.unit.injection.examples import NAMESPACE, SETTINGS, known, pod, registration, store
from tests.unit.injection.pod_security import violations

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def injected(of: dict) -> dict:
    """The pod after its patch."""
    outcome = inject(of, namespace=NAMESPACE, known=known(), settings=SETTINGS)
    assert isinstance(outcome, Injected), outcome
    return jsonpatch.apply_patch(of, [dict(operation) for operation in outcome.patch])


@pytest.mark.parametrize("case", golden.CASES)
def test_the_patch_is_the_one_in_the_file(case):
    written = json.loads(golden.path(case).read_text())
    assert golden.made(case) == written, "if that is meant: python -m tests.unit.injection.golden"


def test_the_sidecar_is_the_first_init_container_and_goes_on():
    patched = injected(pod(initContainers=[{"name": "migrate", "image": "m"}]))
    first, second = patched["spec"]["initContainers"]
    assert (first["name"], first["restartPolicy"], first["args"]) == ("antiphon-sidecar", "Always", ["sidecar"])
    assert second["name"] == "migrate"


def test_every_container_of_the_app_finds_the_sidecar():
    patched = injected(pod(initContainers=[{"name": "migrate", "image": "m"}]))
    for container in [patched["spec"]["initContainers"][1], *patched["spec"]["containers"]]:
        assert {variable["name"]: variable["value"] for variable in container["env"]} == {
            "DAPR_GRPC_PORT": "50001",
            "DAPR_HTTP_PORT": "3500",
            "DAPR_GRPC_ENDPOINT": "http://127.0.0.1:50001",
            "ANTIPHON_GRPC_PORT": "50001",
            "ANTIPHON_APP_ID": "orders",
        }


def test_a_variable_that_the_app_sets_itself_stays():
    own = {"name": "DAPR_GRPC_ENDPOINT", "value": "http://127.0.0.1:9"}
    patched = injected(pod(containers=[{"name": "app", "image": "a", "env": [own]}]))
    found = [each for each in patched["spec"]["containers"][0]["env"] if each["name"] == own["name"]]
    assert found == [own]


def test_a_request_above_the_default_limit_raises_that():
    asked = pod(annotations={"antiphon.dev/sidecar-memory-request": "1Gi"})
    assert injected(asked)["spec"]["initContainers"][0]["resources"] == {
        "requests": {"cpu": "50m", "memory": "1Gi"},
        "limits": {"memory": "1Gi"},
    }


def test_a_limit_below_the_default_request_lowers_that():
    asked = pod(annotations={"antiphon.dev/sidecar-memory-limit": "64Mi"})
    assert injected(asked)["spec"]["initContainers"][0]["resources"]["requests"]["memory"] == "64Mi"


def test_the_digest_changes_with_what_is_injected_and_only_then():
    def digest(**changes):
        outcome = inject(pod(**changes), namespace=NAMESPACE, known=known(), settings=SETTINGS)
        (operation,) = [each for each in outcome.patch if each["path"] == "/metadata/annotations"]
        return operation["value"]["antiphon.dev/config-digest"]

    assert digest() == digest(containers=[{"name": "other", "image": "o"}])
    own = known(registration(sidecar={"logLevel": "debug"}), store())
    changed = inject(pod(), namespace=NAMESPACE, known=own, settings=SETTINGS)
    assert digest() not in json.dumps([*changed.patch])


def test_a_restricted_pod_stays_restricted():
    plain = pod(
        initContainers=[{"name": "migrate", "image": "m", "securityContext": RESTRICTED}],
        containers=[{"name": "app", "image": "a", "securityContext": RESTRICTED}],
    )
    assert violations(plain) == []
    assert violations(injected(plain)) == []


def test_what_breaks_the_level_is_noticed():
    patched = injected(pod(containers=[{"name": "app", "image": "a", "securityContext": RESTRICTED}]))
    for field in ("allowPrivilegeEscalation", "capabilities", "runAsNonRoot", "seccompProfile"):
        broken = copy.deepcopy(patched)
        del broken["spec"]["initContainers"][0]["securityContext"][field]
        assert violations(broken)


def test_the_sidecar_brings_its_own_identity_whatever_the_pod_mounts():
    patched = injected(pod(automountServiceAccountToken=False))
    (token,) = [each for each in patched["spec"]["volumes"] if each["name"] == "antiphon-token"]
    (source,) = token["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "antiphon.dev"


def test_a_container_that_another_webhook_added_gets_the_variables_when_asked_again():
    patched = injected(pod())
    patched["spec"]["containers"].append({"name": "late", "image": "l"})
    again = inject(patched, namespace=NAMESPACE, known=known(), settings=SETTINGS)
    assert {operation["path"] for operation in again.patch} == {"/spec/containers/1/env"}


def test_what_another_webhook_changed_of_the_sidecar_stays():
    patched = injected(pod())
    patched["spec"]["initContainers"][0]["image"] = "mirror/antiphon/sidecar:0.1.0"
    patched["spec"]["initContainers"].insert(0, {"name": "mesh", "image": "m", "env": []})
    again = inject(patched, namespace=NAMESPACE, known=known(), settings=SETTINGS)
    assert {operation["path"] for operation in again.patch} == {"/spec/initContainers/0/env"}


NAMES = some.sampled_from(["a", "b-1", "c", "istio-proxy", "z9"])
#: A busy machine draws slowly; that is no failure.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
VARIABLES = some.lists(
    some.fixed_dictionaries(
        {"name": some.sampled_from(["A", "DAPR_GRPC_PORT", "ANTIPHON_APP_ID"]), "value": some.text(max_size=3)}
    ),
    max_size=3,
    unique_by=lambda variable: variable["name"],
)
CONTAINERS = some.lists(
    some.fixed_dictionaries({"name": NAMES, "image": NAMES}, optional={"env": VARIABLES}),
    max_size=3,
    unique_by=lambda container: container["name"],
)
PODS = some.builds(
    pod,
    labels=some.dictionaries(NAMES, NAMES, max_size=2).map(
        lambda labels: {**labels, "app": "orders", "antiphon.dev/inject": "true"}
    ),
    annotations=some.fixed_dictionaries(
        {},
        optional={
            "team/owner~x": NAMES,
            "antiphon.dev/app-id": some.just("orders"),
            "antiphon.dev/log-level": some.sampled_from(["debug", "error"]),
            "antiphon.dev/peer-port": some.sampled_from(["1", "65535"]),
            "antiphon.dev/sidecar-cpu-limit": some.sampled_from(["10m", "2", "1e3"]),
        },
    ),
    containers=CONTAINERS.filter(bool),
    initContainers=CONTAINERS,
    volumes=some.lists(some.fixed_dictionaries({"name": NAMES}), max_size=2, unique_by=lambda each: each["name"]),
)


@PATIENT
@given(PODS)
def test_injected_twice_is_injected_once(of):
    once = injected(of)
    again = inject(once, namespace=NAMESPACE, known=known(), settings=SETTINGS)
    assert isinstance(again, LeftAlone)
    assert again.reason is Unconcerned.ALREADY_INJECTED


@PATIENT
@given(PODS)
def test_a_pod_loses_nothing_and_gains_only_the_sidecar(of):
    before = copy.deepcopy(of)
    patched = injected(of)
    assert of == before, "the input was changed"
    sidecar = patched["spec"]["initContainers"].pop(0)
    assert sidecar["name"] == "antiphon-sidecar"
    for kind in ("initContainers", "containers"):
        for old, new in zip(of["spec"].get(kind) or [], patched["spec"][kind], strict=True):
            assert {**new, "env": old.get("env")} == {**old, "env": old.get("env")}
            assert new["env"][: len(old.get("env") or [])] == (old.get("env") or [])
    mounted = {mount["name"] for mount in sidecar["volumeMounts"]}
    assert mounted == {each["name"] for each in patched["spec"]["volumes"]} - {
        each["name"] for each in of["spec"]["volumes"]
    }
