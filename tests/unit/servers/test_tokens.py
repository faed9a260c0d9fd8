"""Completion tokens name their task, so that a result outlives the sidecar that asked for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sidecar.engine.ids import TaskRef
from antiphon_sidecar.runtime.tokens import read_task_token, task_token

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(_TEXT, _TEXT, _TEXT, st.integers(-1, 2**31 - 1), st.binary(min_size=16, max_size=16), st.integers(0, 65535))
def test_a_token_gives_back_its_task(app, instance_id, execution_id, task_id, incarnation, slot):
    ref = TaskRef(app, instance_id, execution_id, task_id)
    token = task_token(ref, incarnation=incarnation, slot=slot, attempt=2)
    assert read_task_token(token) == (ref, incarnation, slot)


@pytest.mark.parametrize("token", ["nonsense", "e30=", "W10=", "WzEsMl0=", "====", "\u00e9"])
def test_what_is_no_token_of_ours_is_none(token: str):
    assert read_task_token(token) is None
