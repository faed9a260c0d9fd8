"""One trace from the client through all apps, as a collector of OpenTelemetry sees it."""

from contextlib import AsyncExitStack

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from antiphon import CallFailure, Client, Status, Worker, activity, workflow
from antiphon_sidecar import bootstrap
from antiphon_sidecar.settings import Settings
from tests.collector import Collector, collecting

pytestmark = pytest.mark.integration

_ours = InMemorySpanExporter()
_provider = TracerProvider()
_provider.add_span_processor(SimpleSpanProcessor(_ours))
_tracer = _provider.get_tracer("app")


@activity.define
async def charge(amount: int) -> str:
    with _tracer.start_as_current_span("in the app"):
        return f"charged {amount}"


@activity.define
def refuse(amount: int) -> None:
    with _tracer.start_as_current_span("in a thread"):
        raise ValueError("no")


@workflow.define
async def pay(ctx: workflow.Context, amount: int) -> str:
    return await ctx.call_activity(charge, amount, app="bank")


@workflow.define
async def order(ctx: workflow.Context, amount: int) -> str:
    paid = await ctx.call_workflow(pay, amount, app="payments")
    try:
        await ctx.call_activity(refuse, amount, app="bank")
    except CallFailure:
        return paid
    return "never"


CODE = {"orders": ([order], []), "payments": ([pay], []), "bank": ([], [charge, refuse])}


async def run(*, traced: bool) -> str:
    """Run an order over three apps of one host; return the trace's ID."""
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(bootstrap.open_host(Settings(store="memory:")))
        ports = {}
        for app, (workflows, activities) in CODE.items():
            listener = await host.add_app(app)
            ports[app] = f"127.0.0.1:{listener.grpc_port}"
            worker = Worker(workflows=workflows, activities=activities, address=ports[app])
            await stack.enter_async_context(worker)
        client = await stack.enter_async_context(Client(address=ports["orders"]))
        if not traced:
            state = await client.wait(await client.start(order, 5))
            assert state.status is Status.COMPLETED
            return ""
        with _tracer.start_as_current_span("client") as span:
            state = await client.wait(await client.start(order, 5))
        assert state.status is Status.COMPLETED
        return trace.format_trace_id(span.get_span_context().trace_id)


def way(collector: Collector, name: str) -> list[str]:
    """Return the names from a span up to the root."""
    mine = [(s.name, s.context.span_id, s.parent.span_id if s.parent else 0) for s in _ours.get_finished_spans()]
    theirs = [
        (s.name, int.from_bytes(s.span_id, "big"), int.from_bytes(s.parent_span_id, "big")) for s in collector.spans
    ]
    by_id = {span_id: (each, parent) for each, span_id, parent in [*mine, *theirs]}
    (at,) = (span_id for each, span_id, _ in [*mine, *theirs] if each == name)
    found = []
    while at:
        each, at = by_id[at]
        found.append(each)
    return found


async def test_one_trace_leads_from_the_client_through_three_apps(monkeypatch: pytest.MonkeyPatch):
    _ours.clear()
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        trace_id = await run(traced=True)
        assert {span.trace_id.hex() for span in collector.spans} == {trace_id}
        assert {trace.format_trace_id(span.context.trace_id) for span in _ours.get_finished_spans()} == {trace_id}
        child = ["activity charge", "workflow pay", "call workflow pay", "workflow order", "client"]
        assert way(collector, "in the app") == ["in the app", *child]
        assert way(collector, "in a thread") == ["in a thread", "activity refuse", "workflow order", "client"]
        ended = {span.name: span.status.code for span in collector.spans}
        assert (ended["activity refuse"], ended["activity charge"], ended["workflow order"]) == (2, 1, 1)
        assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in collector.spans)
        apps = {a.value.string_value for s in collector.spans for a in s.attributes if a.key == "antiphon.app"}
        assert apps == set(CODE)


async def test_who_is_in_no_trace_makes_no_spans(monkeypatch: pytest.MonkeyPatch):
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        await run(traced=False)
        assert collector.spans == []


async def test_is_off_unless_the_environment_says_where(monkeypatch: pytest.MonkeyPatch):
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        await run(traced=True)
        assert collector.spans == []
