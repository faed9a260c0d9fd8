"""Metrics are named in three places: the code, docs/metrics.md and the dashboard."""

import json
import re
from pathlib import Path

from docs.metrics_page import ALERTS, PAGE, exposed, families, labels, page

DASHBOARD = PAGE.parent / "grafana" / "antiphon.json"
_NAME = re.compile(r"\bantiphon_\w+")
_BY = re.compile(r"by \(([^)]*)\)")


def _known() -> dict[str, set[str]]:
    """Return the labels of every name that Prometheus keeps."""
    return {
        name: {*labels(family), *(["le"] if name.endswith("_bucket") else [])}
        for _, family in families()
        for name in exposed(family)
    }


def _expressions() -> list[str]:
    board = json.loads(DASHBOARD.read_text())
    queries = [variable["query"]["query"] for variable in board["templating"]["list"] if variable["type"] == "query"]
    return queries + [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def test_the_page_says_what_the_code_reports():
    assert PAGE.read_text() == page(), "docs/metrics.md is out of date: run make docs"


def test_every_expression_names_metrics_that_exist_and_labels_that_they_have():
    known = _known()
    for expression in [*_expressions(), *ALERTS.split("`")[1::2]]:
        names = [name for name in _NAME.findall(expression)]
        assert names or "antiphon why" in expression, expression
        for name in names:
            assert name in known, f"{expression}: no metric {name}"
            for label in (label.strip() for group in _BY.findall(expression) for label in group.split(",")):
                assert label in known[name], f"{expression}: {name} has no label {label}"


def test_the_dashboard_shows_every_metric():
    shown = {name for expression in _expressions() for name in _NAME.findall(expression)}
    missing = [family.name for _, family in families() if not shown & set(exposed(family))]
    assert not missing


def test_names_and_meanings_are_given_once():
    names = [family.name for _, family in families()]
    assert len(names) == len(set(names))
    assert all(family.documentation for _, family in families())


def test_the_dashboard_is_one_that_grafana_reads():
    board = json.loads(Path(DASHBOARD).read_text())
    assert board["schemaVersion"] >= 30
    assert [panel["id"] for panel in board["panels"]] == list(range(1, len(board["panels"]) + 1))
