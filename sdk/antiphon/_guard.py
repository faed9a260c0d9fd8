"""Keeps workflow code from what replay cannot repeat, and says what to use instead.

While workflow code runs on a thread, that thread's asyncio loop is replaced by one that refuses
everything (so asyncio.sleep, gather, create_task and the like fail with advice), an audit hook refuses
files, sockets and processes, and time.sleep is refused. Used by _tasks; other threads notice nothing.
What cannot be detected: the clock, random numbers, and what other libraries keep in memory.
"""

import asyncio
import inspect
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, NoReturn

from antiphon.errors import WorkflowRuleBroken

_ADVICE = {
    "sleep": "ctx.sleep(timedelta(...))",
    "gather": "ctx.gather(...)",
    "create_task": "ctx.gather(...) (calls made through ctx are under way at once)",
    "ensure_future": "ctx.gather(...) (calls made through ctx are under way at once)",
    "wait": "ctx.gather(...) or ctx.wait_first(...)",
    "as_completed": "ctx.wait_first(...)",
    "wait_for": "ctx.wait_for_event(name, timeout=...), or ctx.wait_first(task, ctx.sleep(...))",
    "timeout": "ctx.wait_first(task, ctx.sleep(...))",
    "Timeout": "ctx.wait_first(task, ctx.sleep(...))",
    "TaskGroup": "ctx.gather(...)",
    "to_thread": "an activity (await ctx.call_activity(...))",
    "run_in_executor": "an activity (await ctx.call_activity(...))",
    "open_connection": "an activity (await ctx.call_activity(...))",
}
_ANY_ADVICE = "ctx.call_activity(...) for work, ctx.sleep(...) to wait"

_BLOCKING = {
    "time.sleep": ("time.sleep", _ADVICE["sleep"]),
    "open": ("open", "an activity"),
    "socket.connect": ("a network connection", "an activity"),
    "socket.getaddrinfo": ("a name lookup", "an activity"),
    "sqlite3.connect": ("sqlite3.connect", "an activity"),
    "subprocess.Popen": ("a subprocess", "an activity"),
    "os.system": ("os.system", "an activity"),
}
# These open files or sockets on behalf of Python itself, at the first import or the first log record.
_EXEMPT = frozenset({"importlib", "linecache", "tokenize", "logging", "zipimport"})


class _Turn(threading.local):
    workflow: str | None = None


_turn = _Turn()


def _rule(workflow: str, did: str, instead: str) -> WorkflowRuleBroken:
    return WorkflowRuleBroken(
        f'workflow "{workflow}" {did}; its code runs again on replay and may wait for workflow tasks '
        f"only. Use {instead} instead."
    )


class _RefusingLoop:
    """Stands where asyncio looks for the running loop; whatever it is asked, it raises with advice."""

    def __getattr__(self, name: str) -> NoReturn:
        self._refuse(name)

    def __hash__(self) -> int:
        # asyncio.timeout looks its loop up in a dict before it asks it anything.
        self._refuse("timeout")

    def __eq__(self, other: object) -> bool:
        return self is other

    def _refuse(self, name: str) -> NoReturn:
        _close_arguments(sys._getframe(2))
        called = (_asyncio_function(sys._getframe(2)) or name).removesuffix(".__aenter__")
        advice = _ADVICE.get(called, _ADVICE.get(name, _ANY_ADVICE))
        raise _rule(_turn.workflow or "?", f"called asyncio.{called}", advice)


def _asyncio_function(frame: FrameType | None) -> str:
    """Return the name of the asyncio function that user code called."""
    called = ""
    while frame is not None and frame.f_globals.get("__name__", "").startswith("asyncio"):
        called = frame.f_code.co_qualname
        frame = frame.f_back
    return called


def _close_arguments(frame: FrameType | None) -> None:
    """Close coroutines on their way into asyncio: nobody will await them now."""
    while frame is not None and frame.f_globals.get("__name__", "").startswith("asyncio"):
        for value in list(frame.f_locals.values()):
            values = value if isinstance(value, list | tuple | set) else [value]
            for item in values:
                if inspect.iscoroutine(item) and inspect.getcoroutinestate(item) == "CORO_CREATED":
                    item.close()
        frame = frame.f_back


_REFUSING: Any = _RefusingLoop()


class _WorkflowCode:
    """Marks this thread as running workflow code; a class, not a generator, because every turn pays."""

    __slots__ = ("_before", "_loop", "_workflow")

    def __init__(self, workflow: str) -> None:
        self._workflow = workflow

    def __enter__(self) -> None:
        self._before = _turn.workflow
        self._loop = asyncio._get_running_loop()
        _turn.workflow = self._workflow
        asyncio._set_running_loop(_REFUSING)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio._set_running_loop(self._loop)
        _turn.workflow = self._before


workflow_code = _WorkflowCode


def foreign_awaitable(awaited: object, workflow: str) -> WorkflowRuleBroken:
    """Return the error for an await of something that is not a task of this workflow instance."""
    if awaited is None:
        return _rule(workflow, "awaits asyncio.sleep(0) or a bare yield", _ADVICE["sleep"])
    if type(awaited).__module__.startswith(("asyncio", "_asyncio")):
        kind = f"an asyncio {type(awaited).__name__}"
        return _rule(workflow, f"awaits {kind}", _ANY_ADVICE)
    if type(awaited).__module__ == "antiphon._tasks":
        return _rule(workflow, "awaits a task of another instance", "tasks made through its own ctx")
    return _rule(workflow, f"awaits {awaited!r}, which is not a workflow task", _ANY_ADVICE)


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event in _BLOCKING and _turn.workflow is not None:
        what, instead = _BLOCKING[event]
        if not _exempt(sys._getframe(1)):
            raise _rule(_turn.workflow, f"calls {what}", instead)


def _exempt(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] in _EXEMPT:
            return True
        frame = frame.f_back
    return False


_real_sleep = time.sleep


def _refusing_sleep(seconds: float, /) -> None:
    if _turn.workflow is not None:
        what, instead = _BLOCKING["time.sleep"]
        raise _rule(_turn.workflow, f"calls {what}", instead)
    _real_sleep(seconds)


class _Watch:
    """How many workers need the guard; an audit hook stays once it is there, time.sleep is put back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._hooked = False

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            if not self._hooked:
                self._hooked = True
                sys.addaudithook(_audit)
            # From 3.13 on time.sleep raises an audit event by itself.
            if sys.version_info < (3, 13) and self._users == 1:
                time.sleep = _refusing_sleep  # type: ignore[assignment]  # 3.13 widened it

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if sys.version_info < (3, 13) and self._users == 0:
                time.sleep = _real_sleep


_watch = _Watch()


@contextmanager
def watching() -> Iterator[None]:
    """Refuse blocking calls of workflow code in this process while entered."""
    _watch.enter()
    try:
        yield
    finally:
        _watch.leave()
