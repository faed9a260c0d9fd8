"""PURE: workflow function + history -> actions. No I/O, no clock, no threads, no asyncio loop.

An Execution is live: it keeps its coroutine and goes on with what is new; fed a whole history from the
start it comes to the same state, which is what makes dropping it harmless. _turns feeds it, _commands
keeps what the code asked for. Messages are read through _wire.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from antiphon import _definitions, _values, _wire, interceptors, workflow
from antiphon._commands import Answer, Commands, Completed, Failed, Fired, Kind
from antiphon._payloads import PLAIN, Payloads
from antiphon._tasks import Loop, Task
from antiphon.errors import CodedError, Failure, NonDeterminism, ValueInvalid
from antiphon_names import errors as names


@dataclass(slots=True)
class Decision:
    """What a turn's code asked for; `finished`: this generation is over and the execution spent.

    `version` and `patches`: what the code ran in and went through, from the generation's begin. `awaited`: names of
    events that it waits for.
    """

    actions: Sequence[_wire.Action]
    custom_status: str | None
    finished: bool
    version: str = ""
    patches: Sequence[str] = ()
    awaited: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


class Execution:
    """One generation of one instance, from its first event on."""

    def __init__(
        self,
        definitions: Mapping[str, _definitions.Definition],
        *,
        instance_id: str,
        execution_id: str,
        payloads: Payloads = PLAIN,
        around: Sequence[interceptors.WorkflowInterceptor] = (),
    ) -> None:
        self._payloads = payloads
        self._around = around
        self._definitions = definitions
        self._loop = Loop("")
        self._commands = Commands(
            instance_id=instance_id, execution_id=execution_id, loop=self._loop, payloads=payloads
        )
        self._context = workflow.Context(self._commands)
        self._main: Task[Any] | None = None
        self._terminated: str | None = None
        self._ended = False
        self._lacks_version = False
        # Asked for in an earlier turn and still not in the history: an answer may confirm them late.
        self._overdue: set[int] = set()

    def advance(self, past: Sequence[bytes], new: Sequence[bytes]) -> Decision:
        """Go on with history that follows what was seen so far, then with this turn's new events.

        Raises:
            NonDeterminism: history and code disagree. The execution is of no use afterwards.
        """
        self._context.is_replaying = True
        for raw in past:
            self._apply(raw)
        self._context.is_replaying = False
        for raw in new:
            self._apply(raw)
        if not self._lacks_version:
            self._check_overdue()
        return self._decision()

    def disagreed(self, error: NonDeterminism) -> Decision:
        """Return the answer of an execution that its history does not agree with."""
        versions = self._commands.versions
        return Decision(
            # -1: the history may hold any number, and this answer belongs to none of them.
            [failed(-1, _wire.failure_from(error))],
            None,
            finished=True,
            version=versions.running,
            patches=tuple(versions.met),
        )

    def close(self) -> None:
        """Drop the user's code."""
        self._loop.close()

    def _apply(self, raw: bytes) -> None:
        event = _wire.parse(raw)
        kind = _wire.kind_of(event)
        handler = _HANDLERS.get(kind or "")
        # Suspending is the engine's: it holds messages back. All else is not for workflow code.
        if handler is None:
            return
        handler(self, event, raw)
        if self._main is not None and not self._ended:
            self._loop.run(self._main)
            if self._main.done or self._loop.signal is not None:
                self._ended = True
                self._commands.mailbox.close()

    def _workflow_started(self, event: _wire.Event, _: bytes) -> None:
        self._commands.now_ns = _wire.timestamp_ns(event)
        self._commands.versions.recorded(*_wire.started_version(event))
        if self._commands.unconfirmed:
            self._overdue.update(self._commands.unconfirmed)

    def _execution_started(self, event: _wire.Event, _: bytes) -> None:
        if self._main is not None:
            return
        started = event.execution_started
        self._loop.workflow = started.name
        self._context.name = started.name
        self._context.app_id = self._commands.app_id = _wire.started_app_id(event)
        self._context.trace_context = _wire.trace_context(started)
        definition = self._definitions.get(started.name)
        self._main = Task(self._loop, started.name)
        if definition is None:
            self._main.fail(_NotRegistered(started.name, known=self._definitions))
            return
        chosen = self._commands.versions.choose(
            definition, asked=started.version.value, replaying=self._context.is_replaying
        )
        if chosen is None:
            self._lacks_version = self._ended = True
            return
        definition = chosen
        try:
            text = _wire.optional_text(started, "input")
            text = self._payloads.decode(text, what=f'input of workflow "{started.name}"')
            arguments = definition.arguments(text)
        except ValueInvalid as error:
            self._main.fail(error)
            return
        self._main = self._loop.start(self._code(definition, arguments), started.name)

    def _code(self, definition: _definitions.Definition, arguments: tuple[object, ...]) -> Coroutine[Any, Any, Any]:
        """Return the user's code, with what is to run around it."""
        if not self._around:
            plain: Coroutine[Any, Any, Any] = definition.function(self._context, *arguments)
            return plain

        def innermost(run: interceptors.WorkflowRun) -> Coroutine[Any, Any, Any]:
            inner: Coroutine[Any, Any, Any] = definition.function(self._context, *((run.input,) if arguments else ()))
            return inner

        run = interceptors.WorkflowRun(ctx=self._context, input=arguments[0] if arguments else None)
        code: Coroutine[Any, Any, Any] = interceptors.chained([each.run_workflow for each in self._around], innermost)(
            run
        )
        return code

    def _task_scheduled(self, event: _wire.Event, _: bytes) -> None:
        self._confirm(event, kind="activity", name=event.task_scheduled.name)

    def _child_created(self, event: _wire.Event, _: bytes) -> None:
        name = event.child_workflow_instance_created.name
        self._confirm(event, kind="child workflow", name=name)

    def _detached_created(self, event: _wire.Event, _: bytes) -> None:
        self._confirm(event, kind="detached workflow", name="")

    def _timer_created(self, event: _wire.Event, _: bytes) -> None:
        self._confirm(event, kind="timer", name="")

    def _confirm(self, event: _wire.Event, *, kind: Kind, name: str) -> None:
        """Check one scheduling event against what the code asked for.

        Raises:
            NonDeterminism: the code asked for something else, or for nothing.
        """
        if self._lacks_version:
            return
        action = self._commands.unconfirmed.pop(event.event_id, None)
        if action is not None and _wire.asks_for(action, kind=kind, name=name):
            return
        did = f"asks for {_wire.described(action)}" if action else self._all_it_asked()
        raise self._disagreement(f"history says {_wire.described_event(event)}; the code now {did}")

    def _all_it_asked(self) -> str:
        waiting = [_wire.described(action) for action in self._commands.unconfirmed.values()]
        if self._ended:
            return "ends before that"
        if waiting:
            return f"asks for {names.listing(waiting)} and nothing with that number"
        return "asks for nothing at this point"

    def _check_overdue(self) -> None:
        if not self._overdue:
            return
        missing = [self._commands.unconfirmed.get(number) for number in sorted(self._overdue)]
        self._overdue.clear()
        for action in missing:
            if action is not None:
                raise self._disagreement(
                    f"history says nothing of {_wire.described(action)} where it was asked for; the code now "
                    "asks for it"
                )

    def _disagreement(self, both_sides: str) -> NonDeterminism:
        return NonDeterminism(
            f'workflow "{self._loop.workflow}", instance "{self._commands.instance_id}": {both_sides}. '
            "The workflow's code has changed since this instance started, or it depends on something that "
            "differs between runs (clock, randomness, environment). The instance fails. Keep the old "
            "code for instances that run, or give the new code another name."
        )

    def _task_completed(self, event: _wire.Event, _: bytes) -> None:
        done = event.task_completed
        result = _wire.optional_text(done, "result")
        self._answer(done.task_scheduled_id, kind="activity", answer=Completed(result))

    def _task_failed(self, event: _wire.Event, _: bytes) -> None:
        failed = event.task_failed
        answer = Failed(_wire.failure_of(self._payloads.decode_failure(failed.failure_details)))
        self._answer(failed.task_scheduled_id, kind="activity", answer=answer)

    def _child_completed(self, event: _wire.Event, _: bytes) -> None:
        done = event.child_workflow_instance_completed
        result = _wire.optional_text(done, "result")
        self._answer(done.task_scheduled_id, kind="child workflow", answer=Completed(result))

    def _child_failed(self, event: _wire.Event, _: bytes) -> None:
        failed = event.child_workflow_instance_failed
        answer = Failed(_wire.failure_of(self._payloads.decode_failure(failed.failure_details)))
        self._answer(failed.task_scheduled_id, kind="child workflow", answer=answer)

    def _timer_fired(self, event: _wire.Event, _: bytes) -> None:
        self._answer(event.timer_fired.timer_id, kind="timer", answer=Fired())

    def _answer(self, number: int, *, kind: Kind, answer: Answer) -> None:
        """Settle a request; an answer that nobody waits for (a late timer, a repeat) is none."""
        request = self._commands.open.get(number)
        if request is None or request.kind != kind or self._ended:
            return
        del self._commands.open[number]
        self._commands.unconfirmed.pop(number, None)
        request.answered(answer)

    def _event_raised(self, event: _wire.Event, raw: bytes) -> None:
        raised = event.event_raised
        payload = _wire.optional_text(raised, "input")
        self._commands.mailbox.put(raised.name, payload=payload, raw=raw)

    def _execution_terminated(self, event: _wire.Event, _: bytes) -> None:
        self._terminated = event.execution_terminated.input.value
        self._ended = True

    def _decision(self) -> Decision:
        if self._lacks_version:
            return Decision([_wire.version_not_available()], None, finished=True)
        actions = list(self._commands.unconfirmed.values())
        end = self._end()
        if end is not None:
            actions.append(end)
        return Decision(
            actions,
            self._commands.custom_status,
            finished=end is not None,
            version=self._commands.versions.running,
            tags=dict(self._commands.tags),
            patches=tuple(self._commands.versions.met),
            awaited=self._commands.mailbox.awaited() if end is None else (),
        )

    def _end(self) -> _wire.Action | None:
        number = self._commands.last_id + 1
        if self._terminated is not None:
            return _wire.complete(id=number, status=_wire.TERMINATED, result=self._terminated)
        signal = self._loop.signal
        if signal is not None:
            kept = self._commands.mailbox.kept() if signal.keep_events else []
            return _wire.complete(id=number, status=_wire.CONTINUED_AS_NEW, result=signal.input, carryover=kept)
        if self._main is None or not self._main.done:
            return None
        if self._main.error is not None:
            return failed(number, _wire.failure_from(self._main.error))
        try:
            result = _values.encode(self._main.result(), what=f'result of workflow "{self._loop.workflow}"')
        except ValueInvalid as error:
            return failed(number, _wire.failure_from(error))
        return _wire.complete(id=number, status=_wire.COMPLETED, result=result)


class _NotRegistered(CodedError):
    """The sidecar sent a workflow that this worker does not have."""

    code = names.WORKFLOW_NOT_REGISTERED

    def __init__(self, name: str, *, known: Iterable[str]) -> None:
        super().__init__(_definitions.unknown(name, kind="workflow", known=known))


def failed(number: int, failure: Failure) -> _wire.Action:
    """Return the action that ends a workflow with a failure."""
    return _wire.complete(id=number, status=_wire.FAILED, failure=failure)


Handler = Callable[[Execution, _wire.Event, bytes], None]

_HANDLERS: Mapping[str, Handler] = {
    "workflow_started": Execution._workflow_started,
    "execution_started": Execution._execution_started,
    "task_scheduled": Execution._task_scheduled,
    "child_workflow_instance_created": Execution._child_created,
    "detached_workflow_instance_created": Execution._detached_created,
    "timer_created": Execution._timer_created,
    "task_completed": Execution._task_completed,
    "task_failed": Execution._task_failed,
    "child_workflow_instance_completed": Execution._child_completed,
    "child_workflow_instance_failed": Execution._child_failed,
    "timer_fired": Execution._timer_fired,
    "event_raised": Execution._event_raised,
    "execution_terminated": Execution._execution_terminated,
}
