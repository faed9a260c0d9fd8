"""The app that every SDK has in the matrix: the same names, inputs and results in Python, JavaScript and Go.

Runs with every Python SDK that is tried; what only some of them have is asked for when a workflow runs.
"""

import os
from datetime import timedelta
from pathlib import Path

from dapr.ext.workflow import RetryPolicy, when_all, when_any
from serving import made_runtime, note, serve
from shared import offer

try:
    from dapr.ext.workflow import TaskFailedError
except ImportError:  # before 1.18
    from durabletask.task import TaskFailedError

runtime = made_runtime()
offer(runtime)
FOUR_TIMES = RetryPolicy(first_retry_interval=timedelta(milliseconds=50), max_number_of_attempts=4)


class PaymentRefused(Exception):
    """A failure of this app's own."""


@runtime.activity(name="refuse")
def refuse(ctx, word):
    raise PaymentRefused(f"no money for {word}")


@runtime.activity(name="fail_until")
def fail_until(ctx, asked):
    note(asked["key"])
    if runs(asked["key"]) < asked["times"]:
        raise PaymentRefused("not yet")
    return "at last"


@runtime.activity(name="count")
def count(ctx, key):
    note(key)
    return runs(key)


def runs(key):
    return Path(os.environ["EFFECTS"]).read_text().count(f'"key": "{key}"')


@runtime.workflow(name="fan")
def fan(ctx, asked):
    results = yield when_all(
        [ctx.call_activity("double", input=number, **target(asked)) for number in range(asked["count"])]
    )
    return sum(results)


def target(asked):
    return {"app_id": asked["app"]} if asked.get("app") else {}


@runtime.workflow(name="call")
def call(ctx, asked):
    """Call one activity as asked for and return what came of it, a failure's type and message included."""
    try:
        return (yield ctx.call_activity(asked["activity"], input=asked.get("input"), **target(asked)))
    except TaskFailedError as error:
        return {"type": error.details.error_type, "message": error.details.message}


@runtime.workflow(name="call_child")
def call_child(ctx, asked):
    named = {"instance_id": asked["id"]} if asked.get("id") else {}
    try:
        return (yield ctx.call_child_workflow(asked["workflow"], input=asked.get("input"), **named, **target(asked)))
    except TaskFailedError as error:
        return {"type": error.details.error_type, "message": error.details.message}


@runtime.workflow(name="rely")
def rely(ctx, word):
    yield ctx.call_activity("refuse", input=word)


@runtime.workflow(name="retry_activity")
def retry_activity(ctx, asked):
    return (yield ctx.call_activity("fail_until", input=asked, retry_policy=FOUR_TIMES, **target(asked)))


@runtime.workflow(name="retry_child")
def retry_child(ctx, asked):
    child = f"{ctx.instance_id}-child"
    return (
        yield ctx.call_child_workflow(
            "fail_until_child", input=asked, retry_policy=FOUR_TIMES, instance_id=child, **target(asked)
        )
    )


@runtime.workflow(name="fail_until_child")
def fail_until_child(ctx, asked):
    number = yield ctx.call_activity("count", input=asked["key"])
    if number < asked["times"]:
        raise PaymentRefused("not yet")
    return f"run {number}"


@runtime.workflow(name="collect_later")
def collect_later(ctx, count):
    """Take events only after an activity: they have to be kept until then."""
    yield ctx.call_activity("gated", input=ctx.instance_id)
    got = []
    for _ in range(count):
        got.append((yield ctx.wait_for_external_event("item")))
    return got


@runtime.workflow(name="wait_at_most")
def wait_at_most(ctx, seconds):
    event = ctx.wait_for_external_event("go")
    first = yield when_any([event, ctx.create_timer(timedelta(seconds=seconds))])
    return event.get_result() if first == event else "timed out"


@runtime.workflow(name="say")
def say(ctx, _=None):
    ctx.set_custom_status("waiting")
    yield ctx.wait_for_external_event("go")
    ctx.set_custom_status("going")
    yield ctx.wait_for_external_event("end")
    return "said"


def versions():
    """Register the versions of one workflow that the test wants this process to have, the last as the latest."""
    names = os.environ.get("VERSIONS", "v1").split(",")
    for name in names:
        runtime.versioned_workflow(version(name), name="versioned", version_name=name, is_latest=name == names[-1])


def version(name):
    def versioned(ctx, _=None):
        yield ctx.call_activity("double", input=1)
        yield ctx.wait_for_external_event("go")
        return name

    versioned.__name__ = name
    return versioned


@runtime.workflow(name="patched")
def patched(ctx, _=None):
    before = ctx.is_patched("first")
    yield ctx.call_activity("double", input=1)
    after = [ctx.is_patched("first"), ctx.is_patched("second")]
    yield ctx.call_activity("double", input=2)
    return [before, *after]


if __name__ == "__main__":
    versions()
    serve(runtime)
