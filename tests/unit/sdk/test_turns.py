"""Live executions, deltas, and disagreements between history and code."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from antiphon import _definitions, workflow
from antiphon._turns import HistoryMissing, Turns
from antiphon_proto.v1 import history_pb2, worker_pb2
from tests.unit.sdk.scribe import Scribe, broke, done, event, fired

runs = 0


@workflow.define
async def steps(ctx: workflow.Context) -> list[int]:
    global runs
    runs += 1
    return [await ctx.call_activity("work", n, result=int) for n in range(3)]


@pytest.fixture(autouse=True)
def _count_from_zero():
    global runs
    runs = 0


def answer(scribe: Scribe, request: worker_pb2.WorkflowRequest) -> worker_pb2.WorkflowResponse:
    found = scribe.turns.take(request, "t")
    assert isinstance(found, worker_pb2.WorkflowResponse)
    return found


def test_a_live_execution_does_not_begin_again():
    scribe = Scribe(steps)
    scribe.turn(delta=True)
    for number in (1, 2, 3):
        scribe.turn(done(number, "1"), delta=True)
    assert scribe.end is not None
    assert runs == 1
    assert len(scribe.turns) == 0


def test_a_live_execution_goes_on_from_a_full_history_too():
    scribe = Scribe(steps)
    scribe.turn()
    scribe.turn(done(1, "1"))
    assert runs == 1


def test_takes_the_version_that_a_commit_adds_to_the_first_event():
    scribe = Scribe(steps)
    scribe.turn(delta=True)
    first = history_pb2.HistoryEvent.FromString(scribe.history[0])
    first.workflow_started.version.name = "v1"
    scribe.history[0] = first.SerializeToString()
    scribe.turn(done(1, "1"), delta=True)
    assert runs == 1


def test_replays_when_its_turn_was_discarded():
    scribe = Scribe(steps)
    scribe.turn(delta=True)
    scribe.inbox = [done(1, "1")]
    answer(scribe, scribe.request(delta=True))
    # That answer was never committed; the result comes again, with another.
    scribe.inbox = [event(event_raised={"name": "x"}), done(1, "1")]
    request = scribe.request()
    (action,) = answer(scribe, request).actions
    assert (action.id, runs) == (2, 2)


def test_replays_when_another_worker_took_the_turn():
    scribe = Scribe(steps)
    scribe.turn()
    scribe.inbox = [done(1, "1")]
    answer(scribe, scribe.request())
    scribe.inbox = [done(1, "5")]
    request = scribe.request()
    scribe.commit(request, Scribe(steps).turns.replay(request, "t", history=scribe.history))
    scribe.turn(done(2, "1"))
    scribe.turn(done(3, "1"))
    assert scribe.end is not None
    assert scribe.end.result.value == "[5,1,1]"


def test_asks_for_history_when_it_holds_nothing():
    scribe = Scribe(steps)
    scribe.turn()
    scribe.turn(done(1, "1"))
    scribe.turns = Turns(scribe.table, most=1)
    scribe.inbox = [done(2, "1")]
    request = scribe.request(delta=True)
    assert scribe.turns.take(request, "t") == HistoryMissing(request.cached_history.event_count)


def test_forgets_the_execution_used_longest_ago():
    table = _definitions.table([steps], kind="workflow")
    turns = Turns(table, most=2)
    for name in "abc":
        scribe = Scribe(steps)
        scribe.instance_id = name
        turns.take(scribe.request(), "t")
    assert len(turns) == 2


def test_a_new_generation_starts_afresh():
    scribe = Scribe(steps)
    scribe.turn()
    again = Scribe(steps)
    again.turns, again.execution_id = scribe.turns, "e2"
    assert [action.id for action in again.turn()] == [1]
    assert runs == 2


Code = Callable[[workflow.Context], Awaitable[object]]


def replay_with_other_code(old: Code, new: Code, *events: history_pb2.HistoryEvent) -> str:
    """Record with one code, go on with the other; return what the failure says."""
    scribe = Scribe(workflow.define(name="flow")(old))  # type: ignore[type-var]
    scribe.turn()
    changed = workflow.define(name="flow")(new)  # type: ignore[type-var]
    scribe.table = _definitions.table([changed], kind="workflow")
    scribe.live = False
    scribe.turn(*events)
    assert scribe.end is not None
    details = scribe.end.failure_details
    assert (details.error_type, details.code, details.is_non_retriable) == (
        "NonDeterminism",
        "AN201",
        True,
    )
    return details.error_message


async def one_activity(ctx: workflow.Context) -> None:
    await ctx.call_activity("charge")


async def other_activity(ctx: workflow.Context) -> None:
    await ctx.call_activity("refund")


async def one_timer(ctx: workflow.Context) -> None:
    await ctx.sleep(timedelta(1))


async def one_child(ctx: workflow.Context) -> None:
    await ctx.call_workflow("charge")


async def two_activities(ctx: workflow.Context) -> None:
    ctx.call_activity("charge")
    await ctx.call_activity("ship")


async def nothing(ctx: workflow.Context) -> None:
    await ctx.wait_for_event("x")


async def end(ctx: workflow.Context) -> None: ...


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        pytest.param(
            one_activity,
            other_activity,
            'history says activity "charge" (#1); the code now asks for activity "refund" (#1)',
            id="name",
        ),
        pytest.param(
            one_activity,
            one_timer,
            'history says activity "charge" (#1); the code now asks for a timer (#1)',
            id="kind",
        ),
        pytest.param(
            one_activity,
            one_child,
            'history says activity "charge" (#1); the code now asks for child workflow "charge" (#1)',
            id="child for activity",
        ),
        pytest.param(
            two_activities,
            one_activity,
            'history says activity "ship" (#2); the code now asks for nothing at this point',
            id="less",
        ),
        pytest.param(
            one_timer,
            end,
            "history says a timer (#1); the code now ends before that",
            id="end",
        ),
        pytest.param(
            one_activity,
            nothing,
            'history says activity "charge" (#1); the code now asks for nothing at this point',
            id="wait",
        ),
        pytest.param(
            one_activity,
            two_activities,
            'history says nothing of activity "ship" (#2) where it was asked for; the code now asks for it',
            id="more",
        ),
    ],
)
def test_names_both_sides_of_a_disagreement(old: Code, new: Code, text: str):
    assert text in replay_with_other_code(old, new, event(event_raised={"name": "y"}))


def test_a_failure_for_a_call_that_was_never_scheduled_is_an_answer():
    @workflow.define
    async def stubborn(ctx: workflow.Context) -> str:
        try:
            await ctx.call_activity("work")
        except Exception as error:  # noqa: BLE001
            return str(error)
        return "none"

    scribe = Scribe(stubborn, live=False)
    scribe.turn()
    del scribe.history[-1]
    scribe.turn(broke(1, "PayloadTooLarge"))
    assert scribe.end is not None
    assert "PayloadTooLarge" in scribe.end.result.value


def test_a_timer_that_nobody_asked_for_is_ignored():
    scribe = Scribe(steps)
    scribe.turn()
    assert scribe.turn(fired(1), fired(9)) == []
