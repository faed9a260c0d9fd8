"""JSON Schemas in resources: whether they are any, and whether an input fits one.

Schemas come from users of all namespaces, so what would let one of them keep the webhook busy is left out: regular
expressions, references that lead out of the schema, and more work than an honest schema asks for. An input is refused
only for what is certain.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import jsonschema
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from antiphon_names import errors as codes
from antiphon_operator.validation.problems import Problem

Schema = Mapping[str, Any] | bool
Json = Mapping[str, Any] | Sequence[Any] | str | float | bool | None

#: References that one check may follow; nested ones can multiply to any number.
_REFERENCES_MAX = 10_000
#: Items that are compared with each other.
_UNIQUE_ITEMS_MAX = 1_000
_MESSAGE_MAX = 300
#: Below these stand values of users, not schemas.
_VALUES = ("const", "default", "enum", "examples")
_REFERENCES = ("$ref", "$dynamicRef")


class Undecided(Exception):
    """Whether an input fits cannot be found out at admission."""


def invalid(schema: object, *, where: str) -> Iterator[Problem]:
    """Yield why something is no JSON Schema that this release can use."""
    try:
        Draft202012Validator.check_schema(schema)  # type: ignore[arg-type] # whether it is one is the question
    except jsonschema.SchemaError as error:
        yield Problem(
            codes.SCHEMA_INVALID,
            f"{_place(where, error.absolute_path)} is no JSON Schema: {_short(error.message)}. Correct it; draft "
            "2020-12 applies.",
        )
        return
    except RecursionError:
        yield Problem(codes.SCHEMA_INVALID, f"{where} is no JSON Schema: it is nested too deeply. Make it flatter.")
        return
    for reference in _dangling(schema):
        yield Problem(
            codes.SCHEMA_INVALID,
            f'{where} refers to "{reference}", which is not in this schema. Put it below $defs and refer to it with '
            "#/$defs/NAME; nothing is fetched from elsewhere.",
        )


def unfit(value: Json, schema: Schema) -> str | None:
    """Return why a value does not fit a schema, None when it fits.

    Raises:
        Undecided: the schema is no schema, or asks for too much.
    """
    wrong = next(invalid(schema, where="it"), None)
    if wrong is not None:
        raise Undecided(wrong.detail.removesuffix("."))
    try:
        validator = _validator(_decidable(schema))
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    except (RecursionError, Unresolvable, ArithmeticError, TypeError, AttributeError, ValueError) as failure:
        raise Undecided(_short(str(failure))) from failure
    return None if error is None else f"{_path(error.absolute_path)}{_short(error.message)}"


def _validator(schema: Schema) -> Validator:
    followed = count(1)

    def reference(validator: Validator, target: str, instance: object, of: Schema) -> Iterator[ValidationError]:
        if next(followed) > _REFERENCES_MAX:
            raise Undecided("the schema refers to itself too often")
        yield from Draft202012Validator.VALIDATORS["$ref"](validator, target, instance, of)

    def unique(validator: Validator, wanted: bool, instance: object, of: Schema) -> Iterator[ValidationError]:
        if not isinstance(instance, list) or len(instance) <= _UNIQUE_ITEMS_MAX:
            yield from Draft202012Validator.VALIDATORS["uniqueItems"](validator, wanted, instance, of) or ()

    extend: Callable[..., type[Validator]] = jsonschema.validators.extend
    bounded = extend(Draft202012Validator, {"$ref": reference, "uniqueItems": unique})
    # A registry of its own: the default one would fetch what a reference names.
    return bounded(schema, registry=Registry())


def _decidable(schema: Schema) -> Schema:
    """Return the schema without its regular expressions, and without what would depend on them."""
    if not isinstance(schema, Mapping):
        return schema
    kept = {
        key: value if key in _VALUES else [*map(_decidable, value)] if isinstance(value, list) else _decidable(value)
        for key, value in schema.items()
        if not (key == "pattern" and isinstance(value, str))
    }
    if "patternProperties" in kept:
        for key in ("patternProperties", "additionalProperties", "unevaluatedProperties"):
            kept.pop(key, None)
    return kept


def _dangling(schema: object) -> list[str]:
    if not isinstance(schema, Mapping):
        return []
    resource = DRAFT202012.create_resource(schema)
    resolver = Registry().with_resource("", resource).resolver()
    missing = []
    for reference in sorted(set(_references(schema))):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            missing.append(reference)
    return missing


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        # What has a name of its own may be referred to by it; that is not followed up here.
        if isinstance(schema.get("$id"), str):
            return
        for key, value in schema.items():
            if key in _REFERENCES and isinstance(value, str):
                yield value
            elif key not in _VALUES:
                yield from _references(value)
    elif isinstance(schema, Sequence) and not isinstance(schema, str):
        for each in schema:
            yield from _references(each)


def _place(where: str, path: Sequence[str | int]) -> str:
    return ".".join([where, *map(str, path)])


def _path(path: Sequence[str | int]) -> str:
    return f"{'.'.join(map(str, path))}: " if path else ""


def _short(text: str) -> str:
    return text if len(text) <= _MESSAGE_MAX else f"{text[:_MESSAGE_MAX]}..."
