"""Shows what the apps record while it happens: a live tree on a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from driver.ledger import Call, Entry, Ledger
from driver.processes import APPS

_NOTES_SHOWN = 12


class Screen(Protocol):
    """What the demo tells people while it runs."""

    def __enter__(self) -> "Screen": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def note(self, text: str) -> None:
        """Say something of the driver's own."""

    def show(self, new: list[Entry], *, status: str) -> None:
        """Show what is new in the records, and the workflow's own status."""


class Lines:
    """One line for each thing that happens."""

    def __init__(self, console: Console, ledger: Ledger) -> None:
        self._console = console
        self._ledger = ledger
        self._begin_ns = time.time_ns()
        self._status = ""

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *failure: object) -> None:
        return None

    def note(self, text: str) -> None:
        """Print it."""
        self._line(time.time_ns(), "demo", text)

    def show(self, new: list[Entry], *, status: str) -> None:
        """Print a line for each new entry, and one when the status has changed."""
        if status and status != self._status:
            self._status = status
            self._line(time.time_ns(), "pipeline", f"ml_pipeline: {status}")
        for entry in new:
            call = self._ledger.calls[entry.key]
            self._line(entry.at_ns, entry.app, f"{call.title} {entry.what}{_again(call, entry)}")

    def _line(self, at_ns: int, app: str, text: str) -> None:
        seconds = max(0, at_ns - self._begin_ns) / 1e9
        self._console.print(f"{seconds:7.2f}s  {app:<15} {text}", markup=False, highlight=False, soft_wrap=True)


class LiveTree:
    """The apps and what they ran and run, drawn anew as it changes."""

    def __init__(self, console: Console, ledger: Ledger) -> None:
        self._ledger = ledger
        self._notes: list[str] = []
        self._status = ""
        self._live = Live(console=console, get_renderable=self._tree, refresh_per_second=8)

    def __enter__(self) -> "LiveTree":
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def note(self, text: str) -> None:
        """Keep it under the tree."""
        self._notes = [*self._notes, text][-_NOTES_SHOWN:]

    def show(self, new: list[Entry], *, status: str) -> None:
        """Remember the status; the tree is drawn from the ledger."""
        self._status = status or self._status

    def _tree(self) -> Tree:
        tree = Tree(Text.assemble(("pipeline", "bold cyan"), " ml_pipeline: ", (self._status, "italic")))
        for app in APPS:
            calls = self._ledger.of(app)
            if calls:
                branch = tree.add(Text(app, style="bold cyan"))
                for activity in dict.fromkeys(call.activity for call in calls):
                    branch.add(_row(activity, [call for call in calls if call.activity == activity]))
        if self._notes:
            branch = tree.add(Text("demo", style="bold yellow"))
            for note in self._notes:
                branch.add(Text(note))
        return tree


def screen(console: Console, ledger: Ledger, *, plain: bool) -> Screen:
    """Return the one that fits the console."""
    return Lines(console, ledger) if plain or not console.is_terminal else LiveTree(console, ledger)


def _again(call: Call, entry: Entry) -> str:
    starts = [each for each in call.of("started") if each.at_ns <= entry.at_ns]
    return f" (execution {len(starts)} of it)" if entry.what == "started" and len(starts) > 1 else ""


def _row(activity: str, calls: list[Call]) -> Text:
    row = Text(activity)
    for call in calls:
        row.append("  ")
        row.append_text(_cell(call))
    return row


def _cell(call: Call) -> Text:
    starts, ends = call.of("started"), [*call.of("finished"), *call.of("failed")]
    again = f" ({len(starts)} times)" if len(starts) > 1 else ""
    subject = f"{call.subject}\u00a0" if call.subject else ""
    if not ends or call.running:
        return Text.assemble(("▸\u00a0", "yellow"), subject, ("running", "yellow"), (again, "bold yellow"))
    seconds = (ends[-1].at_ns - starts[-1].at_ns) / 1e9
    mark = ("✓\u00a0", "green") if call.acknowledged else ("•\u00a0", "white")
    return Text.assemble(mark, subject, (f"{seconds:.2f}\u00a0s", "dim"), (again, "bold yellow"))
