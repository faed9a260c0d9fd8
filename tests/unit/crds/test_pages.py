"""Pages about Kubernetes show objects that clusters take, and say of each kind what its definition says."""

import re
from pathlib import Path

import pytest

from antiphon_names.conditions import REASONS
from docs import fields_page, reasons_page
from tests.unit.crds import admission, manifests
from tests.unit.crds.manifests import ROOT

PAGES = ROOT / "docs" / "kubernetes"
KINDS = sorted(admission.definitions())
#: What users type to see whether it works, as install.md has to say it word for word.
PROMISED = (
    "helm install antiphon-crds charts/antiphon-crds && "
    "helm install antiphon charts/antiphon -n antiphon-system --create-namespace --wait",
    "kubectl apply -f examples/ml-pipeline/k8s/",
    "kubectl wait awf/ml-pipeline --for=condition=Ready --timeout=180s",
    "kubectl apply -f examples/ml-pipeline/run.yaml && "
    "kubectl wait awfrun/first --for=condition=Succeeded --timeout=180s && kubectl get awfrun",
)


def objects(page: Path) -> list[manifests.Manifest]:
    """Return the objects of a page's YAML blocks, and of those that commands are given."""
    text = page.read_text(encoding="utf-8")
    given = [
        *re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S),
        *re.findall(r"<<'(?:\w+)'\n(.*?)^[A-Z]+$", text, re.M | re.S),
    ]
    return [each for block in given for each in manifests.read(block) if "apiVersion" in each]


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_objects_on_a_page_are_what_clusters_take(page: Path) -> None:
    assert [error for each in objects(page) for error in manifests.errors(each)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_kinds_page_shows_a_whole_one_and_all_that_users_see(kind: str) -> None:
    page = PAGES / f"{kind.lower()}.md"
    text = page.read_text()
    (shown,) = [each for each in objects(page) if each["kind"] == kind]
    fields = admission.schema(kind)["properties"]["spec"]["properties"]
    assert set(fields) - set(shown["spec"]) <= {"inputJson"}
    columns = [each["name"] for each in admission.version(kind)["additionalPrinterColumns"] if "priority" not in each]
    table = text.partition("| column |")[2].partition("\n\n")[0]
    assert [name for name in columns if name not in table and name != "Age"] == []
    described = admission.schema(kind)["properties"]["status"]["properties"]["conditions"]["description"]
    conditions = set(re.findall(r"\b(?:[A-Z][a-z]+){1,3}(?=:| sums| is True| is Unknown)", described))
    assert conditions
    assert [name for name in conditions if f"| `{name}` |" not in text] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_kinds_page_names_every_choice(kind: str) -> None:
    text = (PAGES / f"{kind.lower()}.md").read_text()
    spec = admission.schema(kind)["properties"]["spec"]
    choices = {
        value
        for path, node in admission.nodes(spec)
        for value in node.get("enum", ())
        if not path.startswith((".selector", ".sidecar"))
    }
    assert [value for value in choices if value not in text] == []


def test_the_commands_that_are_promised_stand_on_the_page() -> None:
    lines = (PAGES / "install.md").read_text().splitlines()
    assert [command for command in PROMISED if command not in lines] == []


def test_short_names_in_commands_are_those_of_the_kinds() -> None:
    known = {each["spec"]["names"]["shortNames"][0] for each in admission.definitions().values()}
    used = {
        name
        for page in PAGES.glob("*.md")
        for name in re.findall(r"kubectl (?:get|wait|describe|patch) ((?:awf|appreg|wf)\w*)", page.read_text())
    }
    assert used
    assert used <= known


def test_the_page_of_fields_is_current() -> None:
    assert fields_page.PAGE.read_text() == fields_page.page(), "docs/kubernetes/fields.md is out of date: run make docs"


def test_every_reason_of_a_condition_is_on_the_page_once() -> None:
    named = re.findall(r"^\| `(\w+)`", reasons_page.PAGE.read_text(), re.M)
    assert {reason.name for reason in REASONS} <= set(named)
    assert len(named) == len(set(named))


def test_the_page_of_reasons_is_current() -> None:
    assert reasons_page.PAGE.read_text() == reasons_page.page(), (
        "docs/kubernetes/reasons.md is out of date: run make docs"
    )
