"""Each app's own record of what its activities did: one JSON line for each start, end and acknowledgement.

The demo reads these files to show what happens, and after a crash to prove what ran twice. A line is on disk
before the activity goes on, so that SIGKILL loses none. Without RECORDS_FOLDER nothing is written.
"""

import functools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from antiphon import activity

P = ParamSpec("P")
R = TypeVar("R")

FOLDER = "RECORDS_FOLDER"


def recorded(subject: Callable[[Any], str] = lambda _: "") -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Record when an activity starts and how it ends; goes below `@activity.define`.

    `subject` says from the input what this call is about, for people who watch.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def recording(*args: P.args, **kwargs: P.kwargs) -> R:
            info = activity.info()
            _write("started", info, subject=subject(args[0]) if args else "")
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                _write("failed", info, error=repr(error))
                raise
            _write("finished", info)
            return result

        return recording

    return decorate


def acknowledged(info: activity.ActivityInfo) -> None:
    """Record that the sidecar has made a result durable; for `Worker(on_settled=...)`."""
    _write("acknowledged", info)


def _write(what: str, info: activity.ActivityInfo, **more: str) -> None:
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    line = {
        "what": what,
        "activity": info.name,
        "instance_id": info.instance_id,
        "execution_id": info.execution_id,
        "task_id": info.task_id,
        "attempt": info.attempt,
        "at_ns": time.time_ns(),
        "pid": os.getpid(),
        **more,
    }
    path = Path(folder) / f"{os.environ.get('ANTIPHON_APP_ID', 'app')}.jsonl"
    # One write to a file opened for appending keeps lines of several threads apart.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, json.dumps(line).encode() + b"\n")
        os.fsync(file)
    finally:
        os.close(file)
