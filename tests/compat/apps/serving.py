"""What the apps of these tests have in common: a runtime as the test wants it, notes of what ran, and gates.

Runs in the environment of the SDK under test and knows nothing of ours.
"""

import json
import os
import signal
import threading
import time
from pathlib import Path

from dapr.ext.workflow import WorkflowRuntime

_POLL_S = 0.02


def made_runtime() -> WorkflowRuntime:
    return WorkflowRuntime(disable_stateful_history=os.environ.get("DELTAS", "1") == "0")


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
