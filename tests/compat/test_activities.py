"""Activities, fan-out and children, in the caller's app and in others."""

import pytest

from tests.compat.driving import Driver

pytestmark = pytest.mark.compat


def test_item_18_an_activity_answers_its_workflow(dapr: Driver) -> None:
    assert dapr.run("one", 21).result == 42
