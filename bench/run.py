"""`make bench`: how many workflows a second, how fast, and at what cost, on this machine; prints one table.

Everything runs in processes of its own, as users run it, and CPU time is read from /proc: it is the firm figure, rates
and latencies depend on what else the machine does. Setups of one group take turns. Nothing is written to disk and
nothing is judged.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import others
from measuring import (
    CHAIN_IN,
    CHAIN_OVER,
    IDLE_S,
    SETTLING_S,
    WAITING_S,
    WORKLOADS,
    Row,
    Workload,
    compared,
    measure,
    warm,
    watch,
)
from parts import Setup, World
from rich.console import Console
from rich.table import Table
from worlds import hosted, with_sidecars

CHAINS = frozenset({"chain_over_apps", "chain_in_one_app"})
OURS = Setup("Antiphon SDK", "PostgreSQL", sidecars=True)
POLLS = f"polls every {others.POLL_S * 1000:.0f} ms; the engine is in the apps"
#: Those of a group run beside each other and take turns.
GROUPS = (
    tuple(Setup(sdk, store) for store in ("SQLite", "PostgreSQL") for sdk in ("Antiphon SDK", "Dapr SDK")),
    (
        OURS,
        Setup("Dapr SDK", "PostgreSQL", sidecars=True),
        Setup("DBOS", "PostgreSQL", workflows=CHAINS, note=POLLS),
        Setup("Restate", "its own log", workflows=CHAINS),
    ),
)
IDLE = "nothing, a second"
WAITING = "instances wait, a second"
FLAT = "after many have finished"
REPLICAS = "replicas of one app"
EXTRAS = (IDLE, WAITING, FLAT, REPLICAS)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure."""

    workloads: tuple[Workload, ...]
    extras: tuple[str, ...]
    rounds: int
    waiting: int
    finished: int
    share: float


def world(setup: Setup) -> AbstractContextManager[World]:
    """Start what a setup needs."""
    if setup.sdk in ("DBOS", "Restate"):
        return others.dbos(setup) if setup.sdk == "DBOS" else others.restate(setup)
    return with_sidecars(setup) if setup.sidecars else hosted(setup)


def group_rows(setups: Sequence[Setup], plan: Plan, console: Console) -> Iterator[Row]:
    """Measure the setups of a group, taking turns."""
    with console.status("") as status, ExitStack() as stack:
        worlds: dict[Setup, World] = {}
        for setup in setups:
            status.update(f"{setup}: starting")
            try:
                worlds[setup] = stack.enter_context(world(setup))
            except others.NotHere as error:
                yield Row(CHAIN_OVER, "", setup, note=f"cannot be installed here: {str(error).splitlines()[0]}")
        if IDLE in plan.extras:
            for setup, where in worlds.items():
                status.update(f"{setup}: idle")
                row = Row(IDLE, "", setup, note=setup.note)
                watch(row, where, seconds=IDLE_S)
                yield row
        for work in plan.workloads:
            rows = {s: Row(work.title, str(work.at_once), s, note=s.note) for s in worlds if s.has(work.workflow)}
            for setup in rows:
                status.update(f"{setup}: {work.title}, {work.at_once} at once")
                warm(worlds[setup], work)
            part = work.scaled(1 / plan.rounds)
            for _ in range(plan.rounds if work.count > 1 else 1):
                for setup, row in rows.items():
                    status.update(f"{setup}: {work.title}, {work.at_once} at once")
                    measure(row, worlds[setup], part)
            yield from rows.values()
        if WAITING in plan.extras and OURS in worlds:
            status.update(f"{plan.waiting} instances wait")
            yield waiting(worlds[OURS], plan)


def waiting(where: World, plan: Plan) -> Row:
    """Let many instances wait for an event that never comes, and see what that costs."""
    where.load("wait_for_ever", count=plan.waiting, at_once=32)
    # What starting them has left to do is not what waiting costs: PostgreSQL looks for dead rows once a minute.
    time.sleep(SETTLING_S)
    row = Row(f"{plan.waiting:,} {WAITING}", "", OURS, note="10 ms are 1 % of a core")
    watch(row, where, seconds=WAITING_S)
    return row


def flatness(plan: Plan, console: Console) -> list[Row]:
    """Compare a fresh store with one in which many have finished, both up and taking turns."""
    work = Workload(CHAIN_IN, "chain_in_one_app", 16, 1000).scaled(plan.share)
    titles = (f"chain of 5, the first {work.count * plan.rounds:,}", f"the same {FLAT}: {plan.finished:,}")
    with console.status(titles[1]), world(OURS) as fresh, world(OURS) as aged:
        warm(fresh, work)
        aged.load("three_steps", count=plan.finished, at_once=64)
        return _side_by_side([(titles[0], OURS, fresh, work), (titles[1], OURS, aged, work)], plan.rounds)


