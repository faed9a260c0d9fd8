"""The cluster judges objects of our kinds as the table of the tests without a cluster says, and shows them."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.installation import Installation
from tests.e2e.kubernetes import Kubernetes
from tests.unit.crds import admission
from tests.unit.crds.cases import CASES, Case, changed, good

TIMEOUT_S = 30
TRIES = 10
DRY = "?dryRun=All&fieldValidation=Strict"


@dataclass(frozen=True, slots=True)
class Api:
    """The API server behind `kubectl proxy`, in one namespace."""

    url: str
    namespace: str

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Return the status and the answer."""
        request = urllib.request.Request(
            f"{self.url}/apis/antiphon.dev/v1alpha1/namespaces/{self.namespace}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def judge(self, case: Case) -> str:
        """Return why a case is refused, empty when it is not; nothing of it stays."""
        plural = admission.definitions()[case.object["kind"]]["spec"]["names"]["plural"]
        wanted = changed(case.object, metadata__namespace=self.namespace)
        if case.old is None:
            return self._refusal(*self.call("POST", plural + DRY, wanted))
        status, old = self.call("POST", plural, changed(case.old, metadata__namespace=self.namespace))
        assert status == 201, old
        name = f"{plural}/{old['metadata']['name']}"
        about_status = case.object.get("status") != case.old.get("status")
        try:
            return self._refusal(*self._replace(name, "/status" if about_status else "", wanted))
        finally:
            self.call("DELETE", name)

    def _replace(self, name: str, part: str, wanted: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Replace an object as of now; the operator may write its status at any moment, and then it is of the past."""
        for _ in range(TRIES):
            _, now = self.call("GET", name)
            wanted = changed(wanted, metadata__resourceVersion=now["metadata"]["resourceVersion"])
            status, answer = self.call("PUT", f"{name}{part}{DRY}", wanted)
            if status != 409:
                break
        return status, answer

    def _refusal(self, status: int, answer: Mapping[str, Any]) -> str:
        assert status in (200, 201, 400, 403, 422), answer
        return "" if status in (200, 201) else str(answer["message"])


@pytest.fixture(scope="module")
def api(installation: Installation, shared_namespace: Kubernetes) -> Iterator[Api]:
    with shared_namespace.running("proxy", "--port=0") as proxy:
        assert proxy.stdout is not None
        said = proxy.stdout.readline()
        assert "Starting to serve on" in said
        yield Api(f"http://{said.split()[-1]}", shared_namespace.namespace)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_cluster_judges_as_the_table_says(case: Case, api: Api) -> None:
    refusal = api.judge(case)
    assert bool(refusal) == bool(case.refusal), refusal
    if " " in case.refusal:  # the words of a rule of ours; the API server has its own for the schema
        assert case.refusal in refusal


@pytest.mark.parametrize("kind", sorted(admission.definitions()))
def test_explain_and_get_know_the_kind_by_its_short_name(
    kind: str, installation: Installation, namespace: Kubernetes
) -> None:
    names = admission.definitions()[kind]["spec"]["names"]
    (short,) = names["shortNames"]
    described = admission.schema(kind)["properties"]["spec"]["description"]
    assert described.split()[0] in namespace.run("explain", f"{short}.spec")
    namespace.apply(changed(good(kind), metadata__namespace=namespace.namespace))
    columns = [each["name"] for each in admission.version(kind)["additionalPrinterColumns"] if not each.get("priority")]
    header = namespace.run("get", short).splitlines()[0]
    assert header.split() == ["NAME", *(column.upper() for column in columns)]
    assert f"{names['singular']}.antiphon.dev/" in namespace.run("get", "antiphon", "--output=name")


def test_field_selectors_find_what_they_name(installation: Installation, namespace: Kubernetes) -> None:
    objects = [good("AppRegistration"), good("WorkflowRun")]
    namespace.apply(*(changed(each, metadata__namespace=namespace.namespace) for each in objects))
    for kind, field in (("appreg", "spec.appId=Payments"), ("awfrun", "spec.workflowRef.name=process-order")):
        name, _, _ = field.partition("=")
        assert namespace.run("get", kind, f"--field-selector={field}", "--output=name") != ""
        assert namespace.run("get", kind, f"--field-selector={name}=other", "--output=name") == ""
