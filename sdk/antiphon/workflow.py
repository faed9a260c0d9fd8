"""`workflow.define` and `workflow.Context`: what workflow code is made of. For users.

A Context only asks; _commands notes what was asked, _replay answers from the history. Workflow code
runs again on replay, so it may wait for nothing but what its context returns.
"""

import logging
import random as random_module
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NoReturn, TypeVar, overload

from antiphon import _definitions, _tasks, _values, _wire
from antiphon._commands import Call, Commands
from antiphon._tasks import Task
from antiphon.errors import DefinitionError
from antiphon.retry import RetryPolicy
from antiphon.tracing import TraceContext

__all__ = ["Context", "Task", "Timeouts", "define"]

R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, Any]])

_logger = logging.getLogger("antiphon.workflow")


@overload
def define(function: F) -> F: ...
@overload
def define(*, name: str | None = None, version: str | None = None, latest: bool = False) -> Callable[[F], F]: ...
def define(
    function: F | None = None, *, name: str | None = None, version: str | None = None, latest: bool = False
) -> F | Callable[[F], F]:
    """Make an `async def (ctx, input)` a workflow, known by its own name or by `name`.

    A worker may have several versions of one name. An instance keeps the one that it began in; new ones, and those
    that continue as new, begin in the one that is marked as `latest`.

    Raises:
        DefinitionError: it is not async, or its parameters do not fit.
    """

    def decorate(function: F) -> F:
        definition = _definitions.attach(
            function, kind="workflow", name=name, inputs_before=1, version=version, latest=latest
        )
        if not definition.is_async:
            raise DefinitionError(f"workflow {function.__qualname__} must be an async def")
        return function

    return decorate if function is None else decorate(function)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits on each attempt of an activity; None: no limit.

    Attributes:
        schedule_to_start: until a worker takes it.
        start_to_close: from then to its result.
        schedule_to_close: both together.
        heartbeat: between two signs of life.
    """

    schedule_to_start: timedelta | None = None
    start_to_close: timedelta | None = None
    schedule_to_close: timedelta | None = None
    heartbeat: timedelta | None = None


class _Logger(logging.LoggerAdapter[logging.Logger]):
    """Says nothing while history is replayed, since it was said the first time."""

    def __init__(self, context: "Context") -> None:
        super().__init__(_logger, {})
        self._context = context

    def isEnabledFor(self, level: int) -> bool:
        return not self._context.is_replaying and super().isEnabledFor(level)

    def process(self, msg: object, kwargs: MutableMapping[str, Any]) -> tuple[object, MutableMapping[str, Any]]:
        about = {
            "workflow": self._context.name,
            "instance_id": self._context.instance_id,
            "execution_id": self._context.execution_id,
        }
        kwargs["extra"] = {**about, **(kwargs.get("extra") or {})}
        return msg, kwargs


class Context:
    """One run of a workflow, as its code sees it.

    Every call that returns a Task has begun when it returns; await the task for its result.

    Attributes:
        name: the workflow's name.
        app_id: the app that runs it; "" when the sidecar does not say.
        is_replaying: whether the code now runs again over what it did before.
        trace_context: what the start of this instance carried; None when it carried none.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self.name = ""
        self.app_id = ""
        self.is_replaying = False
        self.trace_context: TraceContext | None = None
        self._log = _Logger(self)

    @property
    def instance_id(self) -> str:
        """ID of this instance; stays the same over continue-as-new."""
        return self._commands.instance_id

    @property
    def execution_id(self) -> str:
        """ID of this generation; new after continue-as-new."""
        return self._commands.execution_id

    @property
    def logger(self) -> "logging.LoggerAdapter[logging.Logger]":
        """Logs as `antiphon.workflow`, with the instance in `extra`; silent on replay."""
        return self._log

    @overload
    def call_activity(
        self,
        activity: Callable[..., Coroutine[Any, Any, R]],
        arg: object = None,
        *,
        result: None = None,
        app: str | None = None,
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
    ) -> Task[R]: ...
    @overload
    def call_activity(
        self,
        activity: Callable[..., R],
        arg: object = None,
        *,
        result: None = None,
        app: str | None = None,
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
    ) -> Task[R]: ...
    @overload
    def call_activity(
        self,
        activity: str | Callable[..., Any],
        arg: object = None,
        *,
        result: type[R],
        app: str | None = None,
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
    ) -> Task[R]: ...
    @overload
    def call_activity(
        self,
        activity: str,
        arg: object = None,
        *,
        result: None = None,
        app: str | None = None,
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
    ) -> Task[Any]: ...
    def call_activity(
        self,
        activity: str | Callable[..., Any],
        arg: object = None,
        *,
        result: type[Any] | None = None,
        app: str | None = None,
        retry: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
    ) -> Task[Any]:
        """Run an activity, in app `app` or in this one; awaiting raises ActivityFailure when it fails.

        Args:
            activity: the function, or its name when it is another app's.
            arg: its input; None is sent as no input.
            result: type of the result; by default the function's own hint.
            app: app ID of the app that has it.
            retry: when to try again; by default never.
            timeouts: limits on each attempt.

        Raises:
            ValueInvalid: `arg` has no JSON form.
        """
        name, hint = _target(activity, kind="activity", result=result)
        call = Call(
            kind="activity",
            name=name,
            input=_values.encode_optional(arg, what=f'input of activity "{name}"'),
            result_type=hint,
            app=_app(app),
            retry=retry,
            timeouts=None if timeouts is None else _milliseconds(timeouts),
        )
        return self._commands.call(call)

    @overload
    def call_workflow(
        self,
        workflow: Callable[..., Coroutine[Any, Any, R]],
        arg: object = None,
        *,
        result: None = None,
        app: str | None = None,
        instance_id: str | None = None,
        if_exists: Literal["restart", "fail"] = "restart",
        retry: RetryPolicy | None = None,
    ) -> Task[R]: ...
    @overload
    def call_workflow(
        self,
        workflow: str | Callable[..., Any],
        arg: object = None,
        *,
        result: type[R],
        app: str | None = None,
        instance_id: str | None = None,
        if_exists: Literal["restart", "fail"] = "restart",
        retry: RetryPolicy | None = None,
    ) -> Task[R]: ...
    @overload
    def call_workflow(
        self,
        workflow: str,
        arg: object = None,
        *,
        result: None = None,
        app: str | None = None,
        instance_id: str | None = None,
        if_exists: Literal["restart", "fail"] = "restart",
        retry: RetryPolicy | None = None,
    ) -> Task[Any]: ...
    def call_workflow(
        self,
        workflow: str | Callable[..., Any],
        arg: object = None,
        *,
        result: type[Any] | None = None,
        app: str | None = None,
        instance_id: str | None = None,
        if_exists: Literal["restart", "fail"] = "restart",
        retry: RetryPolicy | None = None,
    ) -> Task[Any]:
        """Run a child workflow, in app `app` or in this one; awaiting raises ChildWorkflowFailure.

        Args:
            workflow: the function, or its name when it is another app's.
            arg: its input; None is sent as no input.
            result: type of the result; by default the function's own hint.
            app: app ID of the app that has it.
            instance_id: ID of the child; by default this instance's ID, a colon and a number. All
                attempts of one call have the same ID.
            if_exists: what happens when a run of that ID has ended before: `restart` replaces it, `fail` refuses
                the call. An active run of that ID always refuses it (`AN203`).
            retry: when to try again; by default never.

        Raises:
            ValueInvalid: `arg` has no JSON form.
        """
        name, hint = _target(workflow, kind="workflow", result=result)
        call = Call(
            kind="child workflow",
            name=name,
            input=_values.encode_optional(arg, what=f'input of workflow "{name}"'),
            result_type=hint,
            app=_app(app),
            retry=retry,
            identity=instance_id or "",
            unique=_unique(if_exists),
        )
        return self._commands.call(call)

    def start_workflow(
        self,
        workflow: str | Callable[..., Any],
        arg: object = None,
        *,
        app: str | None = None,
        instance_id: str | None = None,
        scheduled_at: datetime | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Start a workflow that goes its own way, and return its instance ID at once.

        It is no child: nobody waits for it, it has no parent, and what is done to this instance does not reach it. The
        start is durable with this turn. Should an active instance have the ID, the start has no effect.

        Args:
            workflow: the function, or its name when it is another app's.
            arg: its input; None is sent as no input.
            app: app ID of the app that has it; by default this one.
            instance_id: by default one that is the same on replay.
            scheduled_at: not before this time, which must have a time zone.
            tags: kept with the instance.

        Raises:
            ValueInvalid: `arg` has no JSON form.
        """
        name, _ = _target(workflow, kind="workflow", result=None)
        if scheduled_at is not None and scheduled_at.tzinfo is None:
            raise ValueError(f"scheduled_at needs a time zone, got {scheduled_at!r}")
        return self._commands.start_detached(
            _wire.Start(
                name=name,
                input=_values.encode_optional(arg, what=f'input of workflow "{name}"'),
                instance_id=instance_id or "",
                app=_app(app),
                scheduled_at_ns=None if scheduled_at is None else _wire.moment_ns(scheduled_at),
                tags=dict(tags or {}),
            )
        )

    def sleep(self, duration: timedelta) -> Task[None]:
        """Wait durably; nothing runs meanwhile, and a restart does not begin it again."""
        if not isinstance(duration, timedelta):
            raise TypeError(f"ctx.sleep takes a timedelta, got {duration!r}")
        return self._commands.sleep(self._commands.now_ns + _wire.duration_ns(duration))

    def sleep_until(self, when: datetime) -> Task[None]:
        """Wait durably until a time, which must have a time zone; a past one ends at once."""
        if when.tzinfo is None:
            raise ValueError(f"ctx.sleep_until needs a time with a time zone, got {when!r}")
        return self._commands.sleep(_wire.moment_ns(when))

    @overload
    def wait_for_event(self, name: str, *, result: type[R], timeout: timedelta | None = None) -> Task[R]: ...
    @overload
    def wait_for_event(self, name: str, *, result: None = None, timeout: timedelta | None = None) -> Task[Any]: ...
    def wait_for_event(
        self, name: str, *, result: type[Any] | None = None, timeout: timedelta | None = None
    ) -> Task[Any]:
        """Wait for the next event raised under `name`, whatever its case; early ones are kept.

        Awaiting raises TimeoutError when `timeout` has passed first.
        """
        return self._commands.wait_for_event(
            name,
            result_type=Any if result is None else result,
            timeout_ns=None if timeout is None else _wire.duration_ns(timeout),
        )

    @overload
    def gather(self, *awaitables: Awaitable[R], return_exceptions: bool = False) -> Task[list[R]]: ...
    @overload
    def gather(self, *awaitables: Awaitable[Any], return_exceptions: bool = False) -> Task[list[Any]]: ...
    def gather(self, *awaitables: Awaitable[Any], return_exceptions: bool = False) -> Task[list[Any]]:
        """Wait for all, in the order given; coroutines run side by side.

        The first failure ends it, unless failures are to stand among the results.
        """
        tasks = [_tasks.as_task(self._commands.loop, each) for each in awaitables]
        return _tasks.gathered(self._commands.loop, tasks, return_exceptions=return_exceptions)

    def wait_first(self, *awaitables: Awaitable[Any]) -> Task[Task[Any]]:
        """Wait until one is done and return it as a Task: compare it with `is`, or await it.

        The others go on. A wait for an event that goes on takes the next such event.
        """
        if not awaitables:
            raise ValueError("ctx.wait_first needs at least one task")
        tasks = [_tasks.as_task(self._commands.loop, each) for each in awaitables]
        return _tasks.first(self._commands.loop, tasks)

    def now(self) -> datetime:
        """Return the time of the turn under way, in UTC; the same on replay."""
        return _wire.moment(self._commands.now_ns)

    def patched(self, name: str) -> bool:
        """Tell whether this instance runs the changed code that `name` stands for.

        True where the code is reached for the first time, and then for this instance always; false for one that
        had gone past this point before the change was there.
        """
        if not isinstance(name, str) or not name:
            raise ValueError(f"ctx.patched takes the name of a patch, got {name!r}")
        return self._commands.versions.patched(name, replaying=self.is_replaying)

    def uuid4(self) -> uuid.UUID:
        """Return a random UUID; the same on replay."""
        return uuid.UUID(int=self._commands.randomness.getrandbits(128), version=4)

    def random(self) -> random_module.Random:
        """Return this run's source of randomness; it draws the same on replay."""
        return self._commands.randomness

    def set_custom_status(self, status: object) -> None:
        """Show `status` to whoever asks for this instance, from the end of this turn on."""
        self._commands.custom_status = _values.encode_optional(status, what="custom status")

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of this instance, from the end of this turn on; those of other names stay as they are.

        They are kept over continue-as-new, and can be searched by.
        """
        for name, value in tags.items():
            if not isinstance(name, str) or not isinstance(value, str):
                raise TypeError(f"tags are texts, got {name!r}: {value!r}")
        self._commands.tags.update(tags)

    def continue_as_new(self, arg: object = None, *, keep_events: bool = True) -> NoReturn:
        """End this generation and begin the next with input `arg` and an empty history.

        Events that nobody waited for go with it, unless `keep_events` is false. Does not return.
        """
        text = _values.encode_optional(arg, what=f'input of workflow "{self.name}"')
        raise _tasks.ContinueAsNew(input=text, keep_events=keep_events)


def _target(target: str | Callable[..., Any], *, kind: _definitions.Kind, result: object) -> tuple[str, object]:
    if isinstance(target, str):
        if not target:
            raise DefinitionError(f"the name of the {kind} to call is empty")
        return target, Any if result is None else result
    definition = _definitions.find(target, kind=kind)
    return definition.name, definition.result_type if result is None else result


def _unique(if_exists: str) -> bool:
    if if_exists not in ("restart", "fail"):
        raise ValueError(f'if_exists is {if_exists!r}; it can be "restart" or "fail"')
    return if_exists == "fail"


def _app(app: str | None) -> str | None:
    if app == "":
        raise ValueError("app is empty; leave it out to stay in this app")
    return app


def _milliseconds(timeouts: Timeouts) -> _wire.Timeouts:
    def ms(limit: timedelta | None) -> int:
        return 0 if limit is None else max(1, limit // timedelta(milliseconds=1))

    return _wire.Timeouts(
        schedule_to_start_ms=ms(timeouts.schedule_to_start),
        start_to_close_ms=ms(timeouts.start_to_close),
        schedule_to_close_ms=ms(timeouts.schedule_to_close),
        heartbeat_ms=ms(timeouts.heartbeat),
    )
