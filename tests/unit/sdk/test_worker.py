"""The worker against a scripted sidecar, over real gRPC on loopback."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
import pytest

from antiphon import DefinitionError, NonRetriableError, Worker, _outbox, activity, workflow
from antiphon_proto.v1 import history_pb2, worker_pb2
from tests.unit.sdk.scribe import Scribe, done
from tests.unit.sdk.sidecar_script import ScriptedSidecar


@activity.define
async def double(n: int) -> int:
    return 2 * n


@activity.define
def about() -> list[object]:
    info = activity.info()
    return [info.name, info.instance_id, info.task_id, info.attempt, info.caller_app_id]


@activity.define(name="break-it")
def break_it() -> None:
    raise NonRetriableError("no use")


@workflow.define
async def doubled_twice(ctx: workflow.Context, n: int) -> int:
    once = await ctx.call_activity(double, n)
    return await ctx.call_activity(double, once)


def activity_item(name: str, input: str | None = None, *, task_id: int = 1, token: str = "t") -> worker_pb2.WorkItem:
    item = worker_pb2.WorkItem(completion_token=token)
    request = item.activity_request
    request.name = name
    request.task_id = task_id
    request.attempt = 2
    request.caller_app_id = "app1"
    request.workflow_instance.instance_id = "i1"
    if input is not None:
        request.input.value = input
    return item


def worker(sidecar: ScriptedSidecar, **settings: object) -> Worker:
    return Worker(
        workflows=[doubled_twice],
        activities=[double, about, break_it],
        address=sidecar.address,
        api_token="secret",
        **settings,  # type: ignore[arg-type]
    )


@pytest.fixture
async def sidecar() -> AsyncIterator[ScriptedSidecar]:
    async with ScriptedSidecar().serving() as running:
        yield running


async def test_says_what_it_offers_and_who_it_is(sidecar: ScriptedSidecar):
    async with worker(sidecar):
        hello = await asyncio.wait_for(sidecar.hellos.get(), 10)
    assert list(hello.capabilities) == [2, 3, 1000, 1001]
    assert hello.declares_names
    assert [(o.kind, o.name) for o in hello.offers] == [
        (1, "doubled_twice"),
        (2, "about"),
        (2, "break-it"),
        (2, "double"),
    ]
    assert sidecar.metadata["dapr-api-token"] == "secret"


async def test_runs_activities_and_echoes_tokens(sidecar: ScriptedSidecar):
    sidecar.items.put_nowait(activity_item("double", "21", token="first"))
    async with worker(sidecar):
        (answer,) = (await sidecar.batch()).activities
    assert (answer.result.value, answer.completion_token, answer.task_id) == ("42", "first", 1)


async def test_tells_of_results_that_are_settled_and_of_no_others(sidecar: ScriptedSidecar):
    told: asyncio.Queue[activity.ActivityInfo] = asyncio.Queue()
    sidecar.settles = False
    sidecar.items.put_nowait(activity_item("double", "21", task_id=1, token="first"))
    async with worker(sidecar, on_settled=told.put_nowait, grace=timedelta(0)):
        await sidecar.batch()
        sidecar.settles = True
        sidecar.items.put_nowait(activity_item("break-it", task_id=2, token="second"))
        info = await asyncio.wait_for(told.get(), 10)
    assert (info.name, info.instance_id, info.task_id) == ("break-it", "i1", 2)
    assert told.empty()


async def test_a_hook_that_raises_does_not_stop_the_worker(sidecar: ScriptedSidecar):
    def broken(info: activity.ActivityInfo) -> None:
        raise RuntimeError("the hook's own")

    async with worker(sidecar, on_settled=broken):
        for number in (1, 2):
            sidecar.items.put_nowait(activity_item("double", "1", task_id=number, token=str(number)))
            assert [a.task_id for a in (await sidecar.batch()).activities] == [number]


async def test_takes_the_items_that_come_with_an_item(sidecar: ScriptedSidecar):
    item = activity_item("double", "1", task_id=1)
    item.more.append(activity_item("about", task_id=2))
    item.more.append(worker_pb2.WorkItem(health_ping={}))
    sidecar.items.put_nowait(item)
    answers = {}
    async with worker(sidecar):
        while len(answers) < 2:
            answers.update({a.task_id: a.result.value for a in (await sidecar.batch()).activities})
    assert answers == {1: "2", 2: '["about","i1",2,2,"app1"]'}


async def test_reports_what_an_activity_raises(sidecar: ScriptedSidecar):
    sidecar.items.put_nowait(activity_item("break-it"))
    async with worker(sidecar):
        (answer,) = (await sidecar.batch()).activities
    details = answer.failure_details
    assert (details.error_type, details.error_message) == ("NonRetriableError", "no use")
    assert details.is_non_retriable


async def test_reports_an_activity_it_does_not_have(sidecar: ScriptedSidecar):
    sidecar.items.put_nowait(activity_item("duoble"))
    async with worker(sidecar):
        (answer,) = (await sidecar.batch()).activities
    assert answer.failure_details.error_type == "ActivityNotRegistered"
    assert 'Did you mean "double"?' in answer.failure_details.error_message


async def test_goes_on_from_deltas(sidecar: ScriptedSidecar):
    scribe = Scribe(doubled_twice, input="3")
    async with worker(sidecar):
        for number, result in ((1, "6"), (2, "12"), (3, "")):
            request = scribe.request(delta=True)
            sidecar.items.put_nowait(worker_pb2.WorkItem(workflow_request=request))
            (answer,) = (await sidecar.batch()).workflows
            scribe.commit(request, answer)
            scribe.inbox = [done(number, result)]
    assert scribe.end is not None
    assert scribe.end.result.value == "12"
    assert sidecar.requests == []


async def test_asks_for_the_history_it_does_not_have(sidecar: ScriptedSidecar):
    scribe = Scribe(doubled_twice, input="3")
    scribe.turn()
    scribe.turn(done(1, "6"))
    scribe.inbox = [done(2, "12")]
    request = scribe.request(delta=True)
    assert request.cached_history.event_count > 0
    sidecar.histories["i1"] = scribe.history
    sidecar.items.put_nowait(worker_pb2.WorkItem(workflow_request=request))
    async with worker(sidecar):
        (answer,) = (await sidecar.batch()).workflows
    assert answer.actions[0].complete_workflow.result.value == "12"


async def test_opens_a_new_stream_when_one_ends_well(sidecar: ScriptedSidecar):
    async with worker(sidecar):
        await asyncio.wait_for(sidecar.hellos.get(), 10)
        sidecar.items.put_nowait(None)
        await asyncio.wait_for(sidecar.hellos.get(), 10)
        sidecar.items.put_nowait(activity_item("double", "4"))
        assert (await sidecar.batch()).activities[0].result.value == "8"


async def test_gives_up_a_history_when_the_stream_that_needed_it_ends(sidecar: ScriptedSidecar):
    scribe = Scribe(doubled_twice, input="3")
    scribe.turn()
    scribe.turn(done(1, "6"))
    scribe.inbox = [done(2, "12")]
    sidecar.replies["GetInstanceHistory"] = (grpc.StatusCode.UNAVAILABLE, "going down")
    sidecar.items.put_nowait(worker_pb2.WorkItem(workflow_request=scribe.request(delta=True)))
    async with worker(sidecar):
        await asyncio.wait_for(sidecar.hellos.get(), 10)
        await asyncio.wait_for(sidecar.asked.wait(), 10)
        sidecar.items.put_nowait(None)
        await asyncio.wait_for(sidecar.hellos.get(), 10)
        sidecar.items.put_nowait(worker_pb2.WorkItem(workflow_request=scribe.request()))
        (answer,) = (await sidecar.batch()).workflows
        sidecar.histories["i1"] = scribe.history
    assert answer.actions[0].complete_workflow.result.value == "12"
    assert sidecar.batches.empty()


async def test_keeps_results_over_a_restart_of_the_sidecar():
    sidecar = ScriptedSidecar()
    sidecar.settles = False
    async with sidecar.serving():
        running = worker(sidecar)
        entered = await running.__aenter__()
        sidecar.items.put_nowait(activity_item("double", "4"))
        first = await sidecar.batch()
    sidecar.settles = True
    async with sidecar.serving():
        again = await sidecar.batch()
        await entered.__aexit__(None, None, None)
    assert again == first


async def test_answers_one_by_one_where_there_is_no_stream():
    async with ScriptedSidecar(streams=False).serving() as sidecar:
        sidecar.items.put_nowait(activity_item("double", "4"))
        scribe = Scribe(doubled_twice, input="3")
        sidecar.items.put_nowait(worker_pb2.WorkItem(workflow_request=scribe.request()))
        async with worker(sidecar):
            answers = [await asyncio.wait_for(sidecar.single.get(), 10) for _ in range(2)]
    assert {type(answer) for answer in answers} == {
        worker_pb2.ActivityResponse,
        worker_pb2.WorkflowResponse,
    }


async def test_stop_waits_for_what_is_under_way(sidecar: ScriptedSidecar):
    begun, release = asyncio.Event(), asyncio.Event()

    @activity.define
    async def slow() -> str:
        begun.set()
        await release.wait()
        return "done"

    running = Worker(activities=[slow], address=sidecar.address)
    task = asyncio.create_task(running.run())
    sidecar.items.put_nowait(activity_item("slow"))
    await asyncio.wait_for(begun.wait(), 10)
    running.stop()
    release.set()
    await asyncio.wait_for(task, 10)
    assert (await sidecar.batch()).activities[0].result.value == '"done"'


async def test_stop_begins_nothing_new_and_keeps_the_stream_until_all_is_settled(
    sidecar: ScriptedSidecar,
):
    begun, release = asyncio.Event(), asyncio.Event()
    ran: list[int] = []

    @activity.define
    async def slow(n: int) -> None:
        ran.append(n)
        begun.set()
        await release.wait()

    running = Worker(workflows=[doubled_twice], activities=[slow], address=sidecar.address)
    task = asyncio.create_task(running.run())
    sidecar.items.put_nowait(activity_item("slow", "1"))
    await asyncio.wait_for(begun.wait(), 10)
    running.stop()
    sidecar.items.put_nowait(activity_item("slow", "2"))
    turn = Scribe(doubled_twice, input="3").request()
    sidecar.items.put_nowait(worker_pb2.WorkItem(workflow_request=turn))
    # The turn came behind the activity on the same stream, and is answered.
    assert len((await sidecar.batch()).workflows) == 1
    release.set()
    await asyncio.wait_for(task, 10)
    assert ran == [1]


async def test_stop_answers_no_turn_once_only_results_are_to_be_settled(sidecar: ScriptedSidecar):
    running = Worker(
        workflows=[doubled_twice], activities=[double], address=sidecar.address, grace=timedelta(seconds=0.5)
    )
    sidecar.settles = False
    task = asyncio.create_task(running.run())
    sidecar.items.put_nowait(activity_item("double", "1"))
    assert len((await sidecar.batch()).activities) == 1
    running.stop()
    await asyncio.sleep(0)  # the worker sees the stop; nothing is under way any more
    sidecar.items.put_nowait(worker_pb2.WorkItem(workflow_request=Scribe(doubled_twice, input="3").request()))
    await asyncio.wait_for(task, 10)
    assert sidecar.batches.empty()


async def test_can_be_left_at_once(sidecar: ScriptedSidecar):
    running = worker(sidecar)
    async with running:
        pass
    async with running:
        with pytest.raises(RuntimeError, match="runs already"):
            await running.run()


async def test_stop_gives_up_after_the_grace(sidecar: ScriptedSidecar):
    cancelled = asyncio.Event()
    begun = asyncio.Event()

    @activity.define
    async def endless() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    running = Worker(activities=[endless], address=sidecar.address, grace=timedelta(0))
    task = asyncio.create_task(running.run())
    sidecar.items.put_nowait(activity_item("endless"))
    await asyncio.wait_for(begun.wait(), 10)
    running.stop()
    await asyncio.wait_for(task, 10)
    assert cancelled.is_set()
    assert sidecar.batches.empty()


async def test_runs_no_more_activities_at_once_than_allowed(sidecar: ScriptedSidecar):
    most = running = 0
    gate = asyncio.Event()

    @activity.define
    async def counted() -> None:
        nonlocal most, running
        running += 1
        most = max(most, running)
        if running == 2:
            gate.set()
        await gate.wait()
        await asyncio.sleep(0)
        running -= 1

    for number in range(6):
        sidecar.items.put_nowait(activity_item("counted", task_id=number))
    seen = 0
    async with Worker(activities=[counted], address=sidecar.address, max_concurrent_activities=2):
        while seen < 6:
            seen += len((await sidecar.batch()).activities)
    assert most == 2


async def test_a_turn_that_breaks_fails_its_workflow_only(sidecar: ScriptedSidecar):
    scribe = Scribe(doubled_twice, input="3")
    bad = scribe.request()
    bad.new_events.append(b"\xff\xff no event")
    sidecar.items.put_nowait(worker_pb2.WorkItem(workflow_request=bad))
    sidecar.items.put_nowait(activity_item("double", "1"))
    answers: list[worker_pb2.WorkflowResponse] = []
    seen = 0
    async with worker(sidecar):
        while not answers or not seen:
            batch = await sidecar.batch()
            answers.extend(batch.workflows)
            seen += len(batch.activities)
    end = answers[0].actions[0].complete_workflow
    assert end.workflow_status == history_pb2.INSTANCE_STATUS_FAILED


def test_refuses_two_functions_of_one_name():
    @activity.define(name="double")
    def other(n: int) -> int:
        return n

    with pytest.raises(DefinitionError, match='two activities are named "double"'):
        Worker(activities=[double, other])


def test_refuses_to_run_nothing():
    with pytest.raises(ValueError, match="needs workflows or activities"):
        Worker()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_it_gracefully(sidecar: ScriptedSidecar, number: signal.Signals):
    begun, release = asyncio.Event(), asyncio.Event()

    @activity.define
    async def slow() -> str:
        begun.set()
        await release.wait()
        return "done"

    running = asyncio.create_task(Worker(activities=[slow], address=sidecar.address)._until_signalled())
    sidecar.items.put_nowait(activity_item("slow"))
    await asyncio.wait_for(begun.wait(), 10)
    os.kill(os.getpid(), number)
    release.set()
    await asyncio.wait_for(running, 10)
    assert (await sidecar.batch()).activities[0].result.value == '"done"'


async def test_a_second_signal_does_not_wait(sidecar: ScriptedSidecar):
    begun = asyncio.Event()

    @activity.define
    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(Worker(activities=[endless], address=sidecar.address)._until_signalled())
    sidecar.items.put_nowait(activity_item("endless"))
    await asyncio.wait_for(begun.wait(), 10)
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.wait_for(running, 9)


async def test_a_result_that_no_sidecar_could_receive_becomes_a_failure(
    sidecar: ScriptedSidecar, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(_outbox, "_RESULT_BYTES", 1000)

    @activity.define
    def large() -> str:
        return "x" * 2000

    sidecar.items.put_nowait(activity_item("large", token="mine"))
    async with Worker(activities=[large], address=sidecar.address):
        (answer,) = (await sidecar.batch()).activities
    assert (answer.failure_details.code, answer.completion_token) == ("AN204", "mine")
