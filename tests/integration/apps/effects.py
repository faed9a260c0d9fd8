"""What the apps of these tests leave behind: a file of JSON lines, each written before the next step.

What a process has written to a file outlives the process; only a machine that goes down would take it along.

Written by the apps, read by `tests.integration.ledgers`. Times are CLOCK_MONOTONIC, which all processes of a machine
share, so that lines of different apps can be compared.
"""

import json
import os
import threading
import time
from pathlib import Path

from streams import note_streams

from antiphon import activity


class Ledger:
    """Appends lines to the file named by EFFECTS; safe from several threads and several processes."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._lock = threading.Lock()

    def write(self, what: str, info: activity.ActivityInfo, value: str = "") -> None:
        """Append one line."""
        line = {
            "what": what,
            "at": time.monotonic_ns(),
            "instance": info.instance_id,
            "execution": info.execution_id,
            "caller": info.caller_app_id,
            "task": info.task_id,
            "attempt": info.attempt,
            "value": value,
            "process": os.getpid(),
            "waited": _waited_ns(),
        }
        with self._lock:
            os.write(self._file, json.dumps(line).encode() + b"\n")

    def settled(self, info: activity.ActivityInfo) -> None:
        """Note that the sidecar has acknowledged a result: the worker's `on_settled`."""
        self.write("settled", info)


def _waited_ns() -> int:
    """Return for how long the event loop's thread has been ready to run and was not run, 0 where nobody counts that."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1])
    except OSError:
        return 0


ledger = Ledger(os.environ["EFFECTS"])
note_streams(os.environ["STREAMS"], f"{os.environ['APP']} {os.getpid()}")
