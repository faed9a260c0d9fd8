"""Completion tokens name their task, so that a result outlives the sidecar that asked for it."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_names.hashing import slot_of
from antiphon_sidecar.engine.ids import TaskRef
from antiphon_sidecar.runtime.tokens import read_task_token, task_token, token_attempt

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)


@given(_TEXT, _TEXT, _TEXT, st.integers(-1, 2**31 - 1), st.binary(min_size=16, max_size=16))
def test_a_token_gives_back_its_task(app, instance_id, execution_id, task_id, incarnation):
    ref = TaskRef(app, instance_id, execution_id, task_id)
    token = task_token(ref, incarnation=incarnation, slot=slot_of(instance_id), attempt=2)
    assert read_task_token(token) == (ref, incarnation, slot_of(instance_id))
    assert token_attempt(token) == 2


@pytest.mark.parametrize("instance_id", ["one", "a/b//c", "\u00e9\n"])
def test_a_token_is_short_and_gives_back_an_instance_id_of_any_form(instance_id: str):
    ref = TaskRef("orders", instance_id, "first", 7)
    token = task_token(ref, incarnation=b"\1" * 16, slot=slot_of(instance_id), attempt=3)
    assert len(token) < len("orders" + instance_id + "first") + 45
    assert read_task_token(token) == (ref, b"\1" * 16, slot_of(instance_id))


def test_a_token_of_an_earlier_release_is_read():
    fields = ["orders", "one", "first", 7, "01" * 16, slot_of("one"), 3]
    token = base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()
    assert read_task_token(token) == (TaskRef("orders", "one", "first", 7), b"\1" * 16, slot_of("one"))
    assert token_attempt(token) == 3


@pytest.mark.parametrize(
    "changed",
    [
        {0: None},
        {1: "a\0b"},
        {1: "\ud800"},
        {2: 7},
        {3: 2**31},
        {3: 1.5},
        {3: float("inf")},
        {4: 5},
        {4: "zz"},
        {5: 1},
        {5: 2**70},
    ],
)
def test_a_token_that_somebody_made_up_is_none(changed: dict[int, object]):
    fields: list[object] = ["orders", "one", "first", 1, "00" * 16, slot_of("one"), 1]
    for place, value in changed.items():
        fields[place] = value
    assert read_task_token(base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()) is None


@pytest.mark.parametrize(
    "changed", [{1: "x"}, {1: str(2**40)}, {2: "x"}, {2: str(2**31)}, {3: "zz"}, {4: "a\0b"}, {6: "\ud800"}]
)
def test_a_short_token_that_somebody_made_up_is_none(changed: dict[int, str]):
    fields = ["1", "1", "7", "00" * 16, "orders", "first", "one"]
    assert read_task_token("/".join(fields)) is not None
    for place, value in changed.items():
        fields[place] = value
    assert read_task_token("/".join(fields)) is None


@pytest.mark.parametrize("token", ["nonsense", "e30=", "W10=", "WzEsMl0=", "====", "\u00e9", "1/", "1/1/2/00"])
def test_what_is_no_token_of_ours_is_none(token: str):
    assert read_task_token(token) is None
