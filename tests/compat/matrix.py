"""The matrix of SDKs and features: what is tried, what came of it, and the tables of docs/dapr.md.

`python -m tests.compat.matrix` (part of `make docs`) writes the tables between their markers. A unit test keeps them
equal to what is said here, and the last test of `make compat` keeps what is said here equal to what ran.
"""

from collections.abc import Mapping
from pathlib import Path

from tests.compat.sdks import SDKS

PAGE = Path(__file__).parents[2] / "docs" / "dapr.md"
BEGIN = "<!-- matrix: written by `make docs` from tests/compat/matrix.py and sdks.py -->"
END = "<!-- end of the matrix -->"

#: In the order of the page. `out` is a call from the SDK's app to a Python app, `in` one from a Python app to it.
FEATURES: Mapping[str, str] = {
    "activity": "activities",
    "activity-out": "activities of a Python app",
    "activity-in": "its activities, called by a Python app",
    "child": "child workflows, with an ID of their own or without",
    "child-out": "child workflows in a Python app",
    "child-in": "its workflows, as children of a Python app's",
    "fan-out": "200 activities side by side",
    "fan-out-in": "200 of its activities side by side, called by a Python app",
    "retry-activity": "retry policies of activities",
    "retry-child": "retry policies of children, under one ID",
    "failure": "a failure ends the workflow, with its message",
    "failure-out": "a failure in a Python app is caught, with its message",
    "failure-in": "a failure in its app is caught by a Python app, with its message",
    "unregistered": "a name that its worker does not have is refused",
    "forget": "activities that nobody waits for still run",
    "large": "values of 3 MiB",
    "steps": "a workflow of 60 steps runs each of them once",
    "deltas": "deltas instead of whole histories",
    "timer": "timers",
    "event": "external events",
    "event-kept": "events kept until somebody waits, in their order",
    "event-timeout": "waiting for an event for a limited time",
    "continue-as-new": "continue-as-new, with the events that came too early",
    "status": "custom status",
    "suspend": "suspend and resume",
    "resume-running": "resuming what runs changes nothing",
    "terminate": "terminate, with output",
    "terminate-out": "terminate, with children in a Python app",
    "terminate-in": "its children of a Python app's workflow end with it",
    "scheduled": "scheduled starts",
    "ids": "IDs: refused while in use, free again after the end",
    "purge": "purge",
    "list": "listing instances, reading histories",
    "other-app": "client calls for an instance of another app",
    "patches": "patches",
    "versions": "versions: what runs stays with its version",
    "worker-killed": "worker killed in an activity: it runs again",
    "sidecar-drained": "sidecar ended by SIGTERM: the worker connects again",
    "sidecar-killed": "sidecar killed: the worker connects again, nothing is lost",
}


def cells() -> set[tuple[str, str]]:
    """Return each (feature, SDK) that a test must try."""
    return {(feature, sdk.id) for feature in FEATURES for sdk in SDKS if feature not in sdk.lacks}


def summary(outcomes: Mapping[tuple[str, str], bool]) -> list[str]:
    """Return the matrix as it came out, one line for each feature that was tried."""
    lines = ["  ".join(["".ljust(66), *(sdk.id for sdk in SDKS)])]
    for feature, title in FEATURES.items():
        if any((feature, sdk.id) in outcomes for sdk in SDKS):
            words = [_word(outcomes, feature, sdk.id, feature in sdk.lacks).ljust(len(sdk.id)) for sdk in SDKS]
            lines.append("  ".join([title.ljust(66), *words]).rstrip())
    return lines


def _word(outcomes: Mapping[tuple[str, str], bool], feature: str, sdk: str, lacking: bool) -> str:
    if lacking:
        return "-"
    return {True: "ok", False: "FAILED", None: "not run"}[outcomes.get((feature, sdk))]


def tables() -> str:
    """Return what stands between the markers."""
    reasons: dict[str, str] = {}
    rows = ["| |" + "".join(f" {sdk.language}: {sdk.packages} |" for sdk in SDKS), "|---" * (len(SDKS) + 1) + "|"]
    for feature, title in FEATURES.items():
        words = []
        for sdk in SDKS:
            reason = sdk.lacks.get(feature)
            words.append("yes" if reason is None else f"no ({reasons.setdefault(reason, _letter(reasons))})")
        rows.append(f"| {title} | {' | '.join(words)} |")
    notes = [f"- ({letter}) {reason}." for reason, letter in reasons.items()]
    return "\n".join([*rows, "", *notes])


def _letter(given: Mapping[str, str]) -> str:
    return chr(ord("a") + len(given))


def page(old: str) -> str:
    """Return the page with the matrix of now."""
    before, _, rest = old.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