def replicas(plan: Plan, console: Console) -> list[Row]:
    """Compare one replica of an app with four, both up and taking turns."""
    one = Setup(OURS.sdk, OURS.store, sidecars=True, apps=("app1",))
    four = Setup(OURS.sdk, OURS.store, sidecars=True, apps=("app1",), replicas=4)
    work = Workload(CHAIN_IN, "chain_in_one_app", 16, 1000).scaled(plan.share)
    # As many for each replica as the one alone has: only so do they send and commit as much at once.
    more = replace(work, at_once=4 * work.at_once)
    with console.status(REPLICAS), world(one) as alone, world(four) as together:
        warm(alone, work)
        warm(together, more)
        return _side_by_side(
            [
                (f"chain of 5, 1 of {REPLICAS}", one, alone, work),
                (f"the same, 4 {REPLICAS}, as many in all", four, together, work),
                (f"the same, 4 {REPLICAS}, as many each", four, together, more),
            ],
            plan.rounds,
        )


def _side_by_side(named: Sequence[tuple[str, Setup, World, Workload]], rounds: int) -> list[Row]:
    rows = [Row(title, str(work.at_once), setup) for title, setup, _, work in named]
    for _ in range(rounds):
        for row, (_, _, where, work) in zip(rows, named, strict=True):
            measure(row, where, work)
    compared(rows)
    return rows


def table(found: Sequence[Row]) -> Table:
    """Lay out the rows by workload; the column x compares with the first setup of the same run."""
    shown = Table(title="Antiphon on this machine: hosts or sidecars, four app processes, one client process")
    for name in ("workload", "at once", "SDK", "store"):
        shown.add_column(name)
    for name in ("/s", "p50 ms", "p95 ms", "engine", "database", "etcd", "apps", "engine MB", "x"):
        shown.add_column(name, justify="right")
    shown.add_column("")
    for title, at_once in dict.fromkeys((row.title, row.at_once) for row in found):
        group = [row for row in found if (row.title, row.at_once) == (title, at_once)]
        for row in group:
            first = row is group[0]
            shown.add_row(
                title if first else "",
                at_once if first else "",
                row.setup.sdk,
                row.setup.kept,
                *_figures(row, group[0]),
                row.note,
                end_section=row is group[-1],
            )
    return shown


def _figures(row: Row, first: Row) -> list[str]:
    if not row.parts:
        return [""] * 9
    values = [row.per_second, row.percentile_ms(0.5), row.percentile_ms(0.95)]
    values += [row.ms(cpu_s) for cpu_s in (row.engine_s, row.database_s, row.etcd_s, row.apps_s)]
    values.append(row.rss_bytes / 1e6)
    compares = row.setup.sdk != "DBOS" and first.all_but_apps_ms
    return [*map(_number, values), f"{row.all_but_apps_ms / first.all_but_apps_ms:.2f}" if compares else ""]


def _number(value: float | None) -> str:
    if not value:
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


def _arguments() -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work; figures are rougher")
    parser.add_argument("--only", metavar="TEXT", default="", help="workloads that have this in their name")
    parser.add_argument("--at-once", metavar="N", type=int, help="workloads with so many workflows at once")
    parser.add_argument("--setup", metavar="TEXT", action="append", help='such as "postgresql, sidecars"; repeats')
    parser.add_argument("--rounds", metavar="N", type=int, default=3, help="turns that setups of a group take")
    parser.add_argument("--waiting", metavar="N", type=int, default=20_000, help="instances that wait")
    parser.add_argument("--finished", metavar="N", type=int, default=5_000, help=f"instances of '{FLAT}'")
    return parser, parser.parse_args()


def main() -> None:
    """Measure and print."""
    parser, arguments = _arguments()
    wanted = [text.lower() for text in arguments.setup or [""]]
    chosen = [[s for s in group if any(text in str(s).lower() for text in wanted)] for group in GROUPS]
    only = arguments.only.lower()
    share = 0.1 if arguments.quick else 1.0
    plan = Plan(
        tuple(
            work.scaled(share)
            for work in WORKLOADS
            if only in work.title.lower() and arguments.at_once in (None, work.at_once)
        ),
        tuple(title for title in EXTRAS if only in title and arguments.at_once is None),
        rounds=1 if arguments.quick else arguments.rounds,
        waiting=round(arguments.waiting * share),
        finished=round(arguments.finished * share),
        share=share,
    )
    if not any(chosen) or not (plan.workloads or plan.extras):
        parser.error("nothing has that in its name")
    console = Console(width=None if sys.stdout.isatty() else 220)
    console.print(machine(), highlight=False)
    found = [row for group in chosen if group for row in group_rows(group, plan, console)]
    if OURS in chosen[1]:
        found += flatness(plan, console) if FLAT in plan.extras else []
        found += replicas(plan, console) if REPLICAS in plan.extras else []
    console.print(table(found))
    console.print(
        "engine, database, etcd, apps: CPU milliseconds for each workflow, or for a second. "
        "x: all but the apps, the first setup of a group is 1."
    )
    console.print(machine(), highlight=False)


if __name__ == "__main__":
    main()
