"""The fault matrix: three apps with three replicas each, one thing goes wrong while instances run, nothing is lost.

Each cell is one fault (`faults`); what is checked is the same for all (`matrix`): all instances complete, histories
are legal, what they record was done, no row is left, nothing whose result was acknowledged ran again, and all have
gone on soon after the fault. One fleet runs for all cells; CELLS=name,name chooses, TIMES=n repeats them. That each
cell fails where it should is shown by `test_matrix_bugs`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.integration.faults import Cell, chosen, roll
from tests.integration.fleets import Fleet, fleet
from tests.integration.matrix import judge

pytestmark = pytest.mark.integration

#: For many instances at once: few that keep several activities of a worker busy.
_MANY = {"chain": 60, "fan_out": 1, "parent": 20, "sleeper": 20, "cycle": 20, "listener": 1}
TIMES = int(os.environ.get("TIMES", "1"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Fleet]]:
    """Give the fleet that runs; a new one after a cell that has failed, which may have left anything behind."""
    with ExitStack() as stack:
        made: list[Fleet] = []

        def get() -> Fleet:
            if not made or made[-1].spoiled:
                stack.close()
                made.append(stack.enter_context(fleet(tmp_path_factory.mktemp("fleet"))))
            made[-1].spoiled = True
            return made[-1]

        yield get


@pytest.mark.parametrize("turn", range(TIMES))
@pytest.mark.parametrize("cell", chosen())
async def test_loses_nothing(cell: Cell, turn: int, running: Callable[[], Fleet]) -> None:
    made = running()
    if cell is roll:
        await judge(made, cell, turn=turn, instances=1_000, work_s=8.0, finish_s=180.0, shares=_MANY)
    else:
        await judge(made, cell, turn=turn)
    made.spoiled = False
