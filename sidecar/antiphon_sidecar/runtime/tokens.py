"""Completion tokens of activities: they name the task, so that a result outlives the sidecar that asked for it.

A worker that reconnects to a restarted sidecar, or to another replica, hands in its result with the old token; the
first result wins while the task row exists (wire.md, checklist 10). Workers keep tokens over an upgrade: the form that
earlier releases wrote, base64 of a JSON list, is read as well, and written for IDs that the short one cannot hold.
"""

import base64
import json

from antiphon_names.hashing import slot_of
from antiphon_sidecar.stores.base import TaskRef

#: What the short form begins with; base64 has no slash.
_SHORT = "1/"
_SHORT_FIELDS = 7


def task_token(ref: TaskRef, *, incarnation: bytes, slot: int, attempt: int) -> str:
    """Return the token of one delivery."""
    if "/" in ref.app or "/" in ref.execution_id:
        fields = [ref.app, ref.instance_id, ref.execution_id, ref.task_id, incarnation.hex(), slot, attempt]
        raw = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
        return base64.urlsafe_b64encode(raw).decode()
    # The instance ID comes last: it may hold anything.
    return f"{_SHORT}{attempt}/{ref.task_id}/{incarnation.hex()}/{ref.app}/{ref.execution_id}/{ref.instance_id}"


def token_attempt(token: str) -> int:
    """Return which delivery a token of ours names."""
    if token.startswith(_SHORT):
        return int(token.split("/", 2)[1])
    return int(json.loads(base64.urlsafe_b64decode(token.encode()))[-1])


def read_task_token(token: str) -> tuple[TaskRef, bytes, int] | None:
    """Return (task, incarnation, slot), or None when the token is none of ours."""
    try:
        return _read_short(token) if token.startswith(_SHORT) else _read_long(token)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _read_short(token: str) -> tuple[TaskRef, bytes, int] | None:
    _, attempt, number, incarnation, app, execution_id, instance_id = _text(token).split("/", _SHORT_FIELDS - 1)
    task_id = int(number)
    if not (-(2**31) <= task_id < 2**31 and 0 <= int(attempt) < 2**31):
        return None
    return TaskRef(app, instance_id, execution_id, task_id), bytes.fromhex(incarnation), slot_of(instance_id)


def _read_long(token: str) -> tuple[TaskRef, bytes, int] | None:
    fields = json.loads(base64.urlsafe_b64decode(token.encode()))
    app, instance_id, execution_id, task_id, incarnation, slot, _attempt = fields
    if not (isinstance(task_id, int) and isinstance(incarnation, str) and -(2**31) <= task_id < 2**31):
        return None
    ref = TaskRef(_text(app), _text(instance_id), _text(execution_id), task_id)
    # Nothing that a worker sends decides whose rows are written: the slot follows from the ID.
    return (ref, bytes.fromhex(incarnation), slot_of(instance_id)) if slot == slot_of(instance_id) else None


def _text(value: str) -> str:
    """Return a text that every store can keep: JSON can say NUL, and half a character."""
    if b"\0" in value.encode():
        raise ValueError("a token holds NUL")
    return value
