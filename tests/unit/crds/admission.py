"""What the API server does with an object of our kinds, offline: defaults, schema, lists that are maps, CEL rules.

The CEL engine here takes no schema and so finds no type errors and no costs: tests/compat/test_crd_rules.py has the API
server's own code compile the same rules.
"""

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cel
import jsonschema
import yaml

CRDS = Path(__file__).parents[3] / "crds"

Schema = dict[str, Any]
Object = dict[str, Any]


@cache
def definitions() -> dict[str, Object]:
    """Return the definitions by kind."""
    found = [yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.yaml"))]
    return {each["spec"]["names"]["kind"]: each for each in found}


def version(kind: str) -> Object:
    """Return the one version of a kind."""
    (only,) = definitions()[kind]["spec"]["versions"]
    return only


def schema(kind: str) -> Schema:
    """Return a kind's schema."""
    return version(kind)["schema"]["openAPIV3Schema"]


def nodes(of: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield a schema and all below it with their paths."""
    yield path, of
    for name, each in of.get("properties", {}).items():
        yield from nodes(each, f"{path}.{name}")
    if "items" in of:
        yield from nodes(of["items"], f"{path}[]")
    if isinstance(of.get("additionalProperties"), dict):
        yield from nodes(of["additionalProperties"], f"{path}{{}}")


def admitted(manifest: Object, old: Object | None = None) -> tuple[Object, list[str]]:
    """Return the object with its defaults, and why the API server refuses it; `old` makes it an update."""
    of = schema(manifest["kind"])
    found = _defaulted(of, copy.deepcopy(manifest))
    before = None if old is None else _defaulted(of, copy.deepcopy(old))
    errors = [f"{_path(each)}: {each.message}" for each in _validator(manifest["kind"]).iter_errors(found)]
    if not errors:
        errors = [*_repeated(of, found, ""), *_broken_rules(of, found, before, "")]
    return found, errors


def refusals(manifest: Object, old: Object | None = None) -> list[str]:
    """Return why the API server refuses an object; empty when it does not."""
    return admitted(manifest, old)[1]


@cache
def _validator(kind: str) -> jsonschema.protocols.Validator:
    return jsonschema.Draft202012Validator(
        _as_json_schema(schema(kind)), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def _as_json_schema(of: Schema, name: str = "") -> Schema:
    """Return the JSON Schema of a structural schema; unknown fields, which the API server drops, are errors."""
    made = {key: value for key, value in of.items() if not key.startswith("x-") and key not in ("nullable", "default")}
    if name == "metadata":
        return {"type": "object", "required": ["name"]}
    if of.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    if "properties" in of:
        made["properties"] = {key: _as_json_schema(each, key) for key, each in of["properties"].items()}
        made["additionalProperties"] = False
    if "items" in of:
        made["items"] = _as_json_schema(of["items"])
    if isinstance(of.get("additionalProperties"), dict):
        made["additionalProperties"] = _as_json_schema(of["additionalProperties"])
    return {"anyOf": [made, {"type": "null"}]} if of.get("nullable") else made


def _path(error: jsonschema.ValidationError) -> str:
    return error.json_path.removeprefix("$")


def _defaulted(of: Schema, value: Any) -> Any:
    if isinstance(value, dict):
        for name, each in of.get("properties", {}).items():
            if "default" in each and name not in value:
                value[name] = copy.deepcopy(each["default"])
            if name in value:
                value[name] = _defaulted(each, value[name])
    elif isinstance(value, list) and "items" in of:
        return [_defaulted(of["items"], each) for each in value]
    return value


def _repeated(of: Schema, value: Any, path: str) -> Iterator[str]:
    """Yield what stands twice in a list that is a set or a map."""
    kind = of.get("x-kubernetes-list-type")
    if isinstance(value, list) and kind in ("map", "set"):
        keys = of.get("x-kubernetes-list-map-keys", ())
        seen = [tuple(each[key] for key in keys) if kind == "map" else each for each in value]
        yield from (
            f"{path}: Duplicate value: {each}" for each in sorted({each for each in seen if seen.count(each) > 1})
        )
    for each, below, at in _children(of, value, path):
        yield from _repeated(each, below, at)


def _children(of: Schema, value: Any, path: str) -> Iterator[tuple[Schema, Any, str]]:
    if isinstance(value, dict):
        for name, below in value.items():
            each = of.get("properties", {}).get(name, of.get("additionalProperties"))
            if isinstance(each, dict):
                yield each, below, f"{path}.{name}"
    elif isinstance(value, list) and "items" in of:
        for place, below in enumerate(value):
            yield of["items"], below, f"{path}[{place}]"


def _broken_rules(of: Schema, value: Any, old: Any, path: str) -> Iterator[str]:
    """Yield the messages of CEL rules that do not hold; rules on a change count only where there was a value before."""
    for rule in of.get("x-kubernetes-validations", ()):
        about_change = "oldSelf" in rule["rule"]
        if about_change and old is None:
            continue
        known = {"self": value} | ({"oldSelf": old} if about_change else {})
        if compiled(rule["rule"]).execute(known) is not True:
            yield f"{path}{rule.get('fieldPath', '')}: {rule['message']}"
    for each, below, at in _children(of, value, path):
        yield from _broken_rules(each, below, _before(of, old, at.removeprefix(path)), at)


def _before(of: Schema, old: Any, step: str) -> Any:
    """Return the value that stood in this place; items of lists are not followed, as none of our rules needs it."""
    if isinstance(old, dict) and step.startswith("."):
        return old.get(step[1:])
    return None


@cache
def compiled(rule: str) -> Any:
    """Return a rule as a program."""
    return cel.compile(rule)
