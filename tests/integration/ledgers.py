"""What the apps wrote down about their activities, and what must hold between that and what Antiphon recorded."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon import HistoryEntry

Key = tuple[str, str, str, int]

_TASK_ENDS = {"task_completed": "task_scheduled_id", "task_failed": "task_scheduled_id"}
_CHILD_ENDS = {
    "child_workflow_instance_completed": "task_scheduled_id",
    "child_workflow_instance_failed": "task_scheduled_id",
}


@dataclass(frozen=True, slots=True)
class Line:
    """Something that an activity did; `at` in nanoseconds of the machine's monotonic clock.

    `waited`: for how many nanoseconds of its life the process's first thread had no CPU though it could have run.
    """

    what: str
    at: int
    key: Key
    attempt: int
    value: str
    process: int
    waited: int = 0


class Ledger:
    """All lines of all apps."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = list(lines)
        self.finished = {line.value: line for line in self.lines if line.what == "finished"}

    @classmethod
    def read(cls, path: Path) -> "Ledger":
        """Read the file that the apps append to."""
        # Up to the last end of a line: what an app writes just now can be seen in part.
        whole, _, _ = path.read_text().rpartition("\n")
        return cls(_line(json.loads(text)) for text in whole.splitlines())

    def results_without_effect(self, values: Iterable[str]) -> list[str]:
        """Return the values that no activity is known to have finished with."""
        return [value for value in values if value not in self.finished]

    def begun_after_settled(self, *, under_way_s: float) -> list[str]:
        """Return what began although its result had been acknowledged before, as sentences.

        `under_way_s`: for so long a later attempt that was on its way by then may still begin: half a lease where
        owners change. What the worker had to wait for a CPU meanwhile is taken off: the delivery was there.
        """
        settled: dict[Key, Line] = {}
        for line in self.lines:
            if line.what == "settled":
                settled.setdefault(line.key, line)
        found = []
        for line in self.lines:
            first = settled.get(line.key)
            if line.what != "started" or first is None or line.at <= first.at:
                continue
            late = line.at - first.at - self._waited_since(line, first.at)
            if line.attempt == 1 or late > under_way_s * 1e9:
                found.append(
                    f"{line.key} attempt {line.attempt} began {(line.at - first.at) / 1e6:.1f} ms after its result "
                    f"was settled, {late / 1e6:.1f} ms of them with a CPU"
                )
        return found

    def _waited_since(self, line: Line, at: int) -> int:
        """Return for how long the process of a line had waited for a CPU by then, since a time or a little before."""
        before = (each.waited for each in self.lines if each.process == line.process and each.at <= at)
        return line.waited - max(before, default=0)

    def counts(self) -> str:
        """Say how many lines of each kind there are."""
        kinds = Counter(line.what for line in self.lines)
        again = sum(1 for line in self.lines if line.what == "started" and line.attempt > 1)
        return f"{dict(kinds)}, {again} begun again"


def _line(raw: dict[str, Any]) -> Line:
    return Line(
        what=raw["what"],
        at=raw["at"],
        key=(raw["caller"], raw["instance"], raw["execution"], raw["task"]),
        attempt=raw["attempt"],
        value=raw["value"],
        process=raw["process"],
        waited=raw["waited"],
    )


def faults(history: Sequence[HistoryEntry]) -> list[str]:
    """Return what is wrong with the history of a finished instance: doubles, and what never came to an end."""
    found: list[str] = []
    found += _pairs(history, "task_scheduled", _TASK_ENDS)
    found += _pairs(history, "child_workflow_instance_created", _CHILD_ENDS)
    found += _pairs(history, "timer_created", {"timer_fired": "timer_id"})
    for kind in ("execution_started", "execution_completed"):
        times = sum(entry.kind == kind for entry in history)
        if times != 1:
            found.append(f"{kind} stands there {times} times")
    if history and history[-1].kind != "execution_completed":
        found.append(f"{history[-1].kind} comes last")
    return found


def _pairs(history: Sequence[HistoryEntry], beginning: str, ends: dict[str, str]) -> list[str]:
    begun = Counter(entry.event_id for entry in history if entry.kind == beginning)
    ended = Counter(int(entry.details.get(ends[entry.kind], 0)) for entry in history if entry.kind in ends)
    return [
        *(f"{beginning} {number} stands there {times} times" for number, times in begun.items() if times != 1),
        *(f"{beginning} {number} has ended {times} times" for number, times in ended.items() if times != 1),
        *(f"{beginning} {number} never ended" for number in begun.keys() - ended.keys()),
        *(f"{beginning} {number} ended and never began" for number in ended.keys() - begun.keys()),
    ]


def results(history: Sequence[HistoryEntry]) -> dict[int, str]:
    """Return the recorded JSON result of each activity by its task id."""
    return {
        int(entry.details.get("task_scheduled_id", 0)): str(entry.details.get("result", "null"))
        for entry in history
        if entry.kind == "task_completed"
    }


def scheduled_names(history: Sequence[HistoryEntry]) -> dict[int, str]:
    """Return the name of each activity asked for by its task id."""
    return {entry.event_id: str(entry.details["name"]) for entry in history if entry.kind == "task_scheduled"}


def by_instance(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """Return the lines of each instance in the order they were written."""
    found: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        found[line.key[1]].append(line)
    return found
