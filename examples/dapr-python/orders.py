"""App `orders`, written for Dapr: its workflow calls an activity in app `payments`."""

import signal
import threading
from datetime import timedelta

from dapr.ext.workflow import DaprWorkflowContext, RetryPolicy, WorkflowRuntime

runtime = WorkflowRuntime()
RETRY = RetryPolicy(first_retry_interval=timedelta(seconds=1), max_number_of_attempts=5)


@runtime.workflow(name="buy")
def buy(ctx: DaprWorkflowContext, order: dict[str, int]):
    receipt = yield ctx.call_activity("charge", input=order["total"], retry_policy=RETRY, app_id="payments")
    yield ctx.create_timer(timedelta(seconds=2))
    return receipt


if __name__ == "__main__":
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    runtime.start()
    stop.wait()
    runtime.shutdown()
