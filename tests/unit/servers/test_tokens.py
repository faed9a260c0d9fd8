"""Completion tokens name their task, so that a result outlives the sidecar that asked for it."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_names.hashing import slot_of
from antiphon_sidecar.engine.ids import TaskRef
from antiphon_sidecar.runtime.tokens import read_task_token, task_token

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)


@given(_TEXT, _TEXT, _TEXT, st.integers(-1, 2**31 - 1), st.binary(min_size=16, max_size=16))
def test_a_token_gives_back_its_task(app, instance_id, execution_id, task_id, incarnation):
    ref = TaskRef(app, instance_id, execution_id, task_id)
    token = task_token(ref, incarnation=incarnation, slot=slot_of(instance_id), attempt=2)
    assert read_task_token(token) == (ref, incarnation, slot_of(instance_id))


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


@pytest.mark.parametrize("token", ["nonsense", "e30=", "W10=", "WzEsMl0=", "====", "\u00e9"])
def test_what_is_no_token_of_ours_is_none(token: str):
    assert read_task_token(token) is None
