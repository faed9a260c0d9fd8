"""How a failure came about: through apps, the first cause first."""

from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.events import Status
from tests.unit.runtime.asked import Asked, at, began, route

CARD = ev.Failure("CardError", "no such card", stack_trace="...")


def fails(failure: ev.Failure) -> ev.ExecutionCompleted:
    return ev.ExecutionCompleted(at(9), 9, Status.FAILED, failure=failure)


def called(number: int = 1) -> ev.TaskScheduled:
    return ev.TaskScheduled(at(1), number, "charge", task_execution_id="t1", route=route("stock"))


def child(number: int = 1) -> ev.ChildCreated:
    return ev.ChildCreated(at(1), number, "c1", "pay", route=route("payments"))


async def test_the_first_cause_is_found_through_child_and_activity():
    made = Asked()
    told = ev.Failure("ActivityFailure", 'activity "charge" failed: no such card', inner=CARD)
    up = ev.Failure("ChildWorkflowFailure", "child workflow failed", inner=told)
    await made.instance(*began(), child(), ev.ChildFailed(at(3), 1, told), fails(up))
    await made.instance(
        *began("pay"), called(), ev.TaskFailed(at(2), 1, CARD), fails(told), app="payments", instance_id="c1"
    )
    chain, fix = await made.failure()
    assert chain == [
        "activity charge (stock): no such card",
        'workflow pay (payments): activity "charge" failed: no such card',
        "workflow buy (orders): child workflow failed",
    ]
    assert fix == (
        'Fix activity "charge" in app "stock", or what it is called with. '
        "Then start it again with: antiphon workflow start buy --app orders"
    )


async def test_an_earlier_failure_that_was_handled_is_no_cause():
    made = Asked()
    handled = ev.TaskFailed(at(2), 1, ev.Failure("Other", "something else"))
    await made.instance(*began(), called(), handled, fails(ev.Failure("ValueError", "own mistake")))
    chain, fix = await made.failure()
    assert chain == ["workflow buy (orders): own mistake"]
    assert fix.startswith('Fix workflow "buy" in app "orders"')


async def test_a_failure_with_a_code_says_what_the_list_says():
    made = Asked()
    unknown = ev.Failure("TargetAppNotFound", "AN103 TargetAppNotFound: ...", code="AN103")
    await made.instance(*began(), called(), ev.TaskFailed(at(2), 1, unknown), fails(unknown))
    _, fix = await made.failure()
    assert fix.startswith("Fix the app ID, or start that app with the same namespace and state store. Then start it")


async def test_a_child_that_is_gone_is_told_by_what_its_parent_was_told():
    made = Asked()
    await made.instance(*began(), child(), ev.ChildFailed(at(3), 1, CARD), fails(CARD))
    assert (await made.failure())[0] == ["workflow pay (payments): no such card", "workflow buy (orders): no such card"]


async def test_what_has_not_failed_has_no_chain():
    made = Asked()
    await made.instance(*began())
    assert await made.failure() == ([], "")
