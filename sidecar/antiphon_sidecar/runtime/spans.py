"""Spans of what the runtime did, for whoever writes traces; without a writer nothing of this runs.

An instance hands its trace on under span IDs that follow from the run and the action (`engine.traces`). The spans
under these IDs are made by whoever knows how the thing ended: the target's replica for activities, the child's owner
for children. Their parents follow from the run too, so nothing more has to travel.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.codec.requests import trace_of
from antiphon_sidecar.engine.events import Failure, TaskFailed, Trace
from antiphon_sidecar.engine.ids import derive_id
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.runtime.hand import Hand

_W3C = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Span:
    """One span; times in nanoseconds of the store's clock. `failure`: why it did not end well."""

    trace_id: int
    span_id: int
    parent_id: int
    name: str
    begin: int
    end: int
    failure: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


class Spans(Protocol):
    """Writes spans; never blocks, never raises."""

    def write(self, span: Span) -> None:
        """Take a span that has ended."""


def run_span_id(incarnation: bytes, execution_id: str) -> int:
    """Return the span ID of one generation of a run."""
    return int.from_bytes(derive_id("run-span", incarnation, execution_id)[:8], "big")


def of_generation(state: State, execution_id: str, *, now: int) -> Iterator[Span]:
    """Yield the spans of a generation that has just ended: its own, and that of the call which made it a child."""
    given = _sampled(state.trace)
    if given is None:
        return
    trace_id, given_id = given
    failure = _text(state.failure)
    about = {"antiphon.app": state.app, "antiphon.instance_id": state.instance_id, "antiphon.status": state.status.name}
    parent = state.parent
    if parent is not None and state.ended:
        above = run_span_id(parent.incarnation, parent.execution_id)
        begin = state.created_at
        yield Span(trace_id, given_id, above, f"call workflow {state.name}", begin, now, failure, about)
    own = run_span_id(state.incarnation, execution_id)
    yield Span(trace_id, own, given_id, f"workflow {state.name}", state.created_at, now, failure, about)


def of_activity(hand: Hand | None, event: bytes, *, app: str, now: int) -> Span | None:
    """Return the span of an activity whose first result has just come; None when it is in no trace."""
    if hand is None or hand.event is not None or not hand.request:
        return None
    given = _sampled(trace_of(hand.request))
    if given is None:
        return None
    outcome = codec.unseal(event)
    return Span(
        trace_id=given[0],
        span_id=given[1],
        parent_id=run_span_id(hand.incarnation, hand.ref.execution_id),
        name=f"activity {hand.name}",
        begin=hand.started_at or now,
        end=now,
        failure=_text(outcome.failure) if isinstance(outcome, TaskFailed) else None,
        attributes={
            "antiphon.app": app,
            "antiphon.caller_app": hand.ref.app,
            "antiphon.instance_id": hand.ref.instance_id,
            "antiphon.attempt": str(hand.attempt),
        },
    )


def _sampled(trace: Trace | None) -> tuple[int, int] | None:
    """Return trace ID and span ID, None when there is no trace, or nobody wants to see it."""
    known = _W3C.match(trace.trace_parent) if trace is not None else None
    if known is None or not int(known["flags"], 16) & 1:
        return None
    return int(known["trace"], 16), int(known["span"], 16)


def _text(failure: Failure | None) -> str | None:
    return None if failure is None else f"{failure.error_type}: {failure.message}"
