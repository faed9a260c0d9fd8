"""Prints what a finished run was: the model, who ran what, how long each hop took, and the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from contracts import Report
from driver.histories import RecordedCall
from driver.ledger import Call
from driver.processes import APPS
from driver.verdict import Finding, ran_again


@dataclass(frozen=True, slots=True)
class Hop:
    """How long one call took on its way there, in the app, and on its way back; milliseconds."""

    there: float
    inside: float
    back: float


def print_account(
    console: Console,
    *,
    report: Report,
    calls: Sequence[Call],
    history: Sequence[RecordedCall],
    pids: Mapping[str, Sequence[int]],
    child_app: str,
) -> None:
    """Print all but the verdict."""
    console.print()
    console.print(_hops(calls, history, child_app=child_app))
    console.print(_apps(calls, pids))
    scores = ", ".join(f"{score.candidate} {score.accuracy:.1%}" for score in report.model.scores)
    answers = " ".join(
        f"{each.predicted}{_sign(each.predicted == each.actual)}" for each in report.inference.predictions
    )
    console.print(f"Candidates, by validation: {scores}", highlight=False)
    console.print(f"Chosen: {report.model.candidate}. Its first answers in serving: {answers}", highlight=False)
    console.print(
        f"Accuracy on {report.inference.rows} images that no training has seen: {report.inference.accuracy:.1%}",
        style="bold",
        highlight=False,
    )


def print_verdict(console: Console, *, findings: Sequence[Finding], calls: Sequence[Call]) -> None:
    """Print what was checked, and what ran more than once."""
    console.print()
    for finding in findings:
        mark, style = ("ok  ", "green") if finding.holds else ("FAIL", "bold red")
        console.print(f"{mark}  {finding.text}", style=style, markup=False, highlight=False, soft_wrap=True)
    again = [call for call in ran_again(calls) if not call.started_again_after_acknowledgement]
    titles = f": {', '.join(call.title for call in again)}" if again else ""
    text = f"      {len(again)} activities ran again, not acknowledged before{titles}"
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _sign(right: bool) -> str:
    return "✓" if right else "✗"


def _hops(calls: Sequence[Call], history: Sequence[RecordedCall], *, child_app: str) -> Table:
    by_key = {call.key: call for call in calls}
    table = Table(
        box=box.SIMPLE_HEAD,
        title="Each hop in ms. There: scheduled in the history until started in the app, its queue included;\n"
        "inside: from then until finished; back: from then until recorded in the history.",
        title_justify="left",
    )
    for header in ("app", "call", "there", "inside", "back"):
        table.add_column(header, justify="left" if header in ("app", "call") else "right", no_wrap=True)
    for recorded in history:
        call = by_key.get(recorded.key)
        if recorded.child_id:
            table.add_row(child_app, f"{recorded.name} (child workflow)", "", _total(recorded), "", style="bold")
        elif call is not None:
            hop = _hop(call, recorded)
            times = ("", "", "") if hop is None else (f"{hop.there:.0f}", f"{hop.inside:.0f}", f"{hop.back:.0f}")
            table.add_row(call.app, call.title, *times)
    return table


def _hop(call: Call, recorded: RecordedCall) -> Hop | None:
    """Of an activity that ran twice, the run that counted: the last one."""
    started, finished = call.of("started"), call.of("finished")
    if not started or not finished or recorded.recorded_ns is None:
        return None
    start, end = started[-1].at_ns, finished[-1].at_ns
    return Hop(
        there=(start - recorded.scheduled_ns) / 1e6,
        inside=(end - start) / 1e6,
        back=(recorded.recorded_ns - end) / 1e6,
    )


def _total(recorded: RecordedCall) -> str:
    return "" if recorded.recorded_ns is None else f"{(recorded.recorded_ns - recorded.scheduled_ns) / 1e6:.0f}"


def _apps(calls: Sequence[Call], pids: Mapping[str, Sequence[int]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Which app ran what", title_justify="left")
    for header in ("app", "processes", "ran"):
        table.add_column(header, overflow="fold")
    for app in APPS:
        own = [call for call in calls if call.app == app]
        names = dict.fromkeys(call.activity for call in own)
        ran = ", ".join(f"{sum(call.activity == name for call in own)} x {name}" for name in names)
        workflows = {"pipeline": "workflow ml_pipeline", "training": "workflow train_model"}.get(app, "")
        table.add_row(app, ", ".join(map(str, pids[app])), ", ".join(filter(None, (workflows, ran))))
    return table
