"""`make bench`: how many workflows a second, how fast, and at what cost, on this machine; prints one table.

Everything runs in processes of its own, as users run it, and CPU time is read from /proc: it is the firm figure, rates
and latencies depend on what else the machine does. Nothing is written to disk and nothing is judged.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console
from rich.table import Table
from worlds import Costs, Setup, World, world

SETUPS = tuple(Setup(sdk, store) for store in ("SQLite", "PostgreSQL") for sdk in ("Antiphon SDK", "Dapr SDK"))
IDLE_S = 5.0


@dataclass(frozen=True, slots=True)
class Workload:
    """So many runs of a workflow, so many at a time."""

    title: str
    workflow: str
    at_once: int
    count: int

    def scaled(self, share: float) -> "Workload":
        """Return a smaller one; never less than what runs at once, nor than three."""
        count = max(min(self.count, 3), self.at_once, round(self.count * share))
        return Workload(self.title, self.workflow, self.at_once, count)


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


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; CPU times in milliseconds for one workflow, or for one second when idle."""

    title: str
    at_once: str
    setup: Setup
    seconds: float
    per_second: float | None
    p50_ms: float | None
    p95_ms: float | None
    host_ms: float
    database_ms: float
    apps_ms: float
    host_mb: float
    note: str = ""

    @property
    def engine_ms(self) -> float:
        """What is not the apps: host and database."""
        return self.host_ms + self.database_ms


def measured(where: World, setup: Setup, work: Workload) -> Row:
    """Run a workload, after a few of the same to warm up."""
    if work.workflow != "thousand_steps":
        where.load(work.workflow, count=min(work.at_once, 64), at_once=min(work.at_once, 64))
    before = where.costs()
    taken = where.load(work.workflow, count=work.count, at_once=work.at_once)
    after = where.costs()
    latencies = sorted(taken["latencies"])
    note = ""
    if work.workflow == "thousand_steps":
        first, last = taken["output"]
        note = f"last 100 steps / first 100: {last / first:.2f}"
    return _row(
        work.title,
        str(work.at_once),
        setup,
        (before, after),
        seconds=taken["seconds"],
        parts=work.count,
        latencies=latencies,
        note=note,
    )


def idle(where: World, setup: Setup) -> Row:
    """Do nothing for a while and see what that costs."""
    before = where.costs()
    begin = time.monotonic()
    time.sleep(IDLE_S)
    seconds = time.monotonic() - begin
    return _row("nothing, a second", "", setup, (before, where.costs()), seconds=seconds, parts=seconds)


def _row(
    title: str,
    at_once: str,
    setup: Setup,
    costs: tuple[Costs, Costs],
    *,
    seconds: float,
    parts: float,
    latencies: Sequence[float] = (),
    note: str = "",
) -> Row:
    before, after = costs
    return Row(
        title=title,
        at_once=at_once,
        setup=setup,
        seconds=seconds,
        per_second=len(latencies) / seconds if latencies else None,
        p50_ms=statistics.median(latencies) * 1000 if latencies else None,
        p95_ms=latencies[int(len(latencies) * 0.95)] * 1000 if latencies else None,
        host_ms=(after.host.cpu_s - before.host.cpu_s) * 1000 / parts,
        database_ms=(after.database.cpu_s - before.database.cpu_s) * 1000 / parts,
        apps_ms=(after.apps.cpu_s - before.apps.cpu_s) * 1000 / parts,
        host_mb=after.host.rss_bytes / 1e6,
        note=note,
    )


def rows(setups: Sequence[Setup], workloads: Sequence[Workload], console: Console) -> Iterator[Row]:
    """Measure everything, one setup after the other."""
    for setup in setups:
        with console.status(f"{setup}: starting") as status, world(setup) as where:
            status.update(f"{setup}: idle")
            yield idle(where, setup)
            for work in workloads:
                status.update(f"{setup}: {work.title}, {work.at_once} at once")
                yield measured(where, setup, work)


def table(found: Sequence[Row]) -> Table:
    """Lay out the rows by workload; the last column compares with the first setup of the same run."""
    shown = Table(title="Antiphon on this machine: one host process, four app processes, one client process")
    for name in ("workload", "at once", "SDK", "store"):
        shown.add_column(name)
    for name in ("/s", "p50 ms", "p95 ms", "host", "database", "apps", "host MB", "x"):
        shown.add_column(name, justify="right")
    shown.add_column("")
    keys = list(dict.fromkeys((row.title, row.at_once) for row in found))
    for title, at_once in keys:
        group = [row for row in found if (row.title, row.at_once) == (title, at_once)]
        for row in group:
            first = row is group[0]
            shown.add_row(
                title if first else "",
                at_once if first else "",
                row.setup.sdk,
                row.setup.store,
                *(_number(value) for value in (row.per_second, row.p50_ms, row.p95_ms)),
                *(_number(value) for value in (row.host_ms, row.database_ms, row.apps_ms)),
                _number(row.host_mb),
                f"{row.engine_ms / group[0].engine_ms:.2f}" if group[0].engine_ms else "",
                row.note,
                end_section=row is group[-1],
            )
    return shown


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def machine() -> str:
    """Say where and when this is measured, and what else runs."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    when = time.strftime("%Y-%m-%d %H:%M %Z")
    return f"{when}: {os.cpu_count()} x {model}, Python {platform.python_version()}, load average {load}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work; figures are rougher")
    parser.add_argument("--only", metavar="TEXT", default="", help="workloads that have this in their name")
    parser.add_argument("--setup", metavar="TEXT", default="", help='such as "antiphon" or "dapr sdk, postgresql"')
    arguments = parser.parse_args()
    setups = [setup for setup in SETUPS if arguments.setup.lower() in str(setup).lower()]
    chosen = [work for work in WORKLOADS if arguments.only.lower() in work.title.lower()]
    if not setups or not chosen:
        parser.error("nothing has that in its name")
    workloads = [work.scaled(0.1 if arguments.quick else 1.0) for work in chosen]
    console = Console(width=None if sys.stdout.isatty() else 190)
    console.print(machine(), highlight=False)
    found = list(rows(setups, workloads, console))
    console.print(table(found))
    console.print(
        "host, database, apps: CPU milliseconds for each workflow. x: host and database, the first setup is 1."
    )
    console.print(machine(), highlight=False)


if __name__ == "__main__":
    main()
