"""Interceptors: code around every workflow, activity and client call of a process. For users.

An interceptor is an object with one or several of the methods below; it calls `proceed` to go on, and returns what
`proceed` returned, or something else. The first one of a list is the outermost.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from antiphon.activity import ActivityInfo
from antiphon.errors import DefinitionError
from antiphon.workflow import Context

__all__ = [
    "ActivityCall",
    "ActivityInterceptor",
    "ClientCall",
    "ClientInterceptor",
    "WorkflowInterceptor",
    "WorkflowRun",
]

C = TypeVar("C")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRun:
    """A workflow about to run, or to run again on replay; None where it takes no input."""

    ctx: Context
    input: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityCall:
    """An activity about to run; None where it takes no input."""

    info: ActivityInfo
    input: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCall:
    """A call about to be sent to the sidecar.

    Attributes:
        operation: the client's method: `start`, `get`, `wait`, `wait_started`, `raise_event`, `terminate`, `suspend`,
            `resume`, `purge`, `list_ids`, `history`; later releases may have more.
        instance_id: the instance concerned; "" when it is none.
        app: the app turned to; "" for the sidecar's own.
        name: of the workflow that is started, or the event that is raised; else "".
        input: its input or payload; else None.
        tags: of an instance that is started.
    """

    operation: str
    instance_id: str = ""
    app: str = ""
    name: str = ""
    input: Any = None
    tags: Mapping[str, str]


@runtime_checkable
class WorkflowInterceptor(Protocol):
    """Code around workflows; bound by the rules of workflow code, since it runs again on replay.

    It may wait for what `run.ctx` returns and for `proceed`, nothing else. It must ask for the same in every release,
    as long as instances run that began with it. Effects on the outside belong behind `if not run.ctx.is_replaying`.
    """

    async def run_workflow(
        self, run: WorkflowRun, proceed: Callable[[WorkflowRun], Coroutine[Any, Any, object]]
    ) -> object:
        """Run the workflow by `await proceed(run)`, and return its result."""


@runtime_checkable
class ActivityInterceptor(Protocol):
    """Code around activities, on the event loop; also around those that run in threads."""

    async def run_activity(self, call: ActivityCall, proceed: Callable[[ActivityCall], Awaitable[object]]) -> object:
        """Run the activity by `await proceed(call)`, and return its result."""


@runtime_checkable
class ClientInterceptor(Protocol):
    """Code around a client's calls. Of a changed call, `input` and `tags` are sent; the rest is as it was asked for."""

    async def call(self, call: ClientCall, proceed: Callable[[ClientCall], Awaitable[object]]) -> object:
        """Send the call by `await proceed(call)`, and return what that returned, unchanged."""


def workflows_of(interceptors: Sequence[object]) -> tuple[WorkflowInterceptor, ...]:
    """Return those that run around workflows.

    Raises:
        DefinitionError: one of them intercepts nothing.
    """
    for each in interceptors:
        if not isinstance(each, WorkflowInterceptor | ActivityInterceptor):
            raise DefinitionError(
                f"{each!r} is no interceptor of a worker: it has neither run_workflow nor run_activity"
            )
    return tuple(each for each in interceptors if isinstance(each, WorkflowInterceptor))


def activities_of(interceptors: Sequence[object]) -> tuple[ActivityInterceptor, ...]:
    """Return those that run around activities."""
    return tuple(each for each in interceptors if isinstance(each, ActivityInterceptor))


def clients_of(interceptors: Sequence[object]) -> tuple[ClientInterceptor, ...]:
    """Return those that run around a client's calls.

    Raises:
        DefinitionError: one of them does not.
    """
    for each in interceptors:
        if not isinstance(each, ClientInterceptor):
            raise DefinitionError(f"{each!r} is no interceptor of a client: it has no method call")
    return tuple(each for each in interceptors if isinstance(each, ClientInterceptor))


def chained(around: Sequence[Callable[..., Any]], innermost: Callable[[C], Any]) -> Callable[[C], Any]:
    """Return one callable that goes through all, the first one outermost."""
    proceed = innermost
    for method in reversed(around):
        proceed = _around(method, proceed)
    return proceed


def _around(method: Callable[..., Any], proceed: Callable[[C], Any]) -> Callable[[C], Any]:
    return lambda call: method(call, proceed)
