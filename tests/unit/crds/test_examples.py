"""Examples for Kubernetes are what clusters of all supported releases take, and fit together."""

import ast
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.unit.crds import admission, manifests
from tests.unit.crds.manifests import ROOT, Manifest
from tests.unit.injection.pod_security import violations

PIPELINE = ROOT / "examples" / "ml-pipeline"
MANIFESTS = PIPELINE / "k8s"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
FILES = [
    *sorted(MANIFESTS.glob("*.yaml")),
    PIPELINE / "run.yaml",
    *sorted((ROOT / "examples/kubernetes").glob("*.yaml")),
]


def by_kind(kind: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in manifests.of(MANIFESTS) if each["kind"] == kind}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "examples")))
def test_a_file_is_what_supported_clusters_take(path: Path) -> None:
    objects = manifests.read(path.read_text())
    assert objects
    assert {f"{each['kind']} {each['metadata']['name']}": manifests.errors(each) for each in objects} == {
        f"{each['kind']} {each['metadata']['name']}": [] for each in objects
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "examples")))
def test_objects_go_into_the_current_namespace_and_pods_are_restricted(path: Path) -> None:
    objects = manifests.read(path.read_text())
    assert [each["metadata"]["name"] for each in objects if "namespace" in each["metadata"]] == []
    assert {name: violations(pod) for name, pod in manifests.pod_templates(objects)} == {
        name: [] for name, _ in manifests.pod_templates(objects)
    }


def test_roles_name_kinds_that_there_are() -> None:
    plurals = {each["spec"]["names"]["plural"] for each in admission.definitions().values()}
    named = {
        resource
        for path in FILES
        for each in manifests.read(path.read_text())
        for rule in each.get("rules", ())
        if rule["apiGroups"] == ["antiphon.dev"]
        for resource in rule["resources"]
    }
    assert named == plurals


def test_images_are_of_this_version_or_have_a_fixed_tag() -> None:
    images = {
        container["image"]
        for _, pod in manifests.pod_templates(manifests.of(MANIFESTS))
        for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"])
    }
    assert images == {f"antiphon/ml-pipeline:{VERSION}", "postgres:17"}


def test_each_pod_that_asks_for_a_sidecar_is_one_app() -> None:
    registrations = by_kind("AppRegistration")
    asking = {
        name: pod["metadata"]["labels"]
        for name, pod in manifests.pod_templates(manifests.of(MANIFESTS))
        if pod["metadata"]["labels"].get("antiphon.dev/inject") == "true"
    }
    matched = {
        name: [
            app
            for app, each in registrations.items()
            if each["spec"]["selector"]["matchLabels"].items() <= labels.items()
        ]
        for name, labels in asking.items()
    }
    assert matched == {f"Deployment {app}": [app] for app in ("data-processing", "pipeline", "serving", "training")}


def test_what_objects_refer_to_is_there() -> None:
    (store,) = by_kind("StateStore")
    secret = by_kind("StateStore")[store]["spec"]["postgresql"]["urlSecretRef"]
    assert {each["spec"]["storeRef"]["name"] for each in by_kind("AppRegistration").values()} == {store}
    assert secret["key"] in by_kind("Secret")[secret["name"]]["stringData"]
    run = manifests.read((PIPELINE / "run.yaml").read_text())[0]
    workflow = by_kind("Workflow")[run["spec"]["workflowRef"]["name"]]
    assert manifests.fits(run["spec"]["input"], workflow["spec"]["input"])
    assert not manifests.fits({}, workflow["spec"]["input"])


def test_the_contract_calls_what_is_offered_and_allowed() -> None:
    registrations = by_kind("AppRegistration")
    spec = by_kind("Workflow")["ml-pipeline"]["spec"]
    for call in spec["calls"]:
        target = registrations[call["appId"]]["spec"]
        kind, offered = ("activity", "activities") if "activity" in call else ("workflow", "workflows")
        (offer,) = [each for each in target["offers"][offered] if each["name"] == call[kind]]
        assert {"appId": spec["entry"]["appId"]} in target["allowFrom"]
        assert call.get("sends", offer.get("input")) == offer.get("input")


def test_registrations_offer_what_the_code_registers() -> None:
    for app, registration in by_kind("AppRegistration").items():
        code = ast.parse((PIPELINE / f"{app.replace('-', '_')}.py").read_text())
        offers = registration["spec"]["offers"]
        assert {plural: sorted(each["name"] for each in found) for plural, found in offers.items()} == defined(code), (
            app
        )


def defined(code: ast.Module) -> dict[str, list[str]]:
    """Return the names of workflows and activities that a module defines."""
    found: dict[str, list[str]] = {}
    for function in code.body:
        for decorator in getattr(function, "decorator_list", ()):
            match ast.unparse(decorator):
                case "workflow.define":
                    found.setdefault("workflows", []).append(name(function))
                case "activity.define":
                    found.setdefault("activities", []).append(name(function))
    return {plural: sorted(names) for plural, names in found.items()}


def name(function: Any) -> str:
    return str(function.name)
