"""When time is moved, and how far: only while a test waits, and only when everything else waits too."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from antiphon.interceptors import ClientCall

if TYPE_CHECKING:
    from antiphon_sidecar.memory_host import MemoryHost, Waiting

_POLL_FIRST_S = 0.001
_POLL_MOST_S = 0.02


class EverythingWaits(AssertionError):
    """A test waits for what never comes; the text says what each instance waits for."""


class Skipping:
    """Moves the time of one host."""

    def __init__(self, host: "MemoryHost", *, patience_s: float, check: Callable[[], None]) -> None:
        self._host = host
        self._patience_s = patience_s
        self._check = check
        self._moving = asyncio.Lock()

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_s
        poll_s = _POLL_FIRST_S
        while (busy := await self._host.under_way()) is not None:
            self._check()
            if loop.time() > deadline:
                raise EverythingWaits(f"{busy} has not ended within {self._patience_s:g} s")
            await asyncio.sleep(poll_s)
            poll_s = min(poll_s * 1.5, _POLL_MOST_S)

    async def skip(self, duration_ns: int, *, settle: bool) -> None:
        """Move time by this much, stopping at everything that is due within."""
        async with self._moving:
            until = self._host.now_ns + duration_ns
            while settle:
                await self.settle()
                due = await self._host.next_due()
                if due is None or due > until:
                    break
                await self._host.move_to(due)
            await self._host.move_to(max(until, self._host.now_ns))
            if settle:
                await self.settle()

    async def call(self, call: ClientCall, proceed: Callable[[ClientCall], Awaitable[object]]) -> object:
        """Move time while a client waits for an instance (interceptors.ClientInterceptor)."""
        if call.operation not in ("wait", "wait_started"):
            return await proceed(call)
        waiting = asyncio.ensure_future(proceed(call))
        try:
            await self._while_waiting(waiting, instance_id=call.instance_id)
            return await waiting
        finally:
            waiting.cancel()

    async def _while_waiting(self, waiting: "asyncio.Future[object]", *, instance_id: str) -> None:
        """Move time on, step by step, until `waiting` is done.

        Raises:
            EverythingWaits: nothing is under way or will be, and nobody has changed that within the patience.
        """
        loop = asyncio.get_running_loop()
        poll_s, since = _POLL_FIRST_S, loop.time()
        while True:
            await asyncio.wait((waiting,), timeout=poll_s)
            self._check()
            if waiting.done():
                return
            if await self._step():
                poll_s, since = _POLL_FIRST_S, loop.time()
                continue
            poll_s = min(poll_s * 1.5, _POLL_MOST_S)
            if await self._host.under_way() is not None:
                since = loop.time()
            elif loop.time() > since + self._patience_s:
                raise EverythingWaits(_complaint(instance_id, await self._host.waiting()))

    async def _step(self) -> bool:
        """Move time to what is due next; False when something runs, or nothing is due ever."""
        if self._moving.locked():
            return False
        async with self._moving:
            if await self._host.under_way() is not None:
                return False
            due = await self._host.next_due()
            if due is None:
                return False
            await self._host.move_to(due)
            return True


def _complaint(instance_id: str, waiting: "Sequence[Waiting]") -> str:
    lines = [
        f'- "{each.instance_id}" ({each.app}, workflow {each.workflow}): {" ".join(each.reasons)}' for each in waiting
    ]
    return (
        f'the test waits for instance "{instance_id}", but nothing runs, no timer is set, and nothing was sent. '
        "What the instances wait for:\n" + "\n".join(lines)
    )
