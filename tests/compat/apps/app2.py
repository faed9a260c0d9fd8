"""App `app2`: activities and children that app1 calls; some of them call app3."""

import os
from pathlib import Path

from serving import made_runtime, note, pass_gate, serve

runtime = made_runtime()


class PaymentRefused(Exception):
    """A failure of this app's own."""


@runtime.activity(name="upper")
def upper(ctx, word):
    return word.upper()


@runtime.activity(name="refuse")
def refuse(ctx, word):
    raise PaymentRefused(f"no money for {word}")


@runtime.activity(name="fail_until")
async def fail_until(ctx, asked):
    note(asked["key"], task=ctx.get_inner_context().task_execution_id)
    if asked.get("never") or count(asked["key"]) < asked["times"]:
        raise PaymentRefused("not yet")
    return "at last"


@runtime.activity(name="gated")
def gated(ctx, key):
    note(key)
    pass_gate(key)
    return key


@runtime.activity(name="count")
def counted(ctx, key):
    note(key)
    return count(key)


def count(key):
    return Path(os.environ["EFFECTS"]).read_text().count(f'"key": "{key}"')


@runtime.workflow(name="twice")
def twice(ctx, word):
    local = yield ctx.call_activity("upper", input=word)
    nested = yield ctx.call_child_workflow("reverse", input=local, app_id="app3")
    return [local, nested]


@runtime.workflow(name="generation_two")
def generation_two(ctx, _):
    yield ctx.call_child_workflow("wait", input="never", app_id="app3", instance_id=f"{ctx.instance_id}-three")


@runtime.workflow(name="fail_until_child")
def fail_until_child(ctx, asked):
    runs = yield ctx.call_activity("count", input=asked["key"])
    if runs < asked["times"]:
        raise PaymentRefused("not yet")
    return f"run {runs}"


@runtime.workflow(name="fail")
def fail(ctx, text):
    yield ctx.call_activity("refuse", input=text)


@runtime.workflow(name="wait")
def wait(ctx, name):
    return (yield ctx.wait_for_external_event(name))


if __name__ == "__main__":
    serve(runtime)
