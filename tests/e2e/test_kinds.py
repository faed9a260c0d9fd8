"""The cluster judges objects of our kinds as the table of the tests without a cluster says, and shows them."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.installation import Installation
from tests.e2e.kubernetes import Kubernetes
from tests.unit.crds import admission
from tests.unit.crds.cases import CASES, Case, changed, good


@pytest.fixture
def place(installation: Installation, shared_namespace: Kubernetes) -> Iterator[Kubernetes]:
    yield shared_namespace
    shared_namespace.delete("appregistrations,workflows,workflowruns,workflowschedules,statestores", "--all")


def text(manifest: object, namespace: str) -> str:
    return json.dumps(changed(manifest, metadata__namespace=namespace))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_cluster_judges_as_the_table_says(case: Case, place: Kubernetes) -> None:
    verb = ["create"]
    if case.old is not None:
        place.run("create", "--filename=-", input=text(case.old, place.namespace))
        about_status = case.object.get("status") != case.old.get("status")
        verb = ["replace", *(["--subresource=status"] if about_status else [])]
    done = place.attempt(
        *verb, "--dry-run=server", "--validate=strict", "--filename=-", input=text(case.object, place.namespace)
    )
    assert (done.returncode != 0) == bool(case.refusal), done.stderr
    if " " in case.refusal:  # the words of a rule of ours; the API server has its own for the schema
        assert case.refusal in done.stderr


@pytest.mark.parametrize("kind", sorted(admission.definitions()))
def test_explain_and_get_know_the_kind_by_its_short_name(kind: str, place: Kubernetes) -> None:
    names = admission.definitions()[kind]["spec"]["names"]
    (short,) = names["shortNames"]
    assert admission.schema(kind)["properties"]["spec"]["description"].split()[0] in place.run(
        "explain", f"{short}.spec"
    )
    place.run("create", "--filename=-", input=text(good(kind), place.namespace))
    header = place.run("get", short).splitlines()[0]
    columns = [each["name"] for each in admission.version(kind)["additionalPrinterColumns"] if not each.get("priority")]
    assert header.split() == ["NAME", *(column.upper() for column in columns)]
    assert f"{names['singular']}.antiphon.dev/" in place.run("get", "antiphon", "--output=name")


def test_field_selectors_find_what_they_name(place: Kubernetes) -> None:
    place.run("create", "--filename=-", input=text(good("AppRegistration"), place.namespace))
    place.run("create", "--filename=-", input=text(good("WorkflowRun"), place.namespace))
    for kind, field, there in (
        ("appreg", "spec.appId", "Payments"),
        ("awfrun", "spec.workflowRef.name", "process-order"),
    ):
        assert place.run("get", kind, f"--field-selector={field}={there}", "--output=name") != ""
        assert place.run("get", kind, f"--field-selector={field}=other", "--output=name") == ""
