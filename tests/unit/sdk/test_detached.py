"""`ctx.start_workflow`, `ctx.set_tags` and trace contexts: what workflow code says, and what comes of it on replay."""

from datetime import UTC, datetime

import pytest

from antiphon import TraceContext, workflow
from tests.unit.sdk.scribe import Scribe, done, raised

LATER = datetime(2030, 1, 2, 3, 4, 5, 600, tzinfo=UTC)


@workflow.define
async def audit(ctx: workflow.Context, order: int) -> None: ...


@workflow.define
async def forgetful(ctx: workflow.Context) -> list[str]:
    first = ctx.start_workflow(audit, 7, app="stock", scheduled_at=LATER, tags={"kind": "audit"})
    second = ctx.start_workflow("thank", instance_id="thanks-7")
    await ctx.call_activity("ship")
    return [first, second]


@pytest.mark.parametrize("live", [True, False])
def test_starts_are_asked_for_once_and_return_their_ids_at_once(live: bool):
    scribe = Scribe(forgetful, live=live)
    first, second, _ = scribe.turn()
    begun = first.create_detached_workflow
    assert (begun.name, begun.input.value, dict(begun.tags)) == ("audit", "7", {"kind": "audit"})
    assert first.router.target_app_id == "stock"
    assert begun.scheduled_start_timestamp.ToDatetime(UTC) == LATER
    assert second.create_detached_workflow.instance_id == "thanks-7"
    assert not second.create_detached_workflow.HasField("scheduled_start_timestamp")
    scribe.turn(done(3))
    assert scribe.end is not None
    assert scribe.end.result.value == f'["{begun.instance_id}","thanks-7"]'


def test_a_start_that_the_code_no_longer_asks_for_is_a_disagreement():
    scribe = Scribe(forgetful, live=False)
    scribe.turn()
    del scribe.history[2]
    scribe.turn(done(3))
    assert scribe.end is not None
    assert "the start of workflow" in scribe.end.failure_details.error_message


@workflow.define
async def zoneless(ctx: workflow.Context) -> None:
    ctx.start_workflow("audit", scheduled_at=LATER.replace(tzinfo=None))


def test_a_time_without_zone_is_refused():
    scribe = Scribe(zoneless)
    scribe.turn()
    assert scribe.end is not None
    assert "needs a time zone" in scribe.end.failure_details.error_message


@workflow.define
async def tagged(ctx: workflow.Context) -> None:
    ctx.set_tags({"order": "7"})
    await ctx.wait_for_event("go")
    ctx.set_tags({"paid": "yes"})
    await ctx.wait_for_event("never")


def test_tags_are_sent_with_every_turn():
    scribe = Scribe(tagged, live=False)
    scribe.turn()
    assert dict(scribe.response.tags) == {"order": "7"}
    scribe.turn(raised("go"))
    assert dict(scribe.response.tags) == {"order": "7", "paid": "yes"}


@workflow.define
async def mistagged(ctx: workflow.Context) -> None:
    ctx.set_tags({"order": 7})  # type: ignore[dict-item]


def test_tags_are_texts():
    scribe = Scribe(mistagged)
    scribe.turn()
    assert scribe.end is not None
    assert scribe.end.failure_details.error_message == "tags are texts, got 'order': 7"


def test_a_trace_context_becomes_headers():
    assert TraceContext("00-a").headers() == {"traceparent": "00-a"}
    assert TraceContext("00-a", "v=1").headers() == {"traceparent": "00-a", "tracestate": "v=1"}
