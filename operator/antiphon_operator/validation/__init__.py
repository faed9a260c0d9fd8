"""PURE: checks of the custom resources at admission, beyond what their schemas and CEL rules say.

What can never be right is refused with a message that names the fix. What other resources may make right later is a
warning, because tools apply resources in any order.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from antiphon_operator.injection.resources import Known
from antiphon_operator.validation import registrations, runs, stores, workflows
from antiphon_operator.validation.problems import Problem, Verdict

PLURALS = ("appregistrations", "workflows", "workflowruns", "workflowschedules", "statestores")


def check(plural: str, found: Mapping[str, Any], *, known: Known, old: Mapping[str, Any] | None = None) -> Verdict:
    """Return what is wrong with a resource that is being created, or changed from `old`.

    A change that leaves an older problem as it was is not refused for it, so that finalizers and labels of what a
    former release let pass can still be changed; nor is anything refused of a resource that is being deleted.
    """
    if (found.get("metadata") or {}).get("deletionTimestamp"):
        return Verdict()
    if old is not None and old.get("spec") == found.get("spec"):
        return Verdict()
    present = _problems(plural, found, known)
    former = set() if old is None else {problem.message for problem in _problems(plural, old, known)}
    return Verdict(
        [problem for problem in present if problem.message not in former],
        [
            *(problem.message for problem in present if problem.message in former),
            *_warnings(plural, found, old, known),
        ],
    )


def _problems(plural: str, found: Mapping[str, Any], known: Known) -> Sequence[Problem]:
    match plural:
        case "appregistrations":
            return [*registrations.problems(found)]
        case "workflows":
            return [*workflows.problems(found)]
        case "workflowruns":
            return [*runs.run_problems(found, known)]
        case "workflowschedules":
            return [*runs.schedule_problems(found, known)]
        case "statestores":
            return [*stores.problems(found)]
    raise ValueError(plural)


def _warnings(plural: str, found: Mapping[str, Any], old: Mapping[str, Any] | None, known: Known) -> Sequence[str]:
    match plural:
        case "appregistrations":
            return [*registrations.warnings(found, known)]
        case "workflows":
            return [*workflows.warnings(found, known)]
        case "statestores":
            return [*stores.warnings(found, old, known)]
        case _:
            return [*runs.warnings(found, known)]


__all__ = ["PLURALS", "Problem", "Verdict", "check"]
