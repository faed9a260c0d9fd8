"""Judges a run by the apps' own records and the histories. Pure: facts in, findings out."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts import Report
from driver.histories import RecordedCall
from driver.ledger import Call, Key

ACCURACY_LEAST = 0.9


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked."""

    holds: bool
    text: str


@dataclass(frozen=True, slots=True)
class Kill:
    """What was killed, and what was going on at that moment."""

    killed: tuple[str, ...]
    at_ns: int
    acknowledged: frozenset[Key]
    running: frozenset[Key]


def findings(
    *, report: Report, calls: Sequence[Call], history: Sequence[RecordedCall], kill: Kill | None
) -> list[Finding]:
    """Return what was checked of a completed run."""
    found = [
        _accurate(report),
        all_recorded(calls, history),
        none_after_acknowledgement(calls),
        none_after_commit(calls, history),
    ]
    return found if kill is None else [*found, _in_the_middle(kill), *_after(kill, calls)]


def ran_again(calls: Sequence[Call]) -> list[Call]:
    """Return the calls that were begun more than once."""
    return [call for call in calls if len(call.of("started")) > 1]


def _accurate(report: Report) -> Finding:
    accuracy = report.inference.accuracy
    return Finding(
        accuracy > ACCURACY_LEAST, f"the model is right about {accuracy:.1%} of {report.inference.rows} unseen images"
    )


def all_recorded(calls: Sequence[Call], history: Sequence[RecordedCall]) -> Finding:
    """Return whether what the histories call completed was finished by the apps' own account."""
    finished = {call.key for call in calls if call.of("finished")}
    completed = [call for call in history if call.completed and not call.child_id]
    missing = [call.name for call in completed if call.key not in finished]
    text = f"each of {len(completed)} completed activities in the histories is in an app's own record"
    return Finding(bool(completed) and not missing, _with(text, missing))


def none_after_acknowledgement(calls: Sequence[Call]) -> Finding:
    """Return whether no call was begun after its app was told that its result is durable."""
    acknowledged = [call for call in calls if call.acknowledged]
    again = [call.title for call in acknowledged if call.started_again_after_acknowledgement]
    text = f"none of {len(acknowledged)} acknowledged activities was started again"
    return Finding(bool(acknowledged) and not again, _with(text, again))


def none_after_commit(calls: Sequence[Call], history: Sequence[RecordedCall]) -> Finding:
    """Return whether no call was begun after its end was in the history."""
    committed = {call.key: call.recorded_ns for call in history if call.recorded_ns is not None}
    again = [
        call.title
        for call in calls
        if call.key in committed and any(entry.at_ns > committed[call.key] for entry in call.of("started"))
    ]
    return Finding(not again, _with("none was started after its completion was in the history", again))


def _in_the_middle(kill: Kill) -> Finding:
    text = (
        f"the kill hit {len(kill.running)} running activities of training, {len(kill.acknowledged)} were acknowledged"
    )
    return Finding(bool(kill.running) and bool(kill.acknowledged), text)


def _after(kill: Kill, calls: Sequence[Call]) -> list[Finding]:
    by_key = {call.key: call for call in calls}
    repeated = [key for key in kill.acknowledged if any(e.at_ns > kill.at_ns for e in by_key[key].of("started"))]
    lost = [key for key in kill.running if not by_key[key].of("finished")]
    return [
        Finding(
            not repeated,
            _with(
                f"none of the {len(kill.acknowledged)} acknowledged before the kill ran after it",
                [by_key[key].title for key in repeated],
            ),
        ),
        Finding(
            not lost,
            _with(
                f"all {len(kill.running)} that the kill interrupted were finished after it",
                [by_key[key].title for key in lost],
            ),
        ),
    ]


def _with(text: str, exceptions: Sequence[str]) -> str:
    return f"{text}; but: {', '.join(exceptions)}" if exceptions else text
