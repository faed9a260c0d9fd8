"""The loop of simulated processes: what it leaves behind."""

import gc
import warnings
from random import Random

from tests.simulation.loop import Host, SimLoop


def test_a_process_that_is_killed_before_its_task_ran_leaves_nothing_that_warns():
    loop = SimLoop(Random(1))
    host = Host(loop, "one")

    async def never() -> None:
        raise AssertionError

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        host.spawn(never(), "never")
        host.kill()
        loop.run(until=1_001.0, done=lambda: False)
        loop.end()
        del loop, host
        gc.collect()
    assert warned == []
