"""The two webhook configurations: what they send, where, and what becomes of pods when nobody answers."""

import re

import pytest

from antiphon_operator.webhook import application
from antiphon_operator.webhook.metrics import Metrics
from antiphon_operator.webhook.reviews import Answer, Request
from tests.charts.rendering import CASES, ROOT, Object, flags, of_kind, pods, rendered


def _webhooks(case: str, kind: str) -> list[Object]:
    """Return the entries of a configuration: `Mutating` or `Validating`."""
    return [
        webhook for found in of_kind(rendered(case), f"{kind}WebhookConfiguration") for webhook in found["webhooks"]
    ]


KINDS = ("Mutating", "Validating")


class _Unasked:
    """Stands where the paths' answers would come from: only the paths are looked at."""

    async def pod(self, request: Request) -> Answer:
        raise AssertionError(request)

    async def resource(self, request: Request) -> Answer:
        raise AssertionError(request)


def _served() -> set[str]:
    """Return the paths that the webhook serves, but for the one that is an error."""
    served = application.admission(_Unasked(), Metrics(), unready=lambda: None)
    return {resource.canonical for resource in served.router.resources()} - {"/{path}"}


@pytest.mark.parametrize("case", ["default", "everything"])
def test_every_path_is_served_and_every_served_path_is_called(case: str) -> None:
    called = {webhook["clientConfig"]["service"]["path"] for kind in KINDS for webhook in _webhooks(case, kind)}
    assert called == _served()


def test_every_kind_of_ours_is_checked() -> None:
    checked = {rule["resources"][0] for webhook in _webhooks("default", "Validating") for rule in webhook["rules"]}
    assert checked == {path.stem for path in (ROOT / "crds").glob("*.yaml")}


def test_injection_fails_closed_and_checks_fail_open() -> None:
    assert {webhook["failurePolicy"] for webhook in _webhooks("default", "Mutating")} == {"Fail"}
    assert {webhook["failurePolicy"] for webhook in _webhooks("default", "Validating")} == {"Ignore"}


@pytest.mark.parametrize(
    ("pod", "namespace", "entries"),
    [
        ("true", None, ["pods"]),
        ("true", "true", ["pods"]),
        ("true", "false", ["pods"]),
        (None, "true", ["namespaces"]),
        ("false", "true", []),
        (None, None, []),
        (None, "false", []),
        ("false", None, []),
    ],
)
def test_one_entry_or_none_concerns_a_pod(pod: str | None, namespace: str | None, entries: list[str]) -> None:
    label = "antiphon.dev/inject"
    of_pod = {} if pod is None else {label: pod}
    of_namespace = {"kubernetes.io/metadata.name": "shop"} | ({} if namespace is None else {label: namespace})
    assert [
        webhook["name"].partition(".")[0]
        for webhook in _webhooks("default", "Mutating")
        if _selects(webhook["objectSelector"], of_pod) and _selects(webhook["namespaceSelector"], of_namespace)
    ] == entries


def test_the_webhooks_pods_hold_their_certificate_and_not_who_signs_it() -> None:
    (spec,) = [spec for found, spec in pods(rendered()) if found.endswith("-webhook")]
    (volume,) = [volume for volume in spec["volumes"] if "secret" in volume]
    assert {item["key"] for item in volume["secret"]["items"]} == {"tls.crt", "tls.key"}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("namespace", ["kube-system", "kube-node-lease", "antiphon-system"])
def test_the_cluster_and_antiphon_do_not_depend_on_the_webhook(case: str, namespace: str) -> None:
    labels = {"kubernetes.io/metadata.name": namespace, "antiphon.dev/inject": "true"}
    for webhook in _webhooks(case, "Mutating"):
        assert not _selects(webhook["namespaceSelector"], labels)


def test_only_watched_namespaces_are_concerned() -> None:
    concerned = {
        name
        for name in ("shop", "ml", "other")
        for webhook in _webhooks("namespaces", "Mutating")
        if _selects(webhook["namespaceSelector"], {"kubernetes.io/metadata.name": name, "antiphon.dev/inject": "true"})
    }
    assert concerned == {"shop", "ml"}


@pytest.mark.parametrize("case", CASES)
def test_only_a_provided_bundle_is_written_by_the_chart(case: str) -> None:
    for kind in KINDS:
        for webhook in _webhooks(case, kind):
            assert ("caBundle" in webhook["clientConfig"]) == (case == "provided")


@pytest.mark.parametrize("case", CASES)
def test_the_processes_are_told_the_names_of_what_the_chart_makes(case: str) -> None:
    objects = rendered(case)
    specs = dict(pods(objects))
    (operator,) = [spec for where, spec in specs.items() if where.endswith("-operator")]
    (webhook,) = [spec for where, spec in specs.items() if where.endswith("-webhook")]
    told, told_webhook = flags(operator["containers"][0]), flags(webhook["containers"][0])
    (mutating,) = of_kind(objects, "MutatingWebhookConfiguration")
    assert told["mutating-configuration"] == told_webhook["mutating-configuration"] == mutating["metadata"]["name"]
    (mounted,) = [volume for volume in webhook["volumes"] if volume["name"] == "certificates"]
    assert told["certificate-secret"] == mounted["secret"]["secretName"]
    assert told["webhook-service"] == mutating["webhooks"][0]["clientConfig"]["service"]["name"]
    assert re.fullmatch(r"(https?://[^,]+)(,https?://[^,]+)*", told["etcd"])
    assert told["etcd"] == told_webhook["etcd"]


def _selects(selector: Object, labels: dict[str, str]) -> bool:
    def holds(expression: Object) -> bool:
        value = labels.get(expression["key"])
        match expression["operator"]:
            case "In":
                return value in expression["values"]
            case "NotIn":
                return value not in expression["values"]
            case other:
                raise NotImplementedError(other)

    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(holds(expression) for expression in selector.get("matchExpressions", []))
