"""What the apps of these tests have in common: a runtime as the test wants it, notes of what ran, and gates.

Runs in the environment of the SDK under test and knows nothing of ours.
"""

import json
import os
import signal
import threading
import time
from pathlib import Path

import grpc
from dapr.ext.workflow import WorkflowRuntime

_POLL_S = 0.02


def made_runtime() -> WorkflowRuntime:
    # Older SDKs do not know the switch.
    whole = {"disable_stateful_history": True} if os.environ.get("DELTAS", "1") == "0" else {}
    return WorkflowRuntime(interceptors=[Watch()], **whole)


class Watch(grpc.UnaryStreamClientInterceptor):
    """Notes the turns that come as deltas."""

    def intercept_unary_stream(self, continuation, client_call_details, request):
        return WatchedStream(continuation(client_call_details, request))


class WatchedStream:
    """A stream of work items, passed on as it is."""

    def __init__(self, call):
        self._call = call

    def __getattr__(self, name):
        return getattr(self._call, name)

    def __iter__(self):
        return self

    def __next__(self):
        item = next(self._call)
        turn = dict(_fields(item)).get("workflowRequest")
        if turn is not None and "cachedHistory" in dict(_fields(turn)):
            note(f"{turn.instanceId} delta")
        return item


def _fields(message):
    """Return what is set of a message; the names that this SDK does not know are not among it."""
    return [(field.name, value) for field, value in message.ListFields()]


def note(key: str, **more) -> None:
    """Append a line to the file that all apps share; one write, so that lines stay whole."""
    line = json.dumps({"key": key, "at": time.monotonic(), "pid": os.getpid(), **more}) + "\n"
    file = os.open(os.environ["EFFECTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def pass_gate(name: str) -> None:
    """Wait until the test has opened a gate."""
    gate = Path(os.environ["GATES"]) / name
    deadline = time.monotonic() + 60
    while not gate.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody opened the gate {name}")
        time.sleep(_POLL_S)


def serve(runtime: WorkflowRuntime) -> None:
    """Run until a signal comes; says `ready` once the worker's stream is open."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    runtime.start()
    print("ready", flush=True)
    stop.wait()
    runtime.shutdown()
