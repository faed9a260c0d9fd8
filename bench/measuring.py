"""Workloads, and what is read from a world while one runs."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from parts import Costs, Setup, World

IDLE_S = 5.0
WAITING_S = 10.0
SETTLING_S = 90.0


@dataclass(frozen=True, slots=True)
class Workload:
    """So many runs of a workflow, so many at a time."""

    title: str
    workflow: str
    at_once: int
    count: int

    def scaled(self, share: float) -> "Workload":
        """Return a smaller one; never less than what runs at once, nor than three."""
        return replace(self, count=max(min(self.count, 3), self.at_once, round(self.count * share)))


CHAIN_OVER, CHAIN_IN, CHILD = (
    "chain of 5 over 3 other apps",
    "chain of 5 in one app",
    "child in 2nd app, activity in 3rd",
)
WORKLOADS = (
    Workload(CHAIN_OVER, "chain_over_apps", 1, 60),
    Workload(CHAIN_OVER, "chain_over_apps", 16, 480),
    Workload(CHAIN_OVER, "chain_over_apps", 64, 960),
    Workload(CHAIN_IN, "chain_in_one_app", 1, 60),
    Workload(CHAIN_IN, "chain_in_one_app", 16, 480),
    Workload(CHAIN_IN, "chain_in_one_app", 64, 960),
    Workload("fan-out of 100 over 3 other apps", "fan_out", 1, 20),
    Workload(CHILD, "child_elsewhere", 16, 480),
    Workload("1,000 instances of 3 steps", "three_steps", 1000, 1000),
    Workload("1,000 steps in one instance", "thousand_steps", 1, 1),
)


@dataclass(slots=True)
class Row:
    """A line of the table: sums over the rounds; `parts` are workflows, or seconds where nothing is run."""

    title: str
    at_once: str
    setup: Setup
    parts: float = 0.0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    engine_s: float = 0.0
    apps_s: float = 0.0
    database_s: float = 0.0
    etcd_s: float = 0.0
    rss_bytes: int = 0
    note: str = ""

    def add(self, before: Costs, after: Costs, *, parts: float, seconds: float) -> None:
        """Count what lies between two readings."""
        self.parts += parts
        self.seconds += seconds
        self.engine_s += after.engine.cpu_s - before.engine.cpu_s
        self.apps_s += after.apps.cpu_s - before.apps.cpu_s
        self.database_s += after.database.cpu_s - before.database.cpu_s
        self.etcd_s += after.etcd.cpu_s - before.etcd.cpu_s
        self.rss_bytes = after.engine.rss_bytes

    def ms(self, cpu_s: float) -> float:
        """Return milliseconds for one workflow, or for one second."""
        return cpu_s * 1000 / self.parts if self.parts else 0.0

    @property
    def all_but_apps_ms(self) -> float:
        """Return what is not the apps."""
        return self.ms(self.engine_s + self.database_s + self.etcd_s)

    @property
    def per_second(self) -> float | None:
        """Return the rate."""
        return len(self.latencies) / self.seconds if self.latencies else None

    def percentile_ms(self, share: float) -> float | None:
        """Return a latency."""
        if not self.latencies:
            return None
        if share == 0.5:
            return statistics.median(self.latencies) * 1000
        return sorted(self.latencies)[int(len(self.latencies) * share)] * 1000


def warm(where: World, work: Workload) -> None:
    """Run a few of the same before it counts."""
    if work.workflow != "thousand_steps":
        where.load(work.workflow, count=min(work.at_once, 64), at_once=min(work.at_once, 64))


def measure(row: Row, where: World, work: Workload) -> Any:  # noqa: ANN401 - what the last workflow returned
    """Run a workload once and add it to its row."""
    before = where.costs()
    taken = where.load(work.workflow, count=work.count, at_once=work.at_once)
    row.add(before, where.costs(), parts=work.count, seconds=taken["seconds"])
    row.latencies += taken["latencies"]
    if work.workflow == "thousand_steps":
        first, last = taken["output"]
        row.note = f"last 100 steps / first 100: {last / first:.2f}"
    return taken["output"]


def watch(row: Row, where: World, *, seconds: float) -> None:
    """Ask for nothing for a while and see what that costs."""
    before, begin = where.costs(), time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - begin
    row.add(before, where.costs(), parts=passed, seconds=passed)


def compared(rows: Sequence[Row]) -> None:
    """Say in the notes of all rows but the first what their CPU is of the first one's, apps included."""
    first, *others = ((row.all_but_apps_ms + row.ms(row.apps_s)) for row in rows)
    for row, cost in zip(rows[1:], others, strict=True):
        row.note = f"CPU, apps included, of the first row: {cost / first:.2f}x" if first else ""
