"""The chart's objects are what Kubernetes and Helm take, whatever is switched on."""

import json
import tarfile
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests import helm
from tests.charts.rendering import CASES, CHART, CRDS, NAMESPACE, ROOT, custom_resources, name, options, pods, rendered

#: Kinds of others' custom resources, whose schemas are not at hand.
FOREIGN = ("monitoring.coreos.com/", "cert-manager.io/")
OLDEST = yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"].removeprefix(">=").removesuffix(".0-0")
MINORS = (OLDEST, kubernetes_validate.latest_version())


@pytest.mark.parametrize("major", helm.MAJORS)
@pytest.mark.parametrize("case", CASES)
def test_helm_finds_nothing_to_complain_about(case: str, major: int) -> None:
    helm.run(major, "lint", "--strict", "--namespace", NAMESPACE, CHART, *options(case))


@pytest.mark.parametrize("major", helm.MAJORS)
def test_the_chart_of_custom_resources_is_sound(major: int) -> None:
    helm.run(major, "lint", "--strict", CRDS)


@pytest.mark.parametrize("case", CASES)
def test_both_majors_make_the_same_objects(case: str) -> None:
    first, second = (sorted(rendered(case, major), key=name) for major in helm.MAJORS)
    assert first == second


@pytest.mark.parametrize("minor", MINORS)
def test_the_api_of_the_oldest_and_the_newest_minor_knows_every_field(minor: str) -> None:
    # One object of each shape: a check takes a tenth of a second.
    shapes = {_shape(found): found for case in CASES for found in rendered(case)}
    for found in shapes.values():
        if not found["apiVersion"].startswith(FOREIGN):
            kubernetes_validate.validate(dict(found), minor, strict=True)


@pytest.mark.parametrize("case", CASES)
def test_no_object_is_made_twice(case: str) -> None:
    names = [name(found) for found in rendered(case)]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("case", CASES)
def test_every_pod_satisfies_the_restricted_level(case: str) -> None:
    for where, spec in pods(rendered(case)):
        assert spec["securityContext"]["runAsNonRoot"], where
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, where
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), where
        for container in spec["containers"]:
            secured = container["securityContext"]
            assert secured["allowPrivilegeEscalation"] is False, where
            assert secured["capabilities"] == {"drop": ["ALL"]}, where
            assert secured["readOnlyRootFilesystem"] is True, where
        assert all(not {"hostPath"} & set(volume) for volume in spec.get("volumes", [])), where


@pytest.mark.parametrize("case", CASES)
def test_every_container_says_what_it_needs(case: str) -> None:
    for where, spec in pods(rendered(case)):
        for container in spec["containers"]:
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}, where
            assert "memory" in container["resources"]["limits"], where


@pytest.mark.parametrize("case", CASES)
def test_selectors_find_their_own_pods_and_no_others(case: str) -> None:
    objects = rendered(case)
    made = {
        name(found): found["spec"]["template"]["metadata"]["labels"]
        for found in objects
        if found["kind"] in {"Deployment", "StatefulSet"}
    }
    for found in objects:
        if found["kind"] not in {"Service", "PodDisruptionBudget", "Deployment", "StatefulSet"}:
            continue
        selector = found["spec"]["selector"]
        wanted = selector.get("matchLabels", selector).items()
        assert len([where for where, labels in made.items() if wanted <= labels.items()]) == 1, name(found)


def test_the_charts_versions_are_the_projects() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for chart in (CHART, CRDS):
        said = yaml.safe_load((chart / "Chart.yaml").read_text())
        assert (said["version"], said["appVersion"]) == (version, version)


def test_the_chart_of_custom_resources_has_every_file_and_keeps_them() -> None:
    files = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / "crds").glob("*.yaml")}
    made = {f"{found['spec']['names']['plural']}.yaml": found for found in custom_resources()}
    assert set(files) == set(made)
    for file, found in made.items():
        assert found["spec"] == files[file]["spec"]
        assert found["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_custom_resources_can_be_given_up() -> None:
    made = helm.template(helm.MAJORS[-1], CRDS, "--set", "keep=false")
    assert all("helm.sh/resource-policy" not in found["metadata"].get("annotations", {}) for found in made)


def test_a_package_holds_the_files_behind_the_links(tmp_path: Path) -> None:
    for chart, inside in (
        (CRDS, "antiphon-crds/crd-files/workflows.yaml"),
        (CHART, "antiphon/dashboards/antiphon.json"),
    ):
        helm.run(helm.MAJORS[0], "package", chart, "--destination", tmp_path)
        (package,) = tmp_path.glob(f"{chart.name}-[0-9]*.tgz")
        assert inside in _members(package)


def test_the_dashboard_is_the_one_of_the_documentation() -> None:
    (board,) = [found for found in rendered("everything") if found["metadata"]["name"].endswith("-dashboard")]
    assert json.loads(board["data"]["antiphon.json"]) == json.loads(
        (ROOT / "docs" / "grafana" / "antiphon.json").read_text()
    )


def _shape(found: object, key: str = "") -> str:
    """Describe which fields there are, and what those hold that tell one kind from another."""
    match found:
        case dict():
            return f"{{{','.join(f'{name}:{_shape(inner, name)}' for name, inner in sorted(found.items()))}}}"
        case list():
            return f"[{','.join(sorted({_shape(inner) for inner in found}))}]"
        case _:
            return str(found) if key in {"kind", "apiVersion"} else type(found).__name__


def _members(package: Path) -> list[str]:
    with tarfile.open(package) as archive:
        return archive.getnames()
