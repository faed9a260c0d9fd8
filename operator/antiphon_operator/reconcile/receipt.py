"""What a WorkflowRun tells of its instance: output, failure and times, as they stand in its status. Pure."""

import json
from datetime import datetime
from typing import Any, NoReturn

from antiphon_operator.reconcile.conditions import stamp
from antiphon_operator.reconcile.observed import Failure, Instance

#: What of an output stands in the status, in bytes of JSON.
OUTPUT_BYTES_MOST = 4_096
#: What of a failure's message does, in characters.
_MESSAGE_MOST = 4_096
_TYPE_MOST = 512
_PHASES = {
    "PENDING": "Pending",
    "SUSPENDED": "Suspended",
    "COMPLETED": "Completed",
    "FAILED": "Failed",
    "TERMINATED": "Terminated",
    "CANCELED": "Terminated",
}
#: Phases that nothing follows.
ENDED = ("Completed", "Failed", "Terminated")


def phase(found: Instance) -> str:
    """Return the phase; what is stalled or continues as new runs."""
    return _PHASES.get(found.state, "Running")


def times(found: Instance) -> dict[str, Any]:
    """Return when the instance began, and once it has ended, when and after how long."""
    said: dict[str, Any] = {"startTime": stamp(found.created)}
    if found.ended and found.completed is not None:
        said["completionTime"] = stamp(found.completed)
        said["duration"] = duration((found.completed - found.created).total_seconds())
    return said


def results(found: Instance) -> dict[str, Any]:
    """Return what came of an instance that has ended."""
    said: dict[str, Any] = {}
    if found.failure is not None:
        said["failure"] = failure(found.failure)
    if found.too_large or (found.output is not None and len(found.output.encode()) > OUTPUT_BYTES_MOST):
        said["outputTruncated"] = True
    elif found.output is not None and (value := _value(found.output)) is not None:
        said["output"] = value
    return said


def failure(found: Failure) -> dict[str, str]:
    """Return a failure as it stands in the status."""
    return {"type": found.type[:_TYPE_MOST], "message": found.message[:_MESSAGE_MOST]}


def _value(text: str) -> Any:  # noqa: ANN401  (any JSON)
    """Return what JSON text says, or the text itself where it is none that the API server takes."""
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return text
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def duration(seconds: float) -> str:
    """Return a time as people read it: `0.4s`, `12s`, `4m12s`, `3h0m`, `5d2h`."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3_600:
        return f"{whole // 60}m{whole % 60}s"
    if whole < 86_400:
        return f"{whole // 3_600}h{whole % 3_600 // 60}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3_600}h"


def finished(status: Any) -> bool:  # noqa: ANN401  (a status is JSON)
    """Tell whether a WorkflowRun's status says that its instance has ended, or never will begin."""
    return status.get("phase") in ENDED


def ended_at(status: Any) -> datetime | None:  # noqa: ANN401  (a status is JSON)
    """Return when a run ended, None when its status does not say it."""
    text = status.get("completionTime")
    return datetime.fromisoformat(text) if text else None
