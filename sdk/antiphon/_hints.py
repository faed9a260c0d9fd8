"""JSON values to what a type hint asks for. Used for inputs and results; `_values` is the way out.

Each hint is compiled once into a function. Unknown members of an object are ignored, so that another
team may add fields; missing members and wrong types are errors that name the place.
"""

import base64
import collections.abc as abc
import dataclasses
import enum
import functools
import inspect
import types
import typing
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from antiphon import _values
from antiphon.errors import ValueInvalid

Convert = Callable[[Any], Any]


class _Mismatch(Exception):
    """A value does not fit; `path` grows on the way out."""

    def __init__(self, expected: str, got: object, *, path: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.got = got
        self.path = path


def decode(text: str | None, hint: object, *, what: str) -> Any:  # noqa: ANN401  (the hint's type)
    """Return the value in JSON `text` as `hint` says; absent text is None.

    Raises:
        ValueInvalid: not JSON, or it does not fit; `what` and the path inside it are in the text.
    """
    try:
        value = _values.decode(text)
    except ValueError as error:
        raise ValueInvalid(f"{what} is not JSON: {error}. Let whoever made it send JSON") from error
    if hint is Any or (value is None and not text):
        return value
    try:
        return _converter(hint)(value)
    except _Mismatch as mismatch:
        raise ValueInvalid(
            f"{what} does not fit its type hint at ${mismatch.path}: {mismatch.expected} is declared, "
            f"{_shown(mismatch.got)} came. Declare what really comes, or send what is declared."
        ) from mismatch


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _converter(hint: object) -> Convert:
    try:
        return _cached(hint)
    except TypeError:  # an unhashable hint: Annotated[int, [..]]
        return _compile(hint)


def _same(value: Any) -> Any:  # noqa: ANN401
    return value


def _compile(hint: Any) -> Convert:  # noqa: ANN401
    if hint in (Any, object, inspect.Parameter.empty) or isinstance(hint, typing.TypeVar):
        return _same
    if hint is None or hint is type(None):
        return _none
    supertype = getattr(hint, "__supertype__", None)
    if supertype is not None:
        return _converter(supertype)
    origin = typing.get_origin(hint)
    if origin is not None:
        return _compile_generic(hint, origin)
    if isinstance(hint, type):
        return _compile_class(hint)
    return _same


_cached = functools.lru_cache(maxsize=4096)(_compile)


def _compile_generic(hint: Any, origin: Any) -> Convert:  # noqa: ANN401
    arguments = typing.get_args(hint)
    if origin is typing.Annotated:
        return _converter(arguments[0])
    if origin is typing.Union or origin is types.UnionType:
        return _union(arguments, hint)
    if origin is typing.Literal:
        return _literal(arguments)
    if origin is tuple:
        return _tuple(arguments)
    if isinstance(origin, type) and issubclass(origin, abc.Mapping):
        return _mapping(arguments)
    if isinstance(origin, type) and issubclass(origin, abc.Collection):
        return _collection(origin, arguments[0])
    if isinstance(origin, type) and origin not in (type, abc.Callable):
        return _compile_class(origin)
    return _same


def _compile_class(hint: type) -> Convert:
    if hint in _SCALARS:
        return _SCALARS[hint]
    if issubclass(hint, enum.Enum):
        return _constructed(hint, f"one of {[member.value for member in hint]}")
    validate = getattr(hint, "model_validate", None)
    if callable(validate):
        return _pydantic(hint, validate)
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint)
    if typing.is_typeddict(hint):
        return _typed_dict(hint)
    if issubclass(hint, tuple) and hasattr(hint, "_fields"):
        return _named_tuple(hint)
    if issubclass(hint, tuple):
        return _tuple((Any, ...))
    if issubclass(hint, abc.Mapping):
        return _mapping((Any, Any))
    if issubclass(hint, abc.Collection):
        return _collection(hint, Any)
    return _instance(hint)


def _none(value: object) -> None:
    if value is not None:
        raise _Mismatch("null", value)


def _instance(hint: type) -> Convert:
    def convert(value: object) -> object:
        if not isinstance(value, hint):
            raise _Mismatch(f"{hint.__qualname__} (which has no known form in JSON; use a dataclass)", value)
        return value

    return convert


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Mismatch("a string", value)
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Mismatch("true or false", value)
    return value


