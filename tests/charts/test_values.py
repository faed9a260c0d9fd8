"""Values: what is not known is refused, and everything is described."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from docs import chart_page
from tests import helm
from tests.charts.rendering import CASES, CHART, CRDS

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
#: Parts of Kubernetes' own API, which its server checks, and maps whose keys are the user's.
OPEN = {"kubernetes", "global"}


def _objects(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield path, schema
        for key, inner in schema.items():
            yield from _objects(inner, (*path, key))
    elif isinstance(schema, list):
        for inner in schema:
            yield from _objects(inner, path)


def _typos(values: dict[str, Any], schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """Yield the defaults with one key misspelt, for each key."""
    for key, value in values.items():
        wrong = copy.deepcopy(VALUES)
        place = wrong
        for step in path:
            place = place[step]
        place[f"{key}s"] = place.pop(key)
        yield wrong
        inner = schema["properties"][key]
        if isinstance(value, dict) and "properties" in inner:
            yield from _typos(value, inner, (*path, key))


def test_every_object_of_the_schema_is_closed() -> None:
    is_open = [
        path
        for path, schema in _objects(SCHEMA)
        if not OPEN & set(path) and schema.get("additionalProperties") in (None, True)
    ]
    assert is_open == []


def test_every_misspelt_value_is_refused() -> None:
    validator = jsonschema.Draft7Validator(SCHEMA)
    assert validator.is_valid(VALUES)
    typos = list(_typos(VALUES, SCHEMA))
    assert len(typos) > 100
    assert [wrong for wrong in typos if validator.is_valid(wrong)] == []


@pytest.mark.parametrize("major", helm.MAJORS)
def test_helm_names_the_value_that_it_does_not_know(major: int) -> None:
    with pytest.raises(helm.Refused, match="replica"):
        helm.template(major, CHART, "--set", "operator.replica=3")
    with pytest.raises(helm.Refused, match="kep"):
        helm.template(major, CRDS, "--set", "kep=false")


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("certificates.mode=provided", "certificates.secretName"),
        ("etcd.bundled.enabled=false", "etcd.external.endpoints"),
        ("etcd.external.endpoints={http://etcd:2379}", "exclude each other"),
        ("webhook.injection.failurePolicy=Perhaps", "failurePolicy"),
        ("watchNamespaces={Shop}", "watchNamespaces"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_values_name(setting: str, says: str) -> None:
    with pytest.raises(helm.Refused, match=says):
        helm.template(helm.MAJORS[-1], CHART, "--set", setting)


def test_the_authority_of_a_provided_certificate_is_asked_for() -> None:
    with pytest.raises(helm.Refused, match="caBundle"):
        helm.template(
            helm.MAJORS[-1], CHART, "--set", "certificates.mode=provided", "--set", "certificates.secretName=own"
        )


def test_every_value_stands_in_the_charts_page() -> None:
    shown = chart_page.PAGE.read_text()
    assert shown == chart_page.page(shown), "run make docs"


def test_every_value_of_the_schema_has_a_default_and_the_other_way_round() -> None:
    paths = {path for path, _, _ in chart_page.leaves((), VALUES, SCHEMA)}
    assert {path[0] for path in paths} == set(SCHEMA["properties"]) - {"global"}


def test_the_tried_values_reach_every_template() -> None:
    sources = {path.name for path in (CHART / "templates").rglob("*.yaml")}
    seen: set[str] = set()
    for case in CASES:
        values = CASES[case]
        text = helm.run(
            helm.MAJORS[0], "template", "antiphon", CHART, *(() if values is None else ("--values", str(values)))
        )
        seen |= {
            line.rpartition("/")[2] for line in text.splitlines() if line.startswith("# Source: antiphon/templates/")
        }
    assert sources == seen
