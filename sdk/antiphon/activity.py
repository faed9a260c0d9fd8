"""`activity.define` and `activity.info`: the functions that do the work. For users.

An activity may do anything: it runs once per attempt, never on replay. _activities runs them.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from antiphon import _definitions
from antiphon._running import running
from antiphon.tracing import TraceContext

__all__ = ["ActivityInfo", "cancelled", "define", "heartbeat", "info"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityInfo:
    """What an activity may know about the call it serves.

    Attributes:
        name: the activity's name.
        instance_id: the workflow instance that called.
        execution_id: that instance's generation.
        task_id: number of the call in that generation; a retry has its own.
        task_execution_id: the same for every delivery and every retry of one call: use it as the key
            when an effect must happen once.
        attempt: deliveries of this task so far, this one included; 0 when the sidecar does not say.
        caller_app_id: the app whose workflow called; "" when the sidecar does not say.
        heartbeat_details: what an attempt of this call before this one last gave to `heartbeat`, as plain JSON
            values; None when none did.
        trace_context: of this call, None when whoever started the workflow gave none.
    """

    name: str
    instance_id: str
    execution_id: str
    task_id: int
    task_execution_id: str
    attempt: int
    caller_app_id: str
    heartbeat_details: Any = None
    trace_context: TraceContext | None = None


current: ContextVar[ActivityInfo] = ContextVar("antiphon_activity_info")


@overload
def define(function: F) -> F: ...
@overload
def define(*, name: str | None = None) -> Callable[[F], F]: ...
def define(function: F | None = None, *, name: str | None = None) -> F | Callable[[F], F]:
    """Make a function of at most one input an activity, known by its own name or by `name`.

    `async def` runs on the event loop, `def` in a thread.

    Raises:
        DefinitionError: its parameters do not fit.
    """

    def decorate(function: F) -> F:
        _definitions.attach(function, kind="activity", name=name, inputs_before=0)
        return function

    return decorate if function is None else decorate(function)


def info() -> ActivityInfo:
    """Return what is known about the call that runs here.

    Raises:
        RuntimeError: no activity runs here.
    """
    try:
        return current.get()
    except LookupError:
        raise RuntimeError("activity.info() is for code of an activity while it runs") from None


_NOTHING = object()


def heartbeat(details: object = _NOTHING) -> None:
    """Say that the activity is alive, and how far it is; the last details reach the next attempt.

    Cheap and never waits: what is said more often than the sidecar needs to know is left out, the last of it is not.
    Call it from the activity itself, async or in its thread.

    Raises:
        ActivityCancelled: nobody waits for the activity any more. Let it pass: end the activity.
        ValueInvalid: the details cannot become JSON.
        RuntimeError: no activity runs here.
    """
    try:
        call = running.get()
    except LookupError:
        raise RuntimeError("activity.heartbeat() is for code of an activity while it runs") from None
    call.beat(None if details is _NOTHING else details, given=details is not _NOTHING)


def cancelled() -> bool:
    """Tell whether nobody waits for the activity that runs here any more: then it should end.

    An async activity is cancelled besides: `asyncio.CancelledError` is raised where it waits.

    Raises:
        RuntimeError: no activity runs here.
    """
    try:
        return running.get().cancelled
    except LookupError:
        raise RuntimeError("activity.cancelled() is for code of an activity while it runs") from None
