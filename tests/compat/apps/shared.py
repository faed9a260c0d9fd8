"""Activities and workflows that `app1` and `features` both have: small steps of which the tests are made."""

from datetime import timedelta

from dapr.ext.workflow import WorkflowRuntime
from serving import note, pass_gate


def offer(runtime: WorkflowRuntime) -> None:
    """Register all of them, each under the name of its function."""
    for activity in (double, noted, gated, letters):
        runtime.activity(name=activity.__name__)(activity)
    for workflow in (one, sleep, wait, note_after_event, steps_with_gate, generations, many_steps):
        runtime.workflow(name=workflow.__name__)(workflow)


def double(ctx, number):
    return 2 * number


def noted(ctx, key):
    note(key)
    return key


def gated(ctx, key):
    note(key)
    pass_gate(key)
    return key


def letters(ctx, count):
    return "x" * count


def one(ctx, number):
    return (yield ctx.call_activity("double", input=number))


def sleep(ctx, seconds):
    began = ctx.current_utc_datetime
    yield ctx.create_timer(timedelta(seconds=seconds))
    return (ctx.current_utc_datetime - began).total_seconds()


def wait(ctx, name):
    return (yield ctx.wait_for_external_event(name))


def note_after_event(ctx, key):
    yield ctx.wait_for_external_event("go")
    return (yield ctx.call_activity("noted", input=key))


def steps_with_gate(ctx, key):
    first = yield ctx.call_activity("noted", input=f"{key} before")
    middle = yield ctx.call_activity("gated", input=key)
    last = yield ctx.call_activity("noted", input=f"{key} after")
    return [first, middle, last]


def generations(ctx, state):
    """Take one event in each generation; the ones that came too early are carried on."""
    got = yield ctx.wait_for_external_event("item")
    taken = [*state["taken"], got]
    if len(taken) < state["until"]:
        ctx.continue_as_new({**state, "taken": taken}, save_events=True)
        return None
    return taken


def many_steps(ctx, count):
    for _ in range(count):
        yield ctx.call_activity("noted", input=ctx.instance_id)
    return count
