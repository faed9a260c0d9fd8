"""JSON schemas of type hints: what values must fit, and that they agree with what is read and written."""

import enum
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, TypedDict
from uuid import UUID

import jsonschema
import pytest

from antiphon import ValueInvalid, _hints, _schemas, _values, activity
from antiphon._definitions import find

Id = NewType("Id", str)


class Color(enum.Enum):
    RED = "red"
    BLUE = 2


class Point(NamedTuple):
    x: int
    y: float


class Box(TypedDict):
    size: int
    label: NotRequired[str]


@dataclass
class Tree:
    name: str
    children: list["Tree"] = field(default_factory=list)
    made: datetime | None = None


FITTING: list[tuple[Any, Any]] = [
    (str, "a"),
    (int, 3),
    (float, 3),
    (bool, True),
    (None, None),
    (str | None, None),
    (list[int], [1, 2]),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2)),
    (set[str], {"a"}),
    (dict[str, float], {"a": 1.5}),
    (dict[int, str], {1: "a"}),
    (Literal["a", 1], 1),
    (Color, Color.BLUE),
    (Point, Point(1, 2.5)),
    (Box, {"size": 1}),
    (Tree, Tree("a", [Tree("b")], datetime(2024, 1, 1, tzinfo=UTC))),
    (Id, Id("x")),
    (Annotated[int, "more"], 1),
    (date, date(2024, 1, 1)),
    (timedelta, timedelta(seconds=1.5)),
    (UUID, UUID(int=1)),
    (Decimal, Decimal("1.50")),
    (bytes, b"abc"),
    (list[Tree | int], [1, Tree("a")]),
]


@pytest.mark.parametrize(("hint", "value"), FITTING, ids=[str(hint) for hint, _ in FITTING])
def test_what_is_written_fits_and_is_read_again(hint: Any, value: Any):
    schema, text = _schemas.schema_of(hint), _values.encode(value, what="v")
    assert schema is not None
    jsonschema.Draft202012Validator.check_schema(json.loads(schema))
    jsonschema.validate(json.loads(text), json.loads(schema), cls=jsonschema.Draft202012Validator)
    assert _hints.decode(text, hint, what="v") == value


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (str, 1),
        (int, 1.5),
        (list[int], ["a"]),
        (tuple[int, str], [1]),
        (dict[str, int], {"a": "b"}),
        (Literal["a"], "b"),
        (Color, "green"),
        (Box, {"label": "a"}),
        (Tree, {"name": "a", "children": [{"nom": "b"}]}),
        (str | None, 1),
    ],
)
def test_what_does_not_fit_is_refused_by_both(hint: Any, value: Any):
    schema = _schemas.schema_of(hint)
    assert schema is not None
    assert not jsonschema.Draft202012Validator(json.loads(schema)).is_valid(value)
    with pytest.raises(ValueInvalid, match="does not fit"):
        _hints.decode(json.dumps(value), hint, what="v")


@pytest.mark.parametrize("hint", [Any, object])
def test_a_hint_that_says_nothing_has_no_schema(hint: Any):
    assert _schemas.schema_of(hint) is None


def test_a_digest_is_for_ever():
    schema = _schemas.schema_of(Tree)
    assert schema is not None
    assert schema == (
        '{"$defs":{"Tree":{"properties":{"children":{"items":{"$ref":"#/$defs/Tree"},"type":"array"},"made":{"anyOf":'
        '[{"format":"date-time","type":"string"},{"type":"null"}]},"name":{"type":"string"}},"required":["name"],'
        '"type":"object"}},"$ref":"#/$defs/Tree"}'
    )
    assert _schemas.digest_of(schema) == "9951030c8e661afb241a0a11960a4b96c0de1875d4cbecb56ef76ad230dad8b5"


def test_two_classes_of_one_name_are_told_apart():
    @dataclass
    class Box:
        inside: "str"

    schema = _schemas.schema_of(tuple[Box, globals()["Box"]])
    assert schema is not None
    assert set(json.loads(schema)["$defs"]) == {"Box", "Box_"}


def test_further_members_are_allowed_as_reading_allows_them():
    schema = _schemas.schema_of(Tree)
    assert schema is not None
    jsonschema.validate({"name": "a", "more": 1}, json.loads(schema))


def test_functions_say_what_they_take_and_give():
    @activity.define
    def charge(amount: int) -> str: ...

    @activity.define
    def silent(x): ...

    @activity.define
    def broken(x: "NoSuchType") -> str: ...  # type: ignore[name-defined]  # noqa: F821

    assert (find(charge, kind="activity").input_schema, find(charge, kind="activity").output_schema) == (
        '{"type":"integer"}',
        '{"type":"string"}',
    )
    for function in (silent, broken):
        assert find(function, kind="activity").input_schema is None
        assert find(function, kind="activity").output_schema is None
