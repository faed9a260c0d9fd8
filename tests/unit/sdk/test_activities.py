"""What a worker does with an activity that is delivered more than once."""

import asyncio

from antiphon import _definitions, activity
from antiphon._activities import Activities
from antiphon_proto.v1 import worker_pb2


def _request(task_id: int) -> worker_pb2.ActivityRequest:
    request = worker_pb2.ActivityRequest(name="slow", task_id=task_id, caller_app_id="orders", attempt=1)
    request.workflow_instance.instance_id = "one"
    request.workflow_instance.execution_id.value = "first"
    return request


class _Counting:
    def __init__(self) -> None:
        self.runs = 0
        self.release = asyncio.Event()
        self.results: asyncio.Queue[worker_pb2.ActivityResponse] = asyncio.Queue()

    def activities(self) -> Activities:
        @activity.define(name="slow")
        async def slow() -> int:
            self.runs += 1
            await self.release.wait()
            return self.runs

        return Activities(_definitions.table([slow], kind="activity"), most=10, deliver=self.results.put_nowait)


async def test_a_delivery_of_what_is_running_does_not_run_it_again():
    counting = _Counting()
    activities = counting.activities()
    activities.begin(_request(1), "token-of-the-first-sidecar")
    activities.begin(_request(1), "token-of-the-second-sidecar")
    counting.release.set()
    response = await asyncio.wait_for(counting.results.get(), 5)
    await activities.drained()
    assert (counting.runs, response.result.value, counting.results.empty()) == (1, "1", True)
    await activities.close()


async def test_a_delivery_after_the_result_has_left_runs_it_again():
    counting = _Counting()
    counting.release.set()
    activities = counting.activities()
    activities.begin(_request(1), "first")
    first = await asyncio.wait_for(counting.results.get(), 5)
    activities.gone(first, settled=False)
    activities.begin(_request(1), "second")
    second = await asyncio.wait_for(counting.results.get(), 5)
    assert (first.result.value, second.result.value) == ("1", "2")
    await activities.close()
