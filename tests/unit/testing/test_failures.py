"""A failure on its way through three apps: types, texts, apps, data and traces of the whole chain."""

import traceback
from typing import Any

import pytest

from antiphon import (
    ActivityFailure,
    ChildWorkflowFailure,
    DefinitionError,
    Failure,
    NonRetriableError,
    RemoteError,
    RetryPolicy,
    activity,
    failure_type,
    testing,
    workflow,
)


@failure_type
class SoldOut(Exception):
    def __init__(self, text: str, *, item: str = "") -> None:
        super().__init__(text)
        self.failure_data = {"item": item}

    @classmethod
    def from_failure(cls, failure: Failure) -> "SoldOut":
        return cls(failure.message, item=failure.data["item"])


class ShelfEmpty(Exception):
    """Not registered: what it was is known by name alone."""


class Final(NonRetriableError):
    pass


attempts: list[str] = []


@activity.define
async def take(item: str) -> None:
    attempts.append(item)
    if item == "final":
        raise Final("no")
    try:
        raise ShelfEmpty("shelf 7")
    except ShelfEmpty as empty:
        raise SoldOut(f"no {item}", item=item) from empty


@workflow.define
async def pick(ctx: workflow.Context, item: str) -> None:
    await ctx.call_activity("take", item, app="stock")


caught: list[BaseException] = []


@workflow.define
async def buy(ctx: workflow.Context, item: str) -> str:
    try:
        await ctx.call_workflow("pick", item, app="warehouse", retry=POLICIES.get(item))
    except ChildWorkflowFailure as failure:
        if not ctx.is_replaying:
            caught.append(failure)
        if item == "forward":
            raise
        return "no"
    raise AssertionError


POLICIES: dict[str, RetryPolicy] = {
    "final": RetryPolicy(max_attempts=3),
    "listed": RetryPolicy(max_attempts=3, non_retryable=[SoldOut]),
    "retried": RetryPolicy(max_attempts=3),
}


@pytest.fixture
async def orders(antiphon_env: testing.Environment) -> testing.App:
    attempts.clear()
    caught.clear()
    await antiphon_env.app("stock", activities=[take])
    await antiphon_env.app("warehouse", workflows=[pick])
    return await antiphon_env.app("orders", workflows=[buy])


async def run(app: testing.App, item: str) -> Any:
    return await app.client.wait(await app.client.start(buy, item, instance_id=item))


async def test_causes_are_typed_through_three_apps(orders: testing.App):
    assert (await run(orders, "tea")).output == "no"
    (failure,) = caught
    assert isinstance(failure, ChildWorkflowFailure)
    assert (failure.name, failure.app, failure.error_type) == ("pick", "warehouse", "ActivityFailure")
    call = failure.cause
    assert isinstance(call, ActivityFailure)
    assert (call.app, call.error_type, call.message) == ("stock", "SoldOut", "no tea")
    stock = call.cause
    assert isinstance(stock, SoldOut)
    assert stock.failure_data == {"item": "tea"}
    shelf = stock.__cause__
    assert isinstance(shelf, RemoteError)
    assert (shelf.failure.error_type, shelf.failure.message) == ("ShelfEmpty", "shelf 7")
    shown = "".join(traceback.format_exception(failure))
    assert "raised in app stock" in shown
    assert 'raise ShelfEmpty("shelf 7")' in shown


async def test_a_failure_that_goes_on_to_the_client_keeps_its_chain(orders: testing.App):
    failure = (await run(orders, "forward")).failure
    chain = [(each.error_type, each.app) for each in failure.chain()]
    assert chain == [
        ("ChildWorkflowFailure", ""),
        ("ActivityFailure", "warehouse"),
        ("SoldOut", "stock"),
        ("ShelfEmpty", ""),
    ]
    found = failure.find(SoldOut)
    assert found is not None
    assert found.data == {"item": "forward"}
    assert isinstance(failure.error(), ChildWorkflowFailure)


@pytest.mark.parametrize(("item", "times"), [("final", 1), ("listed", 1), ("retried", 3)])
async def test_a_retry_looks_at_what_failed_in_the_end(orders: testing.App, item: str, times: int):
    await run(orders, item)
    assert attempts == [item] * times


def test_builtins_are_made_again_by_name():
    error = Failure("builtins.ValueError", "no", inner=Failure("java.io.IOException", "disk")).error()
    assert (type(error), str(error)) == (ValueError, "no")
    assert isinstance(error.__cause__, RemoteError)
    assert error.__cause__.failure.is_a("IOException")


def test_what_cannot_be_made_again_is_remote():
    assert isinstance(Failure("UnicodeDecodeError", "odd").error(), RemoteError)
    assert isinstance(Failure("SystemExit", "1").error(), RemoteError)


def test_one_name_has_one_type():
    with pytest.raises(DefinitionError, match=r"is .*SoldOut already"):

        @failure_type(name="SoldOut")
        class Other(Exception):
            pass
