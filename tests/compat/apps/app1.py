"""App `app1`: the workflows that the tests start. The activities that it calls are here and in the other apps."""

from datetime import timedelta

from dapr.ext.workflow import PropagationScope, RetryPolicy, TaskFailedError, when_all, when_any
from serving import made_runtime, note, pass_gate, serve
from shared import offer

runtime = made_runtime()
offer(runtime)
FOUR_TIMES = RetryPolicy(first_retry_interval=timedelta(milliseconds=50), max_number_of_attempts=4)


@runtime.workflow(name="fan")
def fan(ctx, count):
    results = yield when_all([ctx.call_activity("double", input=number) for number in range(count)])
    return sum(results)


@runtime.workflow(name="across")
def across(ctx, word):
    """Two activities and a child in other apps, which has a child of its own in the third."""
    upper = ctx.call_activity("upper", input=word, app_id="app2")
    length = ctx.call_activity("length", input=word, app_id="app3")
    child = ctx.call_child_workflow("twice", input=word, app_id="app2")
    local = ctx.call_child_workflow("one", input=4)
    return (yield when_all([upper, length, child, local]))


@runtime.workflow(name="call")
def call(ctx, asked):
    """Call one activity as asked for and return what came of it, the failure's details included."""
    try:
        result = yield ctx.call_activity(asked["activity"], input=asked.get("input"), app_id=asked.get("app"))
    except TaskFailedError as error:
        return {"type": error.details.error_type, "message": error.details.message}
    return result


@runtime.workflow(name="call_child")
def call_child(ctx, asked):
    try:
        result = yield ctx.call_child_workflow(
            asked["workflow"], input=asked.get("input"), app_id=asked.get("app"), instance_id=asked.get("id")
        )
    except TaskFailedError as error:
        return {"type": error.details.error_type, "message": error.details.message}
    return result


@runtime.workflow(name="rely")
def rely(ctx, word):
    """Fail as the activity of another app fails."""
    yield ctx.call_activity("refuse", input=word, app_id="app2")


@runtime.workflow(name="retry_activity")
def retry_activity(ctx, asked):
    return (yield ctx.call_activity("fail_until", input=asked, retry_policy=FOUR_TIMES, app_id=asked.get("app")))


@runtime.workflow(name="retry_child")
def retry_child(ctx, asked):
    child = f"{ctx.instance_id}-child"
    return (
        yield ctx.call_child_workflow(
            "fail_until_child", input=asked, retry_policy=FOUR_TIMES, app_id="app2", instance_id=child
        )
    )


@runtime.workflow(name="sleep_until_past")
def sleep_until_past(ctx, _):
    yield ctx.create_timer(ctx.current_utc_datetime - timedelta(days=400))
    yield when_any([ctx.create_timer(timedelta(days=200_000)), ctx.create_timer(timedelta(0))])
    return "awake"


@runtime.workflow(name="collect")
def collect(ctx, count):
    got = []
    for _ in range(count):
        got.append((yield ctx.wait_for_external_event("item")))
    return got


@runtime.workflow(name="collect_later")
def collect_later(ctx, count):
    """Take events only after an activity: they have to be kept until then."""
    yield ctx.call_activity("gated", input=ctx.instance_id)
    return (yield from collect_rest(ctx, count))


def collect_rest(ctx, count):
    got = []
    for _ in range(count):
        got.append((yield ctx.wait_for_external_event("item")))
    return got


@runtime.workflow(name="wait_at_most")
def wait_at_most(ctx, seconds):
    try:
        return (yield ctx.wait_for_external_event("go", timeout=timedelta(seconds=seconds)))
    except TimeoutError:
        return "timed out"


@runtime.workflow(name="note_now")
def note_now(ctx, key):
    return (yield ctx.call_activity("noted", input=key))


@runtime.workflow(name="family")
def family(ctx, _):
    """Wait for ever, with a child in app2 that has a child in app3."""
    yield when_all(
        [
            ctx.call_child_workflow("generation_two", app_id="app2", instance_id=f"{ctx.instance_id}-two"),
            ctx.call_child_workflow("wait", input="never", instance_id=f"{ctx.instance_id}-local"),
        ]
    )


@runtime.workflow(name="count_down")
def count_down(ctx, left):
    yield ctx.call_activity("noted", input=ctx.instance_id)
    if left > 1:
        ctx.continue_as_new(left - 1)
        return None
    return "down"


@runtime.workflow(name="say")
def say(ctx, _):
    ctx.set_custom_status("waiting")
    yield ctx.wait_for_external_event("go")
    ctx.set_custom_status("going")
    yield ctx.call_activity("gated", input=ctx.instance_id)
    ctx.set_custom_status("")
    return "said"


@runtime.workflow(name="raise_error")
def raise_error(ctx, text):
    raise ValueError(text)


_runs = 0


@runtime.workflow(name="changeable")
def changeable(ctx, _):
    """Call something else each time it is replayed."""
    global _runs
    _runs += 1
    yield ctx.call_activity("double" if _runs % 2 else "noted", input=1)
    yield ctx.call_activity("double", input=1)


@runtime.workflow(name="patched")
def patched(ctx, _):
    before = ctx.is_patched("first")
    yield ctx.call_activity("double", input=1)
    after = [ctx.is_patched("first"), ctx.is_patched("second")]
    yield ctx.call_activity("double", input=2)
    return [before, *after]


@runtime.workflow(name="unique")
def unique(ctx, _):
    first = str(ctx.current_utc_datetime)
    yield ctx.call_activity("double", input=1)
    yield ctx.call_activity("double", input=2)
    return first


def handed(ctx):
    """Return what a history holds that was handed on: instance IDs, apps, and how many events; None for none."""
    history = ctx.get_propagated_history()
    return None if history is None else [history.get_app_ids(), history.scope.name, len(history.events)]


@runtime.activity(name="looks_back")
def looks_back(ctx, _):
    return handed(ctx)


@runtime.workflow(name="child_looks_back")
def child_looks_back(ctx, _):
    before = handed(ctx)
    yield ctx.call_activity("double", input=1)
    return [before, handed(ctx)]


@runtime.workflow(name="hands_on")
def hands_on(ctx, _):
    own = PropagationScope.OWN_HISTORY
    yield ctx.call_activity("double", input=1)
    first = yield ctx.call_activity("looks_back", propagation=own)
    second = yield ctx.call_child_workflow("child_looks_back", propagation=own)
    return [first, second, (yield ctx.call_activity("looks_back"))]


@runtime.workflow(name="hands_on_too_much")
def hands_on_too_much(ctx, scope):
    app = "app2" if scope == "OWN_HISTORY" else None
    try:
        yield ctx.call_activity("double", input=1, app_id=app, propagation=PropagationScope[scope])
    except TaskFailedError as error:
        return error.details.error_type
    return "handed on"


@runtime.workflow(name="slow_turn")
def slow_turn(ctx, key):
    """Stay within a turn until the test lets it go; real workflows must not do that."""
    if not ctx.is_replaying:
        note(key)
        pass_gate(key)
    return (yield ctx.call_activity("double", input=4))


if __name__ == "__main__":
    serve(runtime)
