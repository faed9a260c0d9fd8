"""App `payments`, written for Dapr; the sidecar it finds at DAPR_GRPC_PORT may as well be Antiphon's."""

import signal
import threading

from dapr.ext.workflow import WorkflowActivityContext, WorkflowRuntime

runtime = WorkflowRuntime()


@runtime.activity(name="charge")
def charge(ctx: WorkflowActivityContext, amount: int) -> str:
    return f"receipt over {amount}"


if __name__ == "__main__":
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    runtime.start()
    stop.wait()
    runtime.shutdown()
