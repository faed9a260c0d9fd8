"""Who may do what: all rights that the chart gives, in a file that a change of them has to change."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.charts.rendering import CASES, Object, name, of_kind, rendered

SNAPSHOT = Path(__file__).with_name("rights.txt")


def _lines(case: str) -> Iterator[str]:
    objects = rendered(case)
    roles = {name(role): role for role in of_kind(objects, "Role", "ClusterRole")}
    for binding in of_kind(objects, "RoleBinding", "ClusterRoleBinding"):
        where = binding["metadata"].get("namespace", "")
        role = roles.pop(f"{binding['roleRef']['kind']}/{where}/{binding['roleRef']['name']}")
        (subject,) = binding["subjects"]
        for rule in role["rules"]:
            yield f"{subject['name']} in {where or 'all namespaces'}: {_said(rule)}"
    for role in roles.values():
        to = [label.rpartition("-")[2] for label in role["metadata"]["labels"] if "aggregate-to" in label]
        for rule in role["rules"]:
            yield f"{'|'.join(sorted(to))} of a namespace: {_said(rule)}"


def _said(rule: Object) -> str:
    groups = ",".join(group or "core" for group in rule["apiGroups"])
    named = f" named {','.join(rule['resourceNames'])}" if "resourceNames" in rule else ""
    return f"{','.join(rule['verbs'])} {groups}: {','.join(rule['resources'])}{named}"


def _snapshot() -> str:
    return "".join(
        f"# {case}\n" + "".join(f"{line}\n" for line in sorted(_lines(case))) + "\n"
        for case in ("default", "everything", "namespaces")
    )


def test_rights_are_those_that_were_agreed_to() -> None:
    made = _snapshot()
    assert made == SNAPSHOT.read_text(), f"look at what has changed, then write it to {SNAPSHOT.name}:\n{made}"


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_given_by_wildcard(case: str) -> None:
    for role in of_kind(rendered(case), "Role", "ClusterRole"):
        for rule in role["rules"]:
            assert not {"*"} & {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}, name(role)


@pytest.mark.parametrize("case", CASES)
def test_no_secret_can_be_read_but_by_its_name(case: str) -> None:
    for role in of_kind(rendered(case), "Role", "ClusterRole"):
        for rule in role["rules"]:
            if "secrets" in rule["resources"]:
                assert rule["verbs"] == ["create"] or rule.get("resourceNames"), name(role)
                assert role["kind"] == "Role" or rule["verbs"] == ["get"], name(role)


@pytest.mark.parametrize("case", CASES)
def test_pods_are_only_read(case: str) -> None:
    for role in of_kind(rendered(case), "Role", "ClusterRole"):
        for rule in role["rules"]:
            if "pods" in rule["resources"]:
                assert set(rule["verbs"]) <= {"get", "list", "watch"}, name(role)


def test_some_namespaces_alone_give_no_rights_to_others() -> None:
    reading_all = [
        (name(role), resource)
        for role in of_kind(rendered("namespaces"), "ClusterRole")
        if not any("aggregate-to" in label for label in role["metadata"]["labels"])
        for rule in role["rules"]
        for resource in rule["resources"]
    ]
    assert {resource for _, resource in reading_all} == {
        "nodes",
        "tokenreviews",
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
    }
