"""Each cell of the fault matrix fails on a bug: the matrix can see what it is there for. Long; CELLS chooses."""

from pathlib import Path

import pytest

from tests.integration.faults import CELLS, Cell, chosen
from tests.integration.fleets import fleet
from tests.integration.matrix import judge
from tests.integration.matrix_bugs import FAILS_ON

pytestmark = pytest.mark.integration


@pytest.mark.matrix
@pytest.mark.parametrize("cell", chosen())
async def test_the_cell_fails_on_its_bug(cell: Cell, tmp_path: Path) -> None:
    with fleet(tmp_path, replicas=2, bug=FAILS_ON[cell.__name__].__name__) as made:
        # Not before: what keeps a fleet from starting is no answer of the cell.
        made.start()
        with pytest.raises(AssertionError) as failure:
            await judge(made, cell, finish_s=60.0)
        print(f"{cell.__name__} on {FAILS_ON[cell.__name__].__name__}: {str(failure.value)[:300]}")


def test_every_cell_has_a_bug() -> None:
    assert {cell.__name__ for cell in CELLS} == set(FAILS_ON)
