"""Type hints to JSON Schema (draft 2020-12), and their digests. Used by worker, to say what functions take and give.

Made by hand and not by a library, so that a digest is the same whatever is installed beside the SDK; only of a
pydantic model, whose form pydantic alone knows, the schema is pydantic's. A schema says what `_values` writes and
`_hints` reads; a hint that says nothing (Any, none at all) has none.
"""

import collections.abc as abc
import dataclasses
import enum
import hashlib
import inspect
import types
import typing
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from antiphon import _values

Schema = dict[str, Any]

_SCALARS: Mapping[object, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    None: {"type": "null"},
    type(None): {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    time: {"type": "string", "format": "time"},
    timedelta: {"type": "number"},
    UUID: {"type": "string", "format": "uuid"},
    Decimal: {"type": ["string", "number"]},
    bytes: {"type": "string", "contentEncoding": "base64"},
}


def schema_of(hint: object) -> str | None:
    """Return the schema of a hint as canonical JSON; None when the hint says nothing."""
    if hint in (Any, object, inspect.Parameter.empty):
        return None
    reading = _Reading()
    schema = reading.read(hint)
    if not schema:
        return None
    if reading.definitions:
        schema = {**schema, "$defs": {name: reading.definitions[name] for name in sorted(reading.definitions)}}
    return _values.encode(_sorted(schema), what="schema")


def digest_of(schema: str) -> str:
    """Return the name under which a schema is kept: SHA-256 of its canonical JSON."""
    return hashlib.sha256(schema.encode()).hexdigest()


def _sorted(value: Any) -> Any:  # noqa: ANN401  (any JSON value)
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


class _Reading:
    """One hint under way; classes become definitions, since they may contain themselves."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}
        self._names: dict[type, str] = {}

    def read(self, hint: Any) -> Schema:  # noqa: ANN401  (a type hint)
        if isinstance(hint, abc.Hashable) and hint in _SCALARS:
            return dict(_SCALARS[hint])
        if hint in (Any, object) or isinstance(hint, typing.TypeVar):
            return {}
        supertype = getattr(hint, "__supertype__", None)
        if supertype is not None:
            return self.read(supertype)
        origin = typing.get_origin(hint)
        if origin is not None:
            return self._generic(hint, origin)
        return self._class(hint) if isinstance(hint, type) else {}

    def _generic(self, hint: Any, origin: Any) -> Schema:  # noqa: ANN401
        arguments = typing.get_args(hint)
        if origin in (typing.Annotated, typing.Required, typing.NotRequired):
            return self.read(arguments[0])
        if origin is typing.Union or origin is types.UnionType:
            return self._union(arguments)
        if origin is typing.Literal:
            return {"enum": [_plain(item) for item in arguments]}
        if origin is tuple:
            return self._tuple(arguments)
        if isinstance(origin, type) and issubclass(origin, abc.Mapping):
            return self._mapping(arguments)
        if isinstance(origin, type) and issubclass(origin, abc.Collection):
            return self._array(arguments[0])
        return self._class(origin) if isinstance(origin, type) else {}

    def _union(self, members: tuple[Any, ...]) -> Schema:
        schemas = [self.read(member) for member in members]
        # One member that may be anything makes all of it anything.
        return {"anyOf": schemas} if all(schemas) else {}

    def _tuple(self, arguments: tuple[Any, ...]) -> Schema:
        if len(arguments) == 2 and arguments[1] is ...:
            return self._array(arguments[0])
        items = [self.read(argument) for argument in arguments if argument != ()]
        whole: Schema = {"type": "array", "minItems": len(items), "maxItems": len(items)}
        return {**whole, "prefixItems": items} if items else whole

    def _array(self, hint: object) -> Schema:
        items = self.read(hint)
        return {"type": "array", "items": items} if items else {"type": "array"}

    def _mapping(self, arguments: tuple[Any, ...]) -> Schema:
        values = self.read(arguments[1]) if len(arguments) == 2 else {}
        return {"type": "object", "additionalProperties": values} if values else {"type": "object"}

    def _class(self, hint: type) -> Schema:
        if issubclass(hint, enum.Enum):
            return {"enum": [_plain(member.value) for member in hint]}
        if callable(getattr(hint, "model_json_schema", None)):
            return self._defined(hint, self._pydantic)
        if dataclasses.is_dataclass(hint):
            return self._defined(hint, self._dataclass)
        if typing.is_typeddict(hint):
            return self._defined(hint, self._typed_dict)
        if issubclass(hint, tuple) and hasattr(hint, "_fields"):
            fields = typing.get_type_hints(hint)
            return self._tuple(tuple(fields.get(name, Any) for name in hint._fields))
        if issubclass(hint, abc.Mapping):
            return {"type": "object"}
        return {"type": "array"} if issubclass(hint, abc.Collection) else {}

    def _defined(self, hint: type, read: "abc.Callable[[Any], Schema]") -> Schema:
        name = self._names.get(hint)
        if name is None:
            name = hint.__name__
            while name in self.definitions:
                name += "_"
            self._names[hint] = name
            self.definitions[name] = {}
            self.definitions[name] = read(hint)
        return {"$ref": f"#/$defs/{name}"}

    def _dataclass(self, hint: Any) -> Schema:  # noqa: ANN401  (a dataclass)
        hints = typing.get_type_hints(hint, include_extras=True)
        fields = [field for field in dataclasses.fields(hint) if field.init]
        required = [
            field.name
            for field in fields
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        ]
        return self._object({field.name: hints[field.name] for field in fields}, required)

    def _typed_dict(self, hint: Any) -> Schema:  # noqa: ANN401  (a TypedDict)
        return self._object(typing.get_type_hints(hint), sorted(hint.__required_keys__))

    def _object(self, hints: Mapping[str, Any], required: list[str]) -> Schema:
        # Further members are allowed: another team may add some.
        whole: Schema = {"type": "object", "properties": {name: self.read(hint) for name, hint in hints.items()}}
        return {**whole, "required": sorted(required)} if required else whole

    def _pydantic(self, hint: Any) -> Schema:  # noqa: ANN401  (a model)
        schema: Schema = hint.model_json_schema(ref_template=f"#/$defs/{self._names[hint]}/$defs/{{model}}")
        return schema


def _plain(value: object) -> object:
    return _values.decode(_values.encode(value.value if isinstance(value, enum.Enum) else value, what="member"))
