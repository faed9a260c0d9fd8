"""The fault matrix: three apps with three replicas each, one thing goes wrong while instances run, nothing is lost.

Each cell is one fault (`faults`); what is checked is the same for all (`matrix`): all instances complete, histories
are legal, what they record was done, no row is left, nothing whose result was acknowledged ran again, and all have
gone on soon after the fault. One fleet runs for all cells. A few of them are for every run of the tests, `make matrix`
runs all; CELLS=name,name chooses, TIMES=n repeats them.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.integration.faults import CELLS, Cell, roll
from tests.integration.fleets import Fleet, fleet
from tests.integration.matrix import judge

pytestmark = pytest.mark.integration

#: For many instances at once: few that keep several activities of a worker busy.
_MANY = {"chain": 60, "fan_out": 1, "parent": 20, "sleeper": 20, "cycle": 20, "listener": 1}
#: One for each part that can fail, with bounds that hold on a busy machine too.
_ALWAYS = {"nothing", "kill_workers", "cut_etcd", "restart_postgres"}
TIMES = int(os.environ.get("TIMES", "1"))
CHOSEN = [name for name in os.environ.get("CELLS", "").split(",") if name]
_KNOWN = {cell.__name__: cell for cell in CELLS}
_unknown = set(CHOSEN) - set(_KNOWN)
if _unknown:
    raise SystemExit(f"CELLS: no cell {', '.join(sorted(_unknown))}; there are: {', '.join(_KNOWN)}")


def _cells() -> list[object]:
    """Return the cells that were chosen, else all of them, most for `make matrix` alone."""
    if CHOSEN:
        return [_KNOWN[name] for name in CHOSEN]
    marks = {True: (), False: (pytest.mark.matrix,)}
    return [pytest.param(cell, marks=marks[name in _ALWAYS], id=name) for name, cell in _KNOWN.items()]


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
@pytest.mark.parametrize("cell", _cells())
async def test_loses_nothing(cell: Cell, turn: int, running: Callable[[], Fleet]) -> None:
    made = running()
    if cell is roll:
        await judge(made, cell, turn=turn, instances=1_000, work_s=8.0, finish_s=180.0, shares=_MANY)
    else:
        await judge(made, cell, turn=turn)
    made.spoiled = False
