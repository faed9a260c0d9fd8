"""Virtual time and processes that can be killed: one event loop, many hosts.

A host is a simulated process. Every callback belongs to the host in whose context it was scheduled. A killed
host's callbacks are dropped and kept, so that nothing of it ever runs again, not even a `finally`; a paused host's
wait until it goes on. Which host runs next is drawn from the seed; within a host the order is kept. When nothing is
ready, time jumps to the next timer.
"""

import asyncio
import contextvars
import heapq
import inspect
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

HOST: contextvars.ContextVar["Host"] = contextvars.ContextVar("host")

#: Callbacks at one instant of virtual time after which the run counts as spinning.
_SPIN_MAX = 100_000
#: Callbacks of a whole run; the largest runs need a fifth of that.
_STEPS_MAX = 1_500_000


class Host:
    """One simulated process."""

    def __init__(self, loop: "SimLoop", name: str) -> None:
        self.loop = loop
        self.name = name
        self.alive = True
        self.paused = False
        self.ready: deque[asyncio.Handle] = deque()
        self.dead_handles: list[object] = []
        self.context = contextvars.copy_context()
        self.context.run(HOST.set, self)
        loop.hosts.append(self)

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str) -> "asyncio.Task[Any]":
        """Run a coroutine in this process."""
        return self.loop.create_task(coroutine, name=name, context=self.context.copy())

    def soon(self, call: Callable[..., object], *args: object) -> None:
        """Call in this process, next."""
        self.loop.call_soon(call, *args, context=self.context)

    def later(self, delay: float, call: Callable[..., object], *args: object) -> asyncio.TimerHandle:
        """Call in this process after a delay."""
        return self.loop.call_later(delay, call, *args, context=self.context)

    def kill(self) -> None:
        """SIGKILL: nothing of this host runs any more."""
        self.alive = False
        self.dead_handles.extend(self.ready)
        self.ready.clear()
        self.loop.forget(self)

    def pause(self) -> None:
        """SIGSTOP."""
        self.paused = True
        self.loop.forget(self)

    def resume(self) -> None:
        """SIGCONT."""
        self.paused = False
        if self.ready:
            self.loop.remember(self)


class Spinning(Exception):
    """Callbacks go on and on while time stands still."""


class SimLoop(asyncio.AbstractEventLoop):
    """An event loop without a selector."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._now = 1_000.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle, Host]] = []
        self._count = 0
        self._active: list[Host] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._running = False
        self._closed = False
        self.errors: list[dict[str, Any]] = []
        self.steps = 0
        self.hosts: list[Host] = []
        self.world = Host(self, "world")

    # time and callbacks

    def time(self) -> float:
        return self._now

    def call_soon(self, callback, *args, context=None):
        handle = asyncio.Handle(callback, args, self, context)
        self._push(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(self, delay, callback, *args, context=None):
        return self.call_at(self._now + max(0.0, delay), callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, handle, self._host_of(handle)))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: cancelled handles are skipped when their time comes."""

    def _host_of(self, handle: asyncio.Handle) -> Host:
        return handle._context.get(HOST, self.world)

    def _push(self, handle: asyncio.Handle) -> None:
        host = self._host_of(handle)
        if not host.alive:
            host.dead_handles.append(handle)
            return
        if not host.ready and not host.paused:
            self._active.append(host)
        host.ready.append(handle)

    def forget(self, host: Host) -> None:
        """Run nothing of this host for now."""
        if host in self._active:
            self._active.remove(host)

    def remember(self, host: Host) -> None:
        """Run what this host has ready."""
        if host not in self._active:
            self._active.append(host)

    # running

    def run(self, *, until: float, done: Callable[[], bool]) -> None:
        """Run until a time, or until `done` says so (asked whenever time moves on).

        Raises:
            Spinning: time does not move on.
        """
        events._set_running_loop(self)
        self._running = True
        try:
            while self._now < until:
                self._run_ready()
                if done() or not self._advance():
                    return
        finally:
            self._running = False
            events._set_running_loop(None)

    def _run_ready(self) -> None:
        active, draw, steps = self._active, self._rng.random, 0
        while active:
            place = int(draw() * len(active))
            host = active[place]
            handle = host.ready.popleft()
            if not host.ready:
                active[place] = active[-1]
                active.pop()
            steps += 1
            if not handle._cancelled:
                handle._run()
            if steps > _SPIN_MAX:
                raise Spinning(f"more than {_SPIN_MAX} callbacks at {self._now:.3f} s, the last one: {handle!r}")
        self.steps += steps
        if self.steps > _STEPS_MAX:
            raise Spinning(f"more than {_STEPS_MAX} callbacks by {self._now:.3f} s")

    def _advance(self) -> bool:
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)
        if not timers:
            return False
        self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            _, _, handle, host = heapq.heappop(timers)
            if host.alive and not handle._cancelled:
                self._push(handle)
            elif not host.alive:
                host.dead_handles.append(handle)
        return True

    # what asyncio needs

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro, *, name=None, context=None):
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        # Kept, so that tasks of a killed host are never collected: that would run their `finally` blocks.
        self._tasks.append(task)
        if len(self._tasks) > 20_000:
            self._tasks = [task for task in self._tasks if not task.done()]
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context)

    def end(self) -> None:
        """Cancel and run out everything, the dead included, after the run has been judged."""
        events._set_running_loop(self)
        for host in self.hosts:
            host.alive = True
            host.resume()
        try:
            for _ in range(20):
                pending = [task for task in self._tasks if not task.done()]
                if not pending:
                    break
                for task in pending:
                    task.cancel()
                self._drain()
            for task in self._tasks:
                if not task.done():
                    task._log_destroy_pending = False
                    if inspect.getcoroutinestate(task.get_coro()) == inspect.CORO_CREATED:
                        # Its host was killed before it ran; Python would warn of one that was forgotten.
                        task.get_coro().close()
                elif not task.cancelled():
                    task.exception()
            self.errors.clear()
            self._timers.clear()
            self._closed = True
        finally:
            events._set_running_loop(None)

    def _drain(self) -> None:
        for _ in range(100_000):
            if not self._active:
                return
            host = self._active[0]
            handle = host.ready.popleft()
            if not host.ready:
                self._active.pop(0)
            if not handle._cancelled:
                handle._run()
