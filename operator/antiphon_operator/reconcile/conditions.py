"""Conditions: a list by type, in which `lastTransitionTime` moves only when `status` does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from antiphon_names.conditions import PENDING
from antiphon_operator.reconcile.outcome import Happening

#: metav1.Condition allows 32,768; a person reads less.
MESSAGE_CHARACTERS_MOST = 1_024


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `status` None is Unknown."""

    type: str
    status: bool | None
    reason: str
    message: str = ""


def stamp(now: datetime) -> str:
    """Return a time as the API server writes it: UTC, whole seconds."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(text: object) -> datetime | None:
    """Read a time of the API server; None when it is none."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def listed(
    conditions: Iterable[Condition], *, before: Sequence[Mapping[str, Any]], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """Return the conditions as they stand in a status; `before`: as they stood there until now."""
    known = {condition.get("type"): condition for condition in before}
    return [_written(condition, known.get(condition.type), generation, now) for condition in conditions]


def _written(condition: Condition, before: Mapping[str, Any] | None, generation: int, now: datetime) -> dict[str, Any]:
    status = "Unknown" if condition.status is None else str(condition.status)
    same = before is not None and before.get("status") == status and before.get("lastTransitionTime")
    return {
        "type": condition.type,
        "status": status,
        "reason": condition.reason,
        "message": shortened(condition.message),
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if before is not None and same else stamp(now),
    }


def shortened(message: str) -> str:
    """Return a message that is no longer than a condition's should be."""
    return message if len(message) <= MESSAGE_CHARACTERS_MOST else message[: MESSAGE_CHARACTERS_MOST - 3] + "..."


#: A new object is judged when it has been pending for so many seconds, so that what is applied together, in whatever
#: order, is judged together. Times of conditions are whole seconds, so it is up to one second less.
PENDING_S = 2.0


def pending_s(conditions: Sequence[Mapping[str, Any]], created: str, now: datetime) -> float | None:
    """Return for how long an object is still to be pending; None when it is to be judged.

    One that is first seen when it is older, as after a cold start, is judged at once.
    """
    if not conditions:
        born = instant(created)
        return PENDING_S if born is None or (now - born).total_seconds() < PENDING_S else None
    ready = next((each for each in conditions if each.get("type") == "Ready"), None)
    since = None if ready is None or ready.get("reason") != PENDING.name else instant(ready.get("lastTransitionTime"))
    left = 0.0 if since is None else PENDING_S - (now - since).total_seconds()
    return left if left > 0 else None


def summary(name: str, of: Sequence[Condition], *, well: str, message: str = "") -> Condition:
    """Return the condition that sums others up: the first that is False, else the first Unknown, else True."""
    for wanted in (False, None):
        for condition in of:
            if condition.status is wanted:
                return Condition(name, wanted, condition.reason, condition.message)
    return Condition(name, True, well, message)


def happenings(ready: Condition, before: Sequence[Mapping[str, Any]]) -> tuple[Happening, ...]:
    """Return what is worth an Event: that the summary turned bad for a new reason, or good again."""
    known = next((condition for condition in before if condition.get("type") == ready.type), None)
    was = None if known is None else (known.get("status"), known.get("reason"))
    if ready.status is False and was != ("False", ready.reason):
        return (Happening("Warning", ready.reason, shortened(ready.message)),)
    if ready.status is True and was is not None and was[0] == "False":
        return (Happening("Normal", ready.reason, shortened(ready.message) or "all is well again"),)
    return ()
