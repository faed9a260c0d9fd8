"""Whatever the program and whatever comes in: turn by turn, in full, or by deltas, the same actions."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon import RetryPolicy, _values, workflow
from antiphon.errors import CallFailure
from antiphon_proto.v1 import history_pb2
from tests.unit.sdk.scribe import Scribe, broke, child_broke, child_done, done, fired, raised

LEAVES = st.sampled_from(["activity", "retried", "child", "sleep", "event", "limited", "now", "uuid"])
PROGRAMS = st.lists(
    st.one_of(
        LEAVES,
        st.tuples(st.just("gather"), st.lists(LEAVES, min_size=1, max_size=3)),
        st.tuples(st.just("first"), st.lists(LEAVES, min_size=1, max_size=3)),
        st.tuples(st.just("ignore"), LEAVES),
    ),
    min_size=1,
    max_size=6,
)


async def leaf(ctx: workflow.Context, kind: str) -> Any:
    retry = RetryPolicy(max_attempts=2, first_interval=timedelta(seconds=1))
    try:
        match kind:
            case "activity":
                return await ctx.call_activity("a")
            case "retried":
                return await ctx.call_activity("r", retry=retry)
            case "child":
                return await ctx.call_workflow("c", retry=retry)
            case "sleep":
                return await ctx.sleep(timedelta(seconds=5))
            case "event":
                return await ctx.wait_for_event("e")
            case "limited":
                return await ctx.wait_for_event("e", timeout=timedelta(seconds=9))
            case "now":
                return ctx.now().isoformat()
            case _:
                return str(ctx.uuid4())
    except (CallFailure, TimeoutError) as error:
        return type(error).__name__


@workflow.define
async def program(ctx: workflow.Context, steps: list[Any]) -> list[Any]:
    results = []
    for step in steps:
        match step:
            case ["gather", kinds]:
                results.append(await ctx.gather(*(leaf(ctx, kind) for kind in kinds)))
            case ["first", kinds]:
                winner = await ctx.wait_first(*(leaf(ctx, kind) for kind in kinds))
                results.append(winner.result())
            case ["ignore", _]:
                ctx.call_activity("ignored")
            case kind:
                results.append(await leaf(ctx, kind))
        ctx.set_custom_status(len(results))
    return results


def answer_to(scribe: Scribe, choice: int) -> history_pb2.HistoryEvent:
    """Turn a number into something that may come in: an answer, a repeat of one, or an event."""
    if not scribe.actions or choice % 5 == 4:
        return raised("E" if choice % 2 else "e", str(choice))
    number = list(scribe.actions)[choice % len(scribe.actions)]
    action = scribe.actions[number]
    good = choice % 3 != 0
    match action.WhichOneof("workflow_action_type"):
        case "schedule_task":
            return done(number, str(choice)) if good else broke(number)
        case "create_child_workflow":
            return child_done(number, str(choice)) if good else child_broke(number)
        case _:
            return fired(number)


def run(steps: str, choices: list[list[int]], *, live: bool, delta: bool) -> list[Any]:
    scribe = Scribe(program, input=steps, live=live)
    seen: list[Any] = [scribe.turn(delta=delta), scribe.response.custom_status.value]
    for choice in choices:
        if scribe.end is not None:
            break
        seen.append(scribe.turn(*(answer_to(scribe, c) for c in choice), delta=delta))
        seen.append(scribe.response.custom_status.value)
    return seen


@settings(max_examples=150, deadline=None)
@given(
    steps=PROGRAMS,
    choices=st.lists(st.lists(st.integers(0, 60), min_size=1, max_size=4), max_size=12),
)
def test_live_deltas_and_full_replay_give_the_same_actions(steps: list[Any], choices: list[list[int]]):
    text = _values.encode(steps, what="program")
    live = run(text, choices, live=True, delta=False)
    assert live == run(text, choices, live=False, delta=False)
    assert live == run(text, choices, live=True, delta=True)
