"""OpenTelemetry, where an app uses it: the caller's trace goes along, and activities run in that of their call.

Used by client and _activities. It is never imported for an app that has not done so itself: nothing there could open
a span, or would see one.
"""

import sys
from collections.abc import Mapping

from antiphon.tracing import TraceContext

_USED = "opentelemetry.trace"


def current() -> TraceContext | None:
    """Return the trace context of the span that is open here; None when there is none."""
    if _USED not in sys.modules:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carried: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carried)
    parent = carried.get("traceparent")
    return None if parent is None else TraceContext(parent, carried.get("tracestate", ""))


def enter(trace: TraceContext | None) -> None:
    """Make a call's trace context the current one, for as long as the running code's own variables live."""
    if trace is None or _USED not in sys.modules:
        return
    from opentelemetry import context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    headers: Mapping[str, str] = trace.headers()
    context.attach(TraceContextTextMapPropagator().extract(headers, context=context.Context()))
