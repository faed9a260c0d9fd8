"""Trace contexts: what an instance was given goes on to what it calls, each call under a span ID of its own.

The IDs follow from the run and the action, so that a turn that is decided again stamps the same ones. What is no W3C
traceparent is passed on as it came; of a bare trace ID, which Go's SDK sends, a traceparent is made.
"""

import re

from antiphon_sidecar.engine.events import Trace
from antiphon_sidecar.engine.ids import derive_id
from antiphon_sidecar.engine.state import State

_W3C = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2}.*)")
_BARE = re.compile(r"[0-9a-f]{32}")


def of_call(state: State, action_id: int) -> Trace | None:
    """Return the trace context of what this action asks for; None when the instance has none."""
    trace = state.trace
    if trace is None:
        return None
    span = derive_id("span", state.incarnation, state.execution_id, action_id)[:8].hex()
    if known := _W3C.fullmatch(trace.trace_parent):
        return Trace(f"{known[1]}-{known[2]}-{span}-{known[3]}", span, trace.trace_state)
    if _BARE.fullmatch(trace.trace_parent):
        return Trace(f"00-{trace.trace_parent}-{span}-01", span, trace.trace_state)
    return trace
