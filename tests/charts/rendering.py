"""What the charts make of values: rendered once for each Helm and each file of values."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests import helm

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "antiphon"
CRDS = ROOT / "charts" / "antiphon-crds"
NAMESPACE = "antiphon-system"

Object = Mapping[str, Any]

#: Files of values by name; None stands for the defaults.
CASES: Mapping[str, Path | None] = {
    "default": None,
    **{path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*-values.yaml"))},
}


def options(case: str) -> tuple[str, ...]:
    """Return Helm's arguments for a file of values."""
    values = CASES[case]
    return () if values is None else ("--values", str(values))


@cache
def rendered(case: str = "default", major: int = helm.MAJORS[-1]) -> tuple[Object, ...]:
    """Return all objects that the chart makes."""
    return tuple(helm.template(major, CHART, *options(case), namespace=NAMESPACE))


@cache
def custom_resources() -> tuple[Object, ...]:
    return tuple(helm.template(helm.MAJORS[-1], CRDS))


def of_kind(objects: tuple[Object, ...], *kinds: str) -> list[Object]:
    return [found for found in objects if found["kind"] in kinds]


def name(found: Object) -> str:
    return f"{found['kind']}/{found['metadata'].get('namespace', '')}/{found['metadata']['name']}"


def pods(objects: tuple[Object, ...]) -> Iterator[tuple[str, Object]]:
    """Yield the specification of every pod, by the name of what makes it."""
    for found in objects:
        match found["kind"]:
            case "Pod":
                yield name(found), found["spec"]
            case "Deployment" | "StatefulSet" | "Job":
                yield name(found), found["spec"]["template"]["spec"]


def flags(container: Object) -> dict[str, str]:
    """Return a container's flags by their names, without dashes."""
    words = [*container.get("command", []), *container.get("args", [])]
    return {found[1]: found[2] for word in words if (found := re.fullmatch(r"--([a-z-]+)(?:=(.*))?", word))}
