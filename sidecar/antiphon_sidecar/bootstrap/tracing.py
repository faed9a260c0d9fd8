"""Writes spans by OpenTelemetry. Off unless the environment names where they go; configured by OTEL_* alone.

The packages are imported only when it is on: `pip install 'antiphon[tracing]'`.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from antiphon_sidecar.runtime.spans import Span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

logger = logging.getLogger(__name__)

_WHERE = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_SERVICE = "antiphon-sidecar"


def wanted(env: Mapping[str, str]) -> str | None:
    """Return the variable that asks for traces, None when none does."""
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true" or env.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return None
    return next((name for name in _WHERE if env.get(name)), None)


def span_writer(env: Mapping[str, str]) -> "SpanWriter | None":
    """Return what writes spans; None when nobody wants them, or nothing is there to write them with.

    The second is no error: such variables are often set for everything on a machine.
    """
    variable = wanted(env)
    if variable is None:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        logger.warning(
            "traces are asked for, but OpenTelemetry is not installed: pip install 'antiphon[tracing]', or unset it",
            extra={"variable": variable},
        )
        return None
    return SpanWriter(BatchSpanProcessor(OTLPSpanExporter()))


class SpanWriter:
    """Turns our spans into OpenTelemetry's, whose IDs are given and not drawn."""

    def __init__(self, processor: "SpanProcessor") -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        self._processor = processor
        # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say wins.
        self._resource = Resource({"service.name": _SERVICE}).merge(Resource.create())
        self._scope = InstrumentationScope("antiphon")

    async def close(self) -> None:
        """Send what was written; the event loop goes on meanwhile."""
        await asyncio.to_thread(self._processor.shutdown)

    def write(self, span: Span) -> None:
        """Queue a span; a thread of the processor sends it."""
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

        def context(span_id: int) -> SpanContext:
            flags = TraceFlags(TraceFlags.SAMPLED)
            return SpanContext(span.trace_id, span_id, is_remote=False, trace_flags=flags)

        good = span.failure is None
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=context(span.span_id),
                parent=context(span.parent_id),
                resource=self._resource,
                attributes=span.attributes,
                status=Status(StatusCode.OK) if good else Status(StatusCode.ERROR, span.failure),
                start_time=span.begin,
                end_time=span.end,
                instrumentation_scope=self._scope,
            )
        )
