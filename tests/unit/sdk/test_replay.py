"""Workflow code against histories, one turn at a time."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from antiphon import (
    ActivityFailure,
    ChildWorkflowFailure,
    RetryPolicy,
    activity,
    workflow,
)
from antiphon._commands import Commands
from antiphon._tasks import Loop
from antiphon_proto.v1 import history_pb2
from tests.unit.sdk.scribe import (
    START_NS,
    Scribe,
    broke,
    child_broke,
    child_done,
    done,
    event,
    fired,
    raised,
)

COMPLETED = history_pb2.INSTANCE_STATUS_COMPLETED
FAILED = history_pb2.INSTANCE_STATUS_FAILED
TERMINATED = history_pb2.INSTANCE_STATUS_TERMINATED
CONTINUED = history_pb2.INSTANCE_STATUS_CONTINUED_AS_NEW


@dataclass
class Order:
    item: str
    count: int


@activity.define
def charge(order: Order) -> Order:
    return order


@workflow.define
async def echo(ctx: workflow.Context, value: object) -> object:
    return value


@pytest.mark.parametrize("live", [True, False], ids=["live", "replayed"])
def test_runs_activities_one_after_the_other(live: bool):
    @workflow.define
    async def buy(ctx: workflow.Context, order: Order) -> str:
        first = await ctx.call_activity(charge, order)
        second = await ctx.call_activity("ship", first.item, app="app2", result=str)
        return f"{first.count} {second}"

    scribe = Scribe(buy, input='{"item":"tea","count":2}', live=live)
    (action,) = scribe.turn()
    assert (action.id, action.schedule_task.name) == (1, "charge")
    assert action.schedule_task.input.value == '{"item":"tea","count":2}'
    assert not action.HasField("router")
    (action,) = scribe.turn(done(1, '{"item":"tea","count":3}'))
    assert (action.id, action.router.target_app_id) == (2, "app2")
    scribe.turn(done(2, '"sent"'))
    assert scribe.end is not None
    assert (scribe.end.workflow_status, scribe.end.result.value) == (COMPLETED, '"3 sent"')


def test_starts_calls_when_they_are_made_and_gathers_in_order():
    @workflow.define
    async def fan(ctx: workflow.Context) -> list[int]:
        tasks = [ctx.call_activity("work", n, result=int) for n in range(3)]
        return await ctx.gather(*tasks)

    scribe = Scribe(fan)
    assert [a.id for a in scribe.turn()] == [1, 2, 3]
    scribe.turn(done(3, "30"), done(1, "10"))
    scribe.turn(done(2, "20"))
    assert scribe.end is not None
    assert scribe.end.result.value == "[10,20,30]"


def test_awaits_a_task_as_often_as_wanted():
    @workflow.define
    async def twice(ctx: workflow.Context) -> int:
        task = ctx.call_activity("work", result=int)
        return await task + await task

    scribe = Scribe(twice)
    scribe.turn()
    scribe.turn(done(1, "4"))
    assert scribe.end is not None
    assert scribe.end.result.value == "8"


def test_runs_coroutines_side_by_side():
    @workflow.define
    async def both(ctx: workflow.Context) -> list[str]:
        async def chain(name: str) -> str:
            first = await ctx.call_activity(name, result=str)
            return await ctx.call_activity(name, first, result=str)

        return await ctx.gather(chain("a"), chain("b"))

    scribe = Scribe(both)
    assert [a.schedule_task.name for a in scribe.turn()] == ["a", "b"]
    assert [a.schedule_task.name for a in scribe.turn(done(2, '"x"'))] == ["b"]
    scribe.turn(done(1, '"y"'))
    scribe.turn(done(3, '"B"'), done(4, '"A"'))
    assert scribe.end is not None
    assert scribe.end.result.value == '["A","B"]'


def test_gather_raises_the_first_failure():
    @workflow.define
    async def fan(ctx: workflow.Context) -> str:
        try:
            await ctx.gather(ctx.call_activity("a"), ctx.call_activity("b"))
        except ActivityFailure as error:
            return error.name
        return "none"

    scribe = Scribe(fan)
    scribe.turn()
    scribe.turn(broke(2))
    assert scribe.end is not None
    assert scribe.end.result.value == '"b"'


def test_gather_returns_failures_among_the_results_when_asked():
    @workflow.define
    async def fan(ctx: workflow.Context) -> list[str]:
        found = await ctx.gather(ctx.call_activity("a"), ctx.call_activity("b"), return_exceptions=True)
        return [type(each).__name__ for each in found]

    scribe = Scribe(fan)
    scribe.turn()
    scribe.turn(broke(2), done(1, "1"))
    assert scribe.end is not None
    assert scribe.end.result.value == '["int","ActivityFailure"]'


def test_wait_first_returns_the_task_that_was_done_first():
    @workflow.define
    async def race(ctx: workflow.Context) -> str:
        work, limit = ctx.call_activity("work"), ctx.sleep(timedelta(minutes=1))
        winner = await ctx.wait_first(work, limit)
        return "late" if winner is limit else "done"

    scribe = Scribe(race)
    scribe.turn()
    scribe.turn(fired(2))
    assert scribe.end is not None
    assert scribe.end.result.value == '"late"'


def test_sleeps_from_the_time_of_the_turn():
    @workflow.define
    async def nap(ctx: workflow.Context) -> str:
        await ctx.sleep(timedelta(seconds=90))
        return ctx.now().isoformat()

    scribe = Scribe(nap)
    (action,) = scribe.turn()
    assert action.create_timer.fire_at.seconds == START_NS // 10**9 + 1 + 90
    assert action.create_timer.WhichOneof("origin") == "create_timer"
    scribe.turn(fired(1))
    assert scribe.end is not None
    assert scribe.end.result.value == f'"{datetime.fromtimestamp(1_700_000_002, UTC).isoformat()}"'


def test_the_ids_of_calls_are_those_of_earlier_releases():
    commands = Commands(instance_id="one", execution_id="first", loop=Loop(""))
    namespace = uuid.UUID("6f1c6a3e-3b0e-5d0f-9d64-0f6a4f1b7a52")
    for number in range(1, 40):
        assert commands.identity(number) == str(uuid.uuid5(namespace, f"first:{number}"))


def test_retries_with_a_timer_and_the_same_task_execution_id():
    @workflow.define
    async def stubborn(ctx: workflow.Context) -> int:
        policy = RetryPolicy(max_attempts=3, first_interval=timedelta(seconds=2))
        return await ctx.call_activity("work", 7, retry=policy, result=int)

    scribe = Scribe(stubborn)
    (first,) = scribe.turn()
    (pause,) = scribe.turn(broke(1))
    identity = first.schedule_task.task_execution_id
    assert uuid.UUID(identity).version == 5
    assert pause.create_timer.activity_retry.task_execution_id == identity
    (second,) = scribe.turn(fired(2))
    assert (second.id, second.schedule_task) == (3, first.schedule_task)
    (longer,) = scribe.turn(broke(3))
    assert longer.create_timer.fire_at.seconds - scribe.now_ns // 10**9 == 4
    scribe.turn(fired(4))
    scribe.turn(done(5, "1"))
    assert scribe.end is not None
    assert scribe.end.result.value == "1"


def test_does_not_retry_what_is_final():
    @workflow.define
    async def stubborn(ctx: workflow.Context) -> None:
        await ctx.call_activity("work", retry=RetryPolicy(max_attempts=9))

    scribe = Scribe(stubborn)
    scribe.turn()
    scribe.turn(broke(1, is_non_retriable=True, code="AN107"))
    assert scribe.end is not None
    details = scribe.end.failure_details
    assert (scribe.end.workflow_status, details.error_type) == (FAILED, "ActivityFailure")
    assert (details.inner_failure.error_type, details.inner_failure.code) == ("Boom", "AN107")


def test_retries_a_child_under_its_first_instance_id():
    @workflow.define
    async def parent(ctx: workflow.Context) -> str:
        try:
            await ctx.call_workflow("child", app="app2", retry=RetryPolicy(max_attempts=2))
        except ChildWorkflowFailure as error:
            return str(error)
        return "none"

    scribe = Scribe(parent)
    (first,) = scribe.turn()
    assert first.create_child_workflow.instance_id == "i1:0001"
    (pause,) = scribe.turn(child_broke(1))
    assert pause.create_timer.child_workflow_retry.instance_id == "i1:0001"
    (second,) = scribe.turn(fired(2))
    assert second.create_child_workflow.instance_id == "i1:0001"
    scribe.turn(child_broke(3))
    assert scribe.end is not None
    assert "failed after 2 attempts: Boom: it broke" in scribe.end.result.value


def test_decodes_a_child_result_by_the_hint_of_the_function():
    @workflow.define
    async def child(ctx: workflow.Context) -> Order:
        return Order("tea", 1)

    @workflow.define
    async def parent(ctx: workflow.Context) -> str:
        return (await ctx.call_workflow(child)).item

    scribe = Scribe(parent)
    scribe.turn()
    scribe.turn(child_done(1, '{"item":"tea","count":1,"new":true}'))
    assert scribe.end is not None
    assert scribe.end.result.value == '"tea"'


def test_an_indefinite_wait_takes_the_next_event_whatever_its_case():
    @workflow.define
    async def ask(ctx: workflow.Context) -> list[str]:
        return [await ctx.wait_for_event("Approval", result=str) for _ in range(2)]

    scribe = Scribe(ask)
    assert scribe.turn() == []
    scribe.turn(raised("other", '"no"'), raised("APPROVAL", '"one"'))
    scribe.turn(raised("approval", '"two"'))
    assert scribe.end is not None
    assert scribe.end.result.value == '["one","two"]'


def test_keeps_events_that_came_before_the_wait_and_before_the_start():
    @workflow.define
    async def ask(ctx: workflow.Context) -> list[int]:
        await ctx.call_activity("work")
        return [await ctx.wait_for_event("n", result=int, timeout=timedelta(1)) for _ in range(2)]

    scribe = Scribe(ask)
    scribe.inbox.insert(0, raised("n", "1"))
    scribe.turn()
    scribe.turn(raised("N", "2"))
    assert scribe.turn(done(1))[0].complete_workflow.result.value == "[1,2]"


def test_a_wait_gives_up_when_its_time_is_over_and_takes_no_later_event():
    @workflow.define
    async def ask(ctx: workflow.Context) -> str:
        try:
            await ctx.wait_for_event("go", timeout=timedelta(seconds=5))
        except TimeoutError as error:
            return f"{error} / {await ctx.wait_for_event('go', result=str)}"
        return "none"

    scribe = Scribe(ask)
    (timer,) = scribe.turn()
    assert timer.create_timer.external_event.name == "go"
    scribe.turn(fired(1))
    scribe.turn(raised("go", '"later"'))
    assert scribe.end is not None
    assert scribe.end.result.value == '"no event \\"go\\" came within the time given / later"'


def test_ignores_the_timer_of_a_wait_that_was_served():
    @workflow.define
    async def ask(ctx: workflow.Context) -> str:
        got = await ctx.wait_for_event("go", timeout=timedelta(seconds=5), result=str)
        await ctx.call_activity("work")
        return got

    scribe = Scribe(ask)
    scribe.turn()
    scribe.turn(raised("go", '"now"'))
    assert scribe.turn(fired(1)) == []
    scribe.turn(done(2))
    assert scribe.end is not None
    assert scribe.end.result.value == '"now"'


def test_continues_as_new_with_the_events_nobody_took():
    @workflow.define
    async def loop(ctx: workflow.Context, n: int) -> None:
        await ctx.wait_for_event("tick")
        try:
            ctx.continue_as_new(n + 1)
        except Exception:  # noqa: BLE001  (the signal is none)
            return

    scribe = Scribe(loop, input="1")
    scribe.turn()
    left = [raised("Left", "1"), raised("TICK"), raised("tick", "2")]
    scribe.turn(*left)
    assert scribe.end is not None
    assert (scribe.end.workflow_status, scribe.end.result.value) == (CONTINUED, "2")
    kept = [history_pb2.HistoryEvent.FromString(raw) for raw in scribe.end.carryover_events]
    assert [e.event_raised.name for e in kept] == ["Left", "tick"]
    assert list(scribe.end.carryover_events) == [scribe.new[1].SerializeToString(), scribe.new[3].SerializeToString()]


def test_continues_as_new_without_events_when_told():
    @workflow.define
    async def loop(ctx: workflow.Context) -> None:
        ctx.continue_as_new(keep_events=False)

    scribe = Scribe(loop)
    scribe.turn(raised("left"))
    assert scribe.end is not None
    assert list(scribe.end.carryover_events) == []


def test_fails_with_type_text_trace_and_cause():
    @workflow.define
    async def bad(ctx: workflow.Context) -> None:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error

    scribe = Scribe(bad)
    scribe.turn()
    assert scribe.end is not None
    details = scribe.end.failure_details
    assert (details.error_type, details.error_message) == ("ValueError", "outer")
    assert details.inner_failure.error_type == "KeyError"
    assert "test_replay.py" in details.stack_trace.value


def test_a_failed_activity_says_what_failed_and_where():
    @workflow.define
    async def bad(ctx: workflow.Context) -> str:
        try:
            await ctx.call_activity("work", app="app2")
        except ActivityFailure as error:
            inner = error.failure.inner
            return f"{error} | {error.error_type} {error.message} {inner and inner.error_type}"
        return "none"

    scribe = Scribe(bad)
    scribe.turn()
    scribe.turn(broke(1, inner_failure={"error_type": "Cause"}))
    assert scribe.end is not None
    expected = '"activity \\"work\\" in app app2 failed: Boom: it broke | Boom it broke Cause"'
    assert scribe.end.result.value == expected


def test_unknown_workflow_fails_with_the_names_known():
    scribe = Scribe(echo, name="ecko")
    scribe.turn()
    assert scribe.end is not None
    details = scribe.end.failure_details
    assert (details.error_type, details.code) == ("WorkflowNotRegistered", "AN102")
    assert 'has: echo. Did you mean "echo"?' in details.error_message


def test_input_that_does_not_fit_fails_the_workflow():
    @workflow.define
    async def typed(ctx: workflow.Context, order: Order) -> None: ...

    scribe = Scribe(typed, input='{"item":"tea","count":"two"}')
    scribe.turn()
    assert scribe.end is not None
    assert "at $.count: an integer is declared, 'two' came" in scribe.end.failure_details.error_message
    assert scribe.end.failure_details.is_non_retriable


def test_absent_input_leaves_the_default():
    @workflow.define
    async def lazy(ctx: workflow.Context, n: int = 5) -> int:
        return n

    scribe = Scribe(lazy)
    scribe.turn()
    assert scribe.end is not None
    assert scribe.end.result.value == "5"


def test_terminates_with_the_output_given():
    scribe_flow = Scribe(_waiting)
    scribe_flow.turn()
    scribe_flow.turn(event(execution_terminated={"input": {"value": '"stop"'}}))
    assert scribe_flow.end is not None
    assert (scribe_flow.end.workflow_status, scribe_flow.end.result.value) == (TERMINATED, '"stop"')


@workflow.define
async def _waiting(ctx: workflow.Context) -> None:
    ctx.set_custom_status({"at": "door"})
    await ctx.wait_for_event("never")


def test_custom_status_is_sent_with_every_turn():
    scribe = Scribe(_waiting)
    scribe.turn()
    scribe.turn(raised("other"))
    assert scribe.response.custom_status.value == '{"at":"door"}'


def test_ids_and_randomness_are_the_same_on_replay():
    @workflow.define
    async def draw(ctx: workflow.Context) -> list[str]:
        first = str(ctx.uuid4())
        number = ctx.random().random()
        await ctx.call_activity("work")
        return [first, str(number), str(ctx.uuid4()), ctx.app_id, ctx.execution_id]

    def outcome(live: bool) -> str:
        scribe = Scribe(draw, live=live)
        scribe.turn()
        scribe.turn(done(1))
        assert scribe.end is not None
        return scribe.end.result.value

    assert outcome(live=True) == outcome(live=False)
    assert outcome(live=True).endswith('"app1","e1"]')


def test_logs_once_however_often_it_is_replayed(caplog: pytest.LogCaptureFixture):
    @workflow.define
    async def chatty(ctx: workflow.Context) -> None:
        ctx.logger.warning("begun")
        await ctx.call_activity("work")
        ctx.logger.warning("done")

    scribe = Scribe(chatty, live=False)
    scribe.turn()
    scribe.turn(done(1))
    assert [record.message for record in caplog.records] == ["begun", "done"]


def test_drops_a_second_result_for_the_same_task():
    @workflow.define
    async def pair(ctx: workflow.Context) -> int:
        first = await ctx.call_activity("a", result=int)
        await ctx.call_activity("b")
        return first

    scribe = Scribe(pair)
    scribe.turn()
    scribe.turn(done(1, "1"))
    assert scribe.turn(done(1, "9"), done(77)) == []
    scribe.turn(done(2))
    assert scribe.end is not None
    assert scribe.end.result.value == "1"


def test_suspending_leaves_the_code_alone():
    scribe = Scribe(_waiting)
    scribe.turn()
    assert scribe.turn(event(execution_suspended={})) == []
    assert scribe.turn(event(execution_resumed={})) == []


def test_a_result_without_json_form_fails_the_workflow():
    @workflow.define
    async def odd(ctx: workflow.Context) -> object:
        return {"when": [object()]}

    scribe = Scribe(odd)
    scribe.turn()
    assert scribe.end is not None
    message = scribe.end.failure_details.error_message
    assert 'result of workflow "odd" cannot become JSON: $.when[0] is of type object' in message


def test_none_is_no_input_and_a_null_result():
    @workflow.define
    async def quiet(ctx: workflow.Context) -> None:
        await ctx.call_activity("work", None)

    scribe = Scribe(quiet)
    (action,) = scribe.turn()
    assert not action.schedule_task.HasField("input")
    scribe.turn(done(1, None))
    assert scribe.end is not None
    assert scribe.end.result.value == "null"
