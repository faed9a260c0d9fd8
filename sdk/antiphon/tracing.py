"""W3C trace contexts as code sees them: `ctx.trace_context` and `activity.info().trace_context`. For users.

Antiphon hands them on and makes no spans: give `headers()` to the propagator of the tracing library in use.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["TraceContext"]


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A `traceparent` and its `tracestate`, as in the HTTP headers of those names."""

    traceparent: str
    tracestate: str = ""

    def headers(self) -> Mapping[str, str]:
        """Return them as HTTP headers."""
        found = {"traceparent": self.traceparent}
        if self.tracestate:
            found["tracestate"] = self.tracestate
        return found
