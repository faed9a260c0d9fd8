"""The last test of this folder: the matrix that docs/dapr.md shows is the one that ran."""

import pytest

from tests.compat import matrix

pytestmark = pytest.mark.compat


def test_every_cell_of_the_matrix_was_tried_and_held(outcomes: dict[tuple[str, str], bool]) -> None:
    assert {cell for cell, held in outcomes.items() if held} == matrix.cells(), "run the whole folder: make compat"
