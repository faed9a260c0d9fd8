"""Rules that all five definitions keep: readable by `kubectl explain`, bounded, and with what tools look for."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.crds import admission

KINDS = ("AppRegistration", "StateStore", "Workflow", "WorkflowRun", "WorkflowSchedule")
SUMMARY = {"WorkflowRun": "Succeeded"}
SHORT = {
    "AppRegistration": "appreg",
    "Workflow": "awf",
    "WorkflowRun": "awfrun",
    "WorkflowSchedule": "awfsched",
    "StateStore": "wfstore",
}
COLUMNS = {
    "AppRegistration": ["App", "Ready", "Reason", "Connected", "Workflows", "Activities", "Store", "Age"],
    "Workflow": ["Entry", "Ready", "Reason", "Apps", "Running", "Failed(1h)", "Oldest", "Age"],
    "WorkflowRun": ["Workflow", "Phase", "Instance", "Started", "Duration", "Age"],
    "WorkflowSchedule": ["Schedule", "Zone", "Suspended", "Active", "Last", "Next", "Age"],
    "StateStore": ["Backend", "Ready", "Reason", "Identity", "Age"],
}
SELECTABLE = {
    "AppRegistration": [".spec.appId"],
    "Workflow": [".spec.entry.appId"],
    "WorkflowRun": [".spec.workflowRef.name", ".status.phase"],
    "WorkflowSchedule": [".spec.workflowRef.name"],
}
#: What the API server fills in or bounds by itself.
OUTSIDE = {".apiVersion", ".kind", ".metadata"}


def fields() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for kind in KINDS:
        for path, node in admission.nodes(admission.schema(kind)):
            yield kind, path, node


def rules() -> Iterator[tuple[str, dict[str, Any]]]:
    for kind, path, node in fields():
        for rule in node.get("x-kubernetes-validations", ()):
            yield f"{kind}{path}", rule


def test_there_are_the_five_kinds_and_a_file_for_each() -> None:
    assert sorted(admission.definitions()) == list(KINDS)
    named = {each["metadata"]["name"].partition(".")[0] for each in admission.definitions().values()}
    assert {path.stem for path in admission.CRDS.iterdir()} == named


@pytest.mark.parametrize("kind", KINDS)
def test_a_definition_has_what_tools_look_for(kind: str) -> None:
    definition = admission.definitions()[kind]
    spec, names, version = definition["spec"], definition["spec"]["names"], admission.version(kind)
    assert definition["metadata"] == {"name": f"{names['plural']}.antiphon.dev"}
    assert (spec["group"], spec["scope"], version["name"]) == ("antiphon.dev", "Namespaced", "v1alpha1")
    assert (names["shortNames"], names["categories"]) == ([SHORT[kind]], ["antiphon"])
    assert version["subresources"] == {"status": {}}
    assert [each["jsonPath"] for each in version.get("selectableFields", ())] == SELECTABLE.get(kind, [])


@pytest.mark.parametrize("kind", KINDS)
def test_columns_are_those_of_the_documentation(kind: str) -> None:
    columns = admission.version(kind)["additionalPrinterColumns"]
    assert [each["name"] for each in columns if "priority" not in each] == COLUMNS[kind]
    assert {each.get("priority", 0) for each in columns} <= {0, 1}
    assert all(each.get("description", "").endswith(".") for each in columns)


@pytest.mark.parametrize("kind", KINDS)
def test_columns_and_selectable_fields_name_fields_that_there_are(kind: str) -> None:
    known = {path for path, _ in admission.nodes(admission.schema(kind))} | {".metadata.creationTimestamp"}
    version = admission.version(kind)
    for each in (*version["additionalPrinterColumns"], *version.get("selectableFields", ())):
        path, _, condition = each["jsonPath"].partition("[?(@.type==")
        assert path in known, each
        if condition:
            assert condition.split('"')[1] == SUMMARY.get(kind, "Ready")


def test_each_field_is_described_in_a_sentence() -> None:
    bad = [
        f"{kind}{path}"
        for kind, path, node in fields()
        if path != ".metadata"
        if not node.get("description", "").endswith(".") or not node["description"][0].isupper()
    ]
    assert bad == []


def test_metadata_is_left_to_kubernetes() -> None:
    """The API server refuses a definition that says more of it, be it a description."""
    assert {str(admission.schema(kind)["properties"]["metadata"]) for kind in KINDS} == {"{'type': 'object'}"}


def test_strings_lists_and_maps_are_bounded() -> None:
    bounds = {"string": "maxLength", "array": "maxItems"}

    def unbounded(node: dict[str, Any]) -> bool:
        if node.get("type") == "object":
            opened = "additionalProperties" in node or "x-kubernetes-preserve-unknown-fields" in node
            return opened and "maxProperties" not in node
        if "enum" in node:
            return False
        bound = "maxLength" if node.get("x-kubernetes-int-or-string") else bounds.get(node.get("type", ""))
        return bound is not None and bound not in node

    assert [f"{kind}{path}" for kind, path, node in fields() if path not in OUTSIDE and unbounded(node)] == []


def test_numbers_have_a_least_value_and_those_of_users_a_greatest() -> None:
    numbers = [(kind, path, node) for kind, path, node in fields() if node.get("type") == "integer"]
    assert [f"{kind}{path}" for kind, path, node in numbers if not {"minimum", "format"} <= node.keys()] == []
    assert [f"{kind}{path}" for kind, path, node in numbers if ".spec" in path and "maximum" not in node] == []


def test_only_the_output_of_a_run_has_no_type() -> None:
    untyped = [
        f"{kind}{path}"
        for kind, path, node in fields()
        if "type" not in node and not node.get("x-kubernetes-int-or-string")
    ]
    assert untyped == ["WorkflowRun.status.output"]


def test_lists_say_how_they_are_merged() -> None:
    lists = [(f"{kind}{path}", node) for kind, path, node in fields() if node.get("type") == "array"]
    assert [path for path, node in lists if "x-kubernetes-list-type" not in node] == []
    for path, node in lists:
        if node["x-kubernetes-list-type"] == "map":
            item = node["items"]
            keys = node["x-kubernetes-list-map-keys"]
            assert all(key in item["required"] or "default" in item["properties"][key] for key in keys), path


@pytest.mark.parametrize("kind", KINDS)
def test_conditions_are_those_of_kubernetes(kind: str) -> None:
    conditions = admission.schema(kind)["properties"]["status"]["properties"]["conditions"]
    same = admission.schema("Workflow")["properties"]["status"]["properties"]["conditions"]
    assert {**conditions, "description": ""} == {**same, "description": ""}
    assert SUMMARY.get(kind, "Ready") in conditions["description"]
    properties = conditions["items"]["properties"]
    assert set(conditions["items"]["required"]) == {"type", "status", "reason", "message", "lastTransitionTime"}
    assert (properties["message"]["maxLength"], properties["reason"]["maxLength"]) == (32768, 1024)


def test_every_status_says_which_generation_it_is_about() -> None:
    for kind in KINDS:
        assert "observedGeneration" in admission.schema(kind)["properties"]["status"]["properties"], kind


def test_messages_of_rules_fit_on_a_line_and_say_what_to_do() -> None:
    for where, rule in rules():
        message = rule["message"]
        assert "\n" not in message.strip(), where
        assert len(message) <= 250, (where, len(message))
        assert any(mark in message for mark in (": ", " such as ")), (where, message)


def test_files_can_be_rendered_by_helm_as_they_are() -> None:
    assert [path.name for path in admission.CRDS.iterdir() if "{{" in path.read_text()] == []