def _integer(value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Mismatch("an integer", value)
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _Mismatch("a number", value)
    return float(value)


def _constructed(make: Callable[[Any], Any], expected: str) -> Convert:
    def convert(value: object) -> object:
        try:
            return make(value)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise _Mismatch(expected, value) from error

    return convert


def _octets(value: str) -> bytes:
    return base64.b64decode(value, validate=True)


_SCALARS: dict[type, Convert] = {
    str: _text,
    bool: _boolean,
    int: _integer,
    float: _number,
    datetime: _constructed(datetime.fromisoformat, "an ISO 8601 date and time"),
    date: _constructed(date.fromisoformat, "an ISO 8601 date"),
    time: _constructed(time.fromisoformat, "an ISO 8601 time"),
    timedelta: _constructed(lambda value: timedelta(seconds=value), "a number of seconds"),
    UUID: _constructed(lambda value: UUID(_text(value)), "a UUID"),
    Decimal: _constructed(lambda value: Decimal(str(value)), "a decimal number"),
    bytes: _constructed(_octets, "base64 text"),
}


def _union(members: tuple[Any, ...], hint: object) -> Convert:
    converters = [_converter(member) for member in members]
    # Exact JSON types first, so that `float | int` keeps 1 and `str | UUID` keeps its order.
    plain = {str, bool, int, float, type(None)}.intersection(members)

    def convert(value: object) -> object:
        if type(value) in plain:
            return value
        for converter in converters:
            try:
                return converter(value)
            except _Mismatch:
                continue
        raise _Mismatch(str(hint), value)

    return convert


def _literal(allowed: tuple[Any, ...]) -> Convert:
    def convert(value: object) -> object:
        for item in allowed:
            raw = item.value if isinstance(item, enum.Enum) else item
            if raw == value and type(raw) is type(value):
                return item
        raise _Mismatch(f"one of {list(allowed)}", value)

    return convert


def _items(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise _Mismatch("an array", value)
    return value


def _each(converter: Convert, values: abc.Iterable[Any]) -> list[Any]:
    converted = []
    for index, item in enumerate(values):
        converted.append(_inside(converter, item, f"[{index}]"))
    return converted


def _inside(converter: Convert, value: object, step: str) -> object:
    try:
        return converter(value)
    except _Mismatch as mismatch:
        mismatch.path = step + mismatch.path
        raise


def _collection(origin: type, hint: object) -> Convert:
    converter = _converter(hint)
    make: Callable[[list[Any]], Any] = list
    if issubclass(origin, frozenset):
        make = frozenset
    elif issubclass(origin, abc.Set):
        make = set
    elif issubclass(origin, abc.MutableSequence) and not inspect.isabstract(origin):
        make = origin
    return lambda value: make(_each(converter, _items(value)))


def _tuple(arguments: tuple[Any, ...]) -> Convert:
    if len(arguments) == 2 and arguments[1] is ...:
        converter = _converter(arguments[0])
        return lambda value: tuple(_each(converter, _items(value)))
    converters = [_converter(argument) for argument in arguments if argument != ()]

    def convert(value: object) -> object:
        items = _items(value)
        if len(items) != len(converters):
            raise _Mismatch(f"an array of {len(converters)}", value)
        return tuple(
            _inside(converter, item, f"[{index}]")
            for index, (converter, item) in enumerate(zip(converters, items, strict=True))
        )

    return convert


def _members(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Mismatch("an object", value)
    return value


def _mapping(arguments: tuple[Any, ...]) -> Convert:
    key_hint, value_hint = arguments if len(arguments) == 2 else (Any, Any)
    keys, values = _key(key_hint), _converter(value_hint)
    return lambda value: {
        _inside(keys, key, f".{key}"): _inside(values, item, f".{key}") for key, item in _members(value).items()
    }


def _key(hint: object) -> Convert:
    # JSON has text keys only; numbers were written as text.
    if hint in (int, float):
        return _constructed(typing.cast(Callable[[Any], Any], hint), "a number as key")
    return _converter(hint)


def _fields(hints: dict[str, Any]) -> dict[str, Convert]:
    return {name: _converter(hint) for name, hint in hints.items()}


def _dataclass(hint: type) -> Convert:
    fields = {f.name: f for f in dataclasses.fields(hint) if f.init}
    required = {
        name
        for name, f in fields.items()
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }

    # Not before the first value: a dataclass may contain itself.
    @functools.cache
    def converters() -> dict[str, Convert]:
        hints = typing.get_type_hints(hint, include_extras=True)
        return {name: _converter(hints[name]) for name in fields}

    def convert(value: object) -> object:
        members = _members(value)
        missing = required.difference(members)
        if missing:
            raise _Mismatch(f"{hint.__qualname__} with member {', '.join(sorted(missing))}", value)
        arguments = {
            name: _inside(converter, members[name], f".{name}")
            for name, converter in converters().items()
            if name in members
        }
        return _constructed(lambda given: hint(**given), hint.__qualname__)(arguments)

    return convert


def _typed_dict(hint: Any) -> Convert:  # noqa: ANN401
    @functools.cache
    def converters() -> dict[str, Convert]:
        return _fields(typing.get_type_hints(hint))

    def convert(value: object) -> object:
        members = _members(value)
        missing = hint.__required_keys__.difference(members)
        if missing:
            raise _Mismatch(f"{hint.__qualname__} with member {', '.join(sorted(missing))}", value)
        known = converters()
        return {name: _inside(known.get(name, _same), item, f".{name}") for name, item in members.items()}

    return convert


def _named_tuple(hint: Any) -> Convert:  # noqa: ANN401
    fields = typing.get_type_hints(hint)
    plain = _tuple(tuple(fields.get(name, Any) for name in hint._fields))
    return lambda value: hint(*plain(value))


def _pydantic(hint: type, validate: Callable[[Any], Any]) -> Convert:
    def convert(value: object) -> object:
        try:
            return validate(value)
        except ValueError as error:
            said = " ".join(str(error).split())[:500]
            raise _Mismatch(f"{hint.__qualname__} ({said})", value) from error

    return convert
