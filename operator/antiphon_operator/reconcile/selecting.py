"""Which pods an AppRegistration selects, and which of these have the sidecar."""

from collections.abc import Iterable, Mapping
from typing import Any

from antiphon_names.labels import INJECTED
from antiphon_operator.reconcile.objects import AppRegistration
from antiphon_operator.reconcile.observed import Pods
from antiphon_operator.reconcile.outcome import Body

#: A pod in one of these phases runs no more.
_ENDED = ("Succeeded", "Failed")


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Tell whether a label selector matches; an empty one matches nothing."""
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or ()
    if not wanted and not expressions:
        return False
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_holds(each, labels) for each in expressions)


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False


def pods(registration: AppRegistration, found: Iterable[Body]) -> Pods:
    """Count the pods of an app; those that have ended or are being deleted do not count."""
    matching, without = 0, []
    for pod in found:
        meta = pod["metadata"]
        labels = meta.get("labels") or {}
        ended = meta.get("deletionTimestamp") or (pod.get("status") or {}).get("phase") in _ENDED
        if ended or not selects(registration.selector, labels):
            continue
        matching += 1
        if INJECTED not in labels:
            without.append(meta["name"])
    return Pods(matching, matching - len(without), tuple(sorted(without)))
