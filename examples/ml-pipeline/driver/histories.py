"""What the sidecars have recorded of a run: the pipeline's history and its child's, as calls with times.

Used by the account and the verdict. Times are of the sidecar's clock, which on one machine is the apps' clock too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from antiphon import Client, HistoryEntry

from driver.ledger import Key

_SCHEDULED = "task_scheduled"
_ENDED = frozenset({"task_completed", "task_failed"})
_CHILD = "child_workflow_instance_created"
_CHILD_ENDED = frozenset({"child_workflow_instance_completed", "child_workflow_instance_failed"})


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One activity or child workflow that a workflow called; `recorded_ns` is None until its end is in the history."""

    key: Key
    name: str
    scheduled_ns: int
    recorded_ns: int | None
    completed: bool
    child_id: str = ""


async def calls(client: Client, instance_id: str, *, child_app: str) -> list[RecordedCall]:
    """Return the calls of an instance, and of its children in `child_app`, in the order of asking."""
    own = await _calls(client, instance_id, app=None)
    children = [await _calls(client, call.child_id, app=child_app) for call in own if call.child_id]
    return sorted([*own, *(call for each in children for call in each)], key=lambda call: call.scheduled_ns)


async def _calls(client: Client, instance_id: str, *, app: str | None) -> list[RecordedCall]:
    history = await client.history(instance_id, app=app)
    state = await client.get(instance_id, app=app, payloads=False)
    ends = {_caller(entry.details): entry for entry in history if entry.kind in _ENDED | _CHILD_ENDED}
    return [
        _call(Key(instance_id, state.execution_id, entry.event_id), entry, ends.get(entry.event_id))
        for entry in history
        if entry.kind in (_SCHEDULED, _CHILD)
    ]


def _call(key: Key, entry: HistoryEntry, end: HistoryEntry | None) -> RecordedCall:
    return RecordedCall(
        key=key,
        name=str(entry.details["name"]),
        scheduled_ns=_ns(entry),
        recorded_ns=None if end is None else _ns(end),
        completed=end is not None and end.kind.endswith("_completed"),
        child_id=str(entry.details["instance_id"]) if entry.kind == _CHILD else "",
    )


def _caller(details: Mapping[str, Any]) -> int:
    # Zero is a valid number, and left out of the details.
    return int(details.get("task_scheduled_id", 0))


def _ns(entry: HistoryEntry) -> int:
    return int(entry.timestamp.timestamp() * 1_000_000) * 1_000
