"""Manifests of examples and pages: found, read and judged."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from tests.unit.crds import admission

ROOT = Path(__file__).parents[3]
#: The oldest Kubernetes that the charts install on, and the newest whose schemas are known here.
SUPPORTED = ("1.29", kubernetes_validate.latest_version().rpartition(".")[0])
OURS = "antiphon.dev/"

Manifest = dict[str, Any]


def read(text: str) -> list[Manifest]:
    """Return the objects of a YAML text."""
    return [each for each in yaml.safe_load_all(text) if each is not None]


@functools.cache
def _listed(path: Path) -> tuple[Manifest, ...]:
    return tuple(read(path.read_text(encoding="utf-8")))


def of(folder: Path) -> list[Manifest]:
    """Return the objects of all files of a folder, as `kubectl apply -f` takes them."""
    return [each for path in sorted(folder.glob("*.yaml")) for each in _listed(path)]


def errors(manifest: Manifest) -> list[str]:
    """Return what is wrong with an object: ours by our definitions, others by Kubernetes' own."""
    if manifest["apiVersion"].startswith(OURS):
        return admission.refusals(manifest)
    found = []
    for version in SUPPORTED:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            found.append(f"{version}: {error.message}")
    return found


def pod_templates(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Yield the pod templates with the names of what makes pods of them."""
    for each in manifests:
        template = each.get("spec", {}).get("template")
        if template is not None:
            yield f"{each['kind']} {each['metadata']['name']}", template


def fits(value: object, schema: Mapping[str, Any]) -> bool:
    """Whether a value is what a JSON schema wants."""
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))
