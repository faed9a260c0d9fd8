"""The store without a process: commands read it, and write rows that a sidecar carries out when one is there."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, TypeVar

from google.protobuf.message import Message

from antiphon_cli.channels import CALL_S
from antiphon_cli.failures import Refused, TimedOut
from antiphon_sidecar import bootstrap
from antiphon_sidecar.settings import Settings

#: Replicas that are named to a person.
_NAMED_MOST = 5

ResponseT = TypeVar("ResponseT", bound=Message)
T = TypeVar("T")


class StoreConnection:
    """A store that answers by itself; a `connection.Connection`, made by `opened`."""

    def __init__(self, runner: asyncio.Runner, alone: bootstrap.StoreAlone) -> None:
        self.place = f"the store {alone.store_text}"
        self._runner = runner
        self._alone = alone

    def task_hub(
        self, name: str, request: Message, response: type[ResponseT], *, timeout_s: float = CALL_S
    ) -> ResponseT:
        """Answer a method of TaskHubSidecarService from the store.

        Raises:
            TimedOut: no answer within `timeout_s`.
            Refused: the store, or what is in it, says no.
        """
        return self._call(name, request, response, timeout_s=timeout_s)

    def control(
        self, name: str, request: Message, response: type[ResponseT], *, timeout_s: float = CALL_S
    ) -> ResponseT:
        """Answer a method of antiphon.v1.Control; raises what `task_hub` raises."""
        return self._call(name, request, response, timeout_s=timeout_s)

    def later(self, app: str) -> str:
        """Say who carries out what was written for an app."""
        if any(heard.app == app for heard in self._alone.heard):
            return f"A sidecar of {app} that runs elsewhere carries it out."
        return f"No sidecar of {app} runs: it is carried out when one does."

    def note(self) -> str:
        """Say that nobody is asked, and who might be."""
        text = f"Nothing runs on this machine with {self.place}; it is read without."
        heard = [f"{each.replica} ({each.app})" for each in self._alone.heard]
        if not heard:
            return text
        more = f" and {len(heard) - _NAMED_MOST} more" if len(heard) > _NAMED_MOST else ""
        names = ", ".join(heard[:_NAMED_MOST]) + more
        return (
            f"{text} Sidecars elsewhere use it: {names}. Ask one of them with --address HOST:PORT for what only they "
            "know, such as who runs an activity."
        )

    def _call(self, name: str, request: Message, response: type[ResponseT], *, timeout_s: float) -> ResponseT:
        try:
            return self._runner.run(_within(self._alone.call(name, request, response), timeout_s))
        except TimeoutError as error:
            raise TimedOut(f"{self.place} did not answer within {timeout_s:g}s.") from error
        except bootstrap.Declined as error:
            raise Refused(str(error)) from error


@contextmanager
def opened(settings: Settings, *, writes: bool) -> Iterator[StoreConnection]:
    """Open a store that is there.

    Raises:
        bootstrap.StoreError: it cannot be used; `StoreAbsent` when there is none.
    """
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            found = stack.enter_async_context(bootstrap.open_store_alone(settings, writes=writes))
            alone = runner.run(_within(found, CALL_S))
            yield StoreConnection(runner, alone)
        finally:
            runner.run(_within(stack.aclose(), CALL_S))


async def _within(work: Coroutine[Any, Any, T], timeout_s: float) -> T:
    async with asyncio.timeout(timeout_s):
        return await work
