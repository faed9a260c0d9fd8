"""Values to JSON text. Used wherever a value leaves the process; `_hints` is the way back.

Plain JSON types, dataclasses, enums, datetimes, UUIDs, Decimals, bytes (base64), sets and, where their
library is installed, pydantic models become JSON without any set-up. Nothing here knows workflows.
"""

import base64
import dataclasses
import enum
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from antiphon.errors import ValueInvalid


def encode(value: object, *, what: str) -> str:
    """Return compact JSON; `what` names the value in errors: `input of activity "charge"`.

    Raises:
        ValueInvalid: some part has no JSON form; the text names the part and its type.
    """
    try:
        text = _dumps(value, ascii_only=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueInvalid(_complaint(value, what=what, error=error)) from error
    if text.isascii() or _is_utf8(text):
        return text
    # A lone surrogate has no UTF-8 form; escaped it survives the wire as it is.
    return _dumps(value, ascii_only=True)


def encode_optional(value: object, *, what: str) -> str | None:
    """Return compact JSON, or None for None: an absent input, as other SDKs send it."""
    return None if value is None else encode(value, what=what)


def _dumps(value: object, *, ascii_only: bool) -> str:
    return (_ASCII if ascii_only else _UTF8).encode(value)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: object) -> object:
    """Return what json can write in place of a value that it does not know."""
    match value:
        case enum.Enum():
            return value.value
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case uuid.UUID() | Decimal():
            return str(value)
        case bytes() | bytearray():
            return base64.b64encode(value).decode("ascii")
        case Mapping():
            return dict(value)
        case set() | frozenset():
            # Sorted by their text: iteration order differs between processes, replay must not.
            return sorted(value, key=lambda item: _dumps(item, ascii_only=True))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return dump(mode="json")
    raise TypeError(f"{type(value).__qualname__} has no JSON form")


_DECODER = json.JSONDecoder()
# Made once: a call of json.dumps with these settings would build one each time.
_UTF8, _ASCII = (
    json.JSONEncoder(separators=(",", ":"), ensure_ascii=ascii_only, allow_nan=False, default=_plain)
    for ascii_only in (False, True)
)


def _complaint(value: object, *, what: str, error: Exception) -> str:
    for path, part in _parts(value, "$", depth=0):
        return (
            f"{what} cannot become JSON: {path} is {part}. Use dataclasses, pydantic models, or plain "
            "dicts, lists, strings and numbers"
        )
    return f"{what} cannot become JSON: {error}. Use plain dicts, lists, strings and numbers"


def _parts(value: object, path: str, *, depth: int) -> Iterator[tuple[str, str]]:
    """Yield the innermost parts without a JSON form, first found first."""
    if depth > 50:
        yield path, "nested too deeply, or contains itself"
        return
    inner: list[tuple[str, object]] = []
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str | int | float | bool | None):
                yield path, f"a mapping with a key of type {type(key).__qualname__}"
                return
            inner.append((f"{path}.{key}", item))
    elif isinstance(value, list | tuple | set | frozenset):
        inner = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        inner = [(f"{path}.{f.name}", getattr(value, f.name)) for f in dataclasses.fields(value)]
    for where, item in inner:
        yield from _parts(item, where, depth=depth + 1)
    if not inner:
        yield from _unwritable(value, path)


def _unwritable(value: object, path: str) -> Iterator[tuple[str, str]]:
    try:
        _dumps(value, ascii_only=True)
    except (TypeError, ValueError, RecursionError):
        shown = repr(value) if isinstance(value, float) else f"of type {type(value).__qualname__}"
        yield path, shown


def decode(text: str | None) -> Any:  # noqa: ANN401  (any JSON value)
    """Return the JSON value; absent and empty text are None, as other SDKs mean them.

    Raises:
        ValueError: the text is not JSON.
    """
    if not text:
        return None
    try:
        value, end = _DECODER.raw_decode(text)
    except ValueError:
        end = -1
    # Space around a value, which compact JSON has not, or something else: json.loads skips it, or says what is wrong.
    return value if end == len(text) else json.loads(text)


def random_id() -> str:
    """Return a new random ID; clients name instances by it, workflow code must not use it."""
    return uuid.UUID(bytes=os.urandom(16), version=4).hex
