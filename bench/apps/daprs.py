# ruff: noqa: ANN001, ANN201, D103  (written as users of that SDK write)
"""The apps of the benchmark with Dapr's SDK, unchanged: `daprs.py APP`. Runs in an environment of its own."""

import signal
import sys

import dapr.ext.workflow as wf

OTHERS = ("app2", "app3", "app4")
runtime = wf.WorkflowRuntime()


@runtime.activity(name="echo")
def echo(ctx, text):
    return text


def chain_over_apps(ctx, text):
    for number in range(5):
        text = yield ctx.call_activity("echo", input=text, app_id=OTHERS[number % 3])
    return text


def chain_in_one_app(ctx, text):
    for _ in range(5):
        text = yield ctx.call_activity("echo", input=text)
    return text


def three_steps(ctx, text):
    for _ in range(3):
        text = yield ctx.call_activity("echo", input=text)
    return text


def fan_out(ctx, text):
    calls = [ctx.call_activity("echo", input=text, app_id=OTHERS[number % 3]) for number in range(100)]
    return len((yield wf.when_all(calls)))


def child_elsewhere(ctx, text):
    return (yield ctx.call_child_workflow("call_third", input=text, app_id="app2"))


def call_third(ctx, text):
    return (yield ctx.call_activity("echo", input=text, app_id="app3"))


def thousand_steps(ctx, text):
    marks = [ctx.current_utc_datetime]
    for number in range(1, 1001):
        text = yield ctx.call_activity("echo", input=text)
        if number % 100 == 0:
            marks.append(ctx.current_utc_datetime)
    return [(marks[1] - marks[0]).total_seconds(), (marks[10] - marks[9]).total_seconds()]


WORKFLOWS = {
    "app1": (chain_over_apps, chain_in_one_app, three_steps, fan_out, child_elsewhere, thousand_steps),
    "app2": (call_third,),
}
for workflow in WORKFLOWS.get(sys.argv[1], ()):
    runtime.register_workflow(workflow, name=workflow.__name__)

ending = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, ending)
runtime.start()
signal.sigwait(ending)
runtime.shutdown()
