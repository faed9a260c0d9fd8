"""Values to JSON and back by type hints."""

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Optional, TypedDict
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon import ValueInvalid, _hints, _values


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


@dataclass
class Leaf:
    name: str
    size: float = 1.0


@dataclass
class Tree:
    root: Leaf
    children: list["Tree"] = field(default_factory=list)
    index: dict[str, Leaf] | None = None


class Point(NamedTuple):
    x: int
    y: int


class Shape(TypedDict):
    color: Color
    label: NotRequired[str]


Name = NewType("Name", str)


class Model:
    """Looks as pydantic's models do, and is none."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and other.n == self.n

    __hash__ = None  # type: ignore[assignment]

    def model_dump(self, *, mode: str) -> dict[str, int]:
        assert mode == "json"
        return {"n": self.n}

    @classmethod
    def model_validate(cls, value: dict[str, int]) -> "Model":
        if not isinstance(value.get("n"), int):
            raise ValueError("n is no number")
        return cls(value["n"])


CASES: list[tuple[Any, Any, str]] = [
    (None, None, "null"),
    (1, int, "1"),
    (True, bool, "true"),
    (1.5, float, "1.5"),
    ("grüß", str, '"grüß"'),
    (Color.RED, Color, '"red"'),
    (Level.LOW, Level, "1"),
    (datetime(2026, 1, 2, 3, tzinfo=UTC), datetime, '"2026-01-02T03:00:00+00:00"'),
    (date(2026, 1, 2), date, '"2026-01-02"'),
    (time(3, 4), time, '"03:04:00"'),
    (timedelta(seconds=90), timedelta, "90.0"),
    (UUID(int=1), UUID, '"00000000-0000-0000-0000-000000000001"'),
    (Decimal("1.10"), Decimal, '"1.10"'),
    (b"\x00\xff", bytes, '"AP8="'),
    ({3, 1}, set[int], "[1,3]"),
    (frozenset({"a"}), frozenset[str], '["a"]'),
    ((1, "a"), tuple[int, str], '[1,"a"]'),
    ((1, 2), tuple[int, ...], "[1,2]"),
    ([1, 2], Sequence[int], "[1,2]"),
    ({"a": [1]}, Mapping[str, list[int]], '{"a":[1]}'),
    ({1: "x"}, dict[int, str], '{"1":"x"}'),
    (Leaf("x"), Leaf, '{"name":"x","size":1.0}'),
    (Leaf("x"), Optional[Leaf], '{"name":"x","size":1.0}'),  # noqa: UP045
    (None, Leaf | None, "null"),
    (
        Tree(Leaf("r"), [Tree(Leaf("c"))], {"k": Leaf("v")}),
        Tree,
        '{"root":{"name":"r","size":1.0},"children":[{"root":{"name":"c","size":1.0},"children":[],'
        '"index":null}],"index":{"k":{"name":"v","size":1.0}}}',
    ),
    (Point(1, 2), Point, "[1,2]"),
    ({"color": Color.BLUE}, Shape, '{"color":"blue"}'),
    (Name("n"), Name, '"n"'),
    (5, Annotated[int, ["unhashable"]], "5"),
    ("a", Literal["a", "b"], '"a"'),
    (Model(3), Model, '{"n":3}'),
    ([Model(3)], list[Model], '[{"n":3}]'),
    (1, float | int, "1"),
    (UUID(int=2), int | UUID, '"00000000-0000-0000-0000-000000000002"'),
]


@pytest.mark.parametrize(("value", "hint", "text"), CASES, ids=lambda case: str(case)[:30])
def test_goes_out_and_comes_back(value: Any, hint: Any, text: str):
    assert _values.encode(value, what="x") == text
    back = _hints.decode(text, hint, what="x")
    assert back == value
    assert type(back) is type(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_any_json_value_survives_and_has_utf8(value: Any):
    text = _values.encode(value, what="x")
    text.encode()
    assert _hints.decode(text, Any, what="x") == value


def test_a_lone_surrogate_survives():
    text = _values.encode("\ud800", what="x")
    assert text == '"\\ud800"'
    assert _hints.decode(text, str, what="x") == "\ud800"


@pytest.mark.parametrize("text", ["  1", "1\n", " 1 "])
def test_space_around_a_value_is_no_part_of_it(text: str):
    assert _values.decode(text) == 1


@pytest.mark.parametrize("text", ["1 2", '"a"b', "[", " ", "{}}"])
def test_what_is_no_json_is_refused(text: str):
    with pytest.raises(json.JSONDecodeError):
        _values.decode(text)


@pytest.mark.parametrize("absent", [None, ""])
def test_absent_is_none_whatever_the_hint(absent: str | None):
    assert _hints.decode(absent, int, what="x") is None


def test_ignores_members_that_another_team_added():
    assert _hints.decode('{"name":"x","weight":3}', Leaf, what="x") == Leaf("x")


def test_whole_floats_are_integers():
    value = _hints.decode("3.0", int, what="x")
    assert (value, type(value)) == (3, int)


@pytest.mark.parametrize(
    ("text", "hint", "said"),
    [
        ("{", int, "x is not JSON"),
        ('"a"', int, "at $: an integer is declared, 'a' came"),
        ("true", int, "an integer is declared, True came"),
        ("1", str, "a string is declared, 1 came"),
        ("1", bool, "true or false is declared"),
        ('["a"]', list[int], "at $[0]: an integer"),
        ("{}", list[int], "an array is declared"),
        ("[1]", tuple[int, int], "an array of 2 is declared"),
        ('{"k":{"size":1}}', dict[str, Leaf], "at $.k: Leaf with member name is declared"),
        ('{"root":{"name":"r"},"children":[{"root":5}]}', Tree, "at $.children[0].root: an object"),
        ('"green"', Color, "one of ['red', 'blue'] is declared"),
        ('"soon"', datetime, "an ISO 8601 date and time"),
        ("{}", Shape, "Shape with member color"),
        ('"c"', Literal["a", "b"], "one of ['a', 'b']"),
        ('{"n":"x"}', Model, "Model (n is no number) is declared"),
        ('"x"', object.__class__, "which has no known form in JSON"),
        ('"x"', int | None, "int | None is declared"),
    ],
)
def test_says_where_a_value_does_not_fit(text: str, hint: Any, said: str):
    with pytest.raises(ValueInvalid) as caught:
        _hints.decode(text, hint, what="x")
    assert said in str(caught.value)


class Opaque: ...


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Opaque(), "$ is of type Opaque"),
        ({"a": [1, Opaque()]}, "$.a[1] is of type Opaque"),
        (Tree(Opaque()), "$.root is of type Opaque"),  # type: ignore[arg-type]
        (float("nan"), "$ is nan"),
        ({(1, 2): 3}, "$ is a mapping with a key of type tuple"),
    ],
)
def test_says_which_part_has_no_json_form(value: Any, said: str):
    with pytest.raises(ValueInvalid) as caught:
        _values.encode(value, what='input of activity "a"')
    assert f'input of activity "a" cannot become JSON: {said}' in str(caught.value)


def test_says_that_a_value_contains_itself():
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueInvalid, match="contains itself"):
        _values.encode(loop, what="x")
