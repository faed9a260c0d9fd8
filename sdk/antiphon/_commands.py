"""What workflow code asks for, until it is answered: ids, retries, timers, waits. Behind workflow.Context.

One sequence of ids per generation, in the order of the calls. _replay confirms requests against the
history and answers them; this module turns requests into actions and answers into settled tasks.
"""

import hashlib
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from antiphon import _hints, _wire
from antiphon._mailbox import Mailbox
from antiphon._payloads import PLAIN, Payloads
from antiphon._tasks import Evicted, Loop, Task
from antiphon._versions import Versions
from antiphon.errors import (
    TIMEOUTS,
    ActivityFailure,
    ActivityTimeout,
    CallFailure,
    ChildWorkflowFailure,
    Failure,
    ValueInvalid,
)
from antiphon.retry import RetryPolicy
from antiphon_names import errors as names

Kind = Literal["activity", "child workflow", "detached workflow", "timer"]

_NAMESPACE = uuid.UUID("6f1c6a3e-3b0e-5d0f-9d64-0f6a4f1b7a52").bytes
_VARIANTS = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


@dataclass(frozen=True, slots=True)
class Completed:
    """The answer of an activity or child that ended well; None: it gave no result."""

    result: str | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer of an activity or child that did not."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Fired:
    """The answer of a timer."""


Answer = Completed | Failed | Fired


@dataclass(slots=True)
class Request:
    """One action asked for and not yet answered."""

    kind: Kind
    name: str
    answered: Callable[[Answer], None]


@dataclass(slots=True, kw_only=True)
class Call:
    """What an activity or child workflow call asks for; the same on every attempt, though every call pays for frozen.

    `identity` is the task execution ID of an activity and the instance ID of a child; empty: derived
    from the first attempt's id. `unique`: a child is refused when another run ever had its ID.
    """

    kind: Literal["activity", "child workflow"]
    name: str
    input: str | None
    result_type: object
    app: str | None
    retry: RetryPolicy | None
    identity: str = ""
    unique: bool = False
    timeouts: _wire.Timeouts | None = None


class Commands:
    """The requests of one execution; `now_ns` is the time of the turn under way."""

    def __init__(self, *, instance_id: str, execution_id: str, loop: Loop, payloads: Payloads = PLAIN) -> None:
        self.payloads = payloads
        self.instance_id = instance_id
        self.execution_id = execution_id
        self.loop = loop
        self.app_id = ""
        self.now_ns = 0
        self.mailbox = Mailbox()
        self.versions = Versions()
        self.custom_status: str | None = None
        self.tags: dict[str, str] = {}
        # By id: asked for and not answered; asked for and not yet seen in the history.
        self.open: dict[int, Request] = {}
        self.unconfirmed: dict[int, _wire.Action] = {}
        self._last_id = 0
        self._random: random.Random | None = None

    def next_id(self) -> int:
        """Take the next action id of this generation; the first is 1."""
        if self.loop.closed:
            raise Evicted
        self._last_id += 1
        return self._last_id

    @property
    def last_id(self) -> int:
        """The id taken last; 0 when none was."""
        return self._last_id

    @property
    def randomness(self) -> random.Random:
        """A source that draws the same in every replay of this generation."""
        if self._random is None:
            self._random = random.Random(f"{self.instance_id}/{self.execution_id}")
        return self._random

    def call(self, call: Call) -> Task[Any]:
        """Ask for an activity or a child workflow."""
        return _Attempts(self, call).task

    def sleep(self, fire_at_ns: int) -> Task[None]:
        """Ask for a timer."""
        task: Task[None] = Task(self.loop, "timer")
        timer_id = self.timer(fire_at_ns, origin=_wire.Sleep(), fired=lambda: task.settle(None))
        # The timer itself stays: it fires without effect.
        task.can_be_given_up(lambda: self.open.pop(timer_id, None))
        return task

    def timer(self, fire_at_ns: int, *, origin: _wire.Origin, fired: Callable[[], None]) -> int:
        """Ask for a timer that calls back; its id is returned so that it can be forgotten."""
        timer_id = self.next_id()
        action = _wire.create_timer(id=timer_id, fire_at_ns=fire_at_ns, origin=origin)
        self.ask(action, Request("timer", "", lambda _: fired()))
        return timer_id

    def wait_for_event(self, name: str, *, result_type: object, timeout_ns: int | None) -> Task[Any]:
        """Wait for the next event of this name; one that came before is taken at once."""
        task: Task[Any] = Task(self.loop, f'event "{name}"')
        timer_id = 0

        def deliver(text: str | None) -> None:
            self.open.pop(timer_id, None)
            self.settle(task, text, result_type, what=f'payload of event "{name}"')

        def time_is_up() -> None:
            self.mailbox.forget(name, deliver)
            task.fail(TimeoutError(f'no event "{name}" came within the time given'))

        def give_up() -> None:
            self.open.pop(timer_id, None)
            self.mailbox.forget(name, deliver)

        task.can_be_given_up(give_up)
        if not self.mailbox.take(name, deliver) and timeout_ns is not None:
            timer_id = self.timer(self.now_ns + timeout_ns, origin=_wire.EventTimeout(name), fired=time_is_up)
        return task

    def settle(self, task: Task[Any], text: str | None, hint: object, *, what: str) -> None:
        """Give a task the value in JSON `text`, or fail it because the value is not what `hint` says."""
        try:
            value = _hints.decode(self.payloads.decode(text, what=what), hint, what=what)
        except ValueInvalid as error:
            task.fail(error)
        else:
            task.settle(value)

    def start_detached(self, start: _wire.Start) -> str:
        """Ask for the start of a workflow that nobody waits for; return its instance ID."""
        action_id = self.next_id()
        start = replace(start, instance_id=start.instance_id or self.identity(action_id))
        self.unconfirmed[action_id] = _wire.create_detached(id=action_id, start=start)
        return start.instance_id

    def ask(self, action: _wire.Action, request: Request) -> None:
        """Note an action for this turn's answer and for what will come back."""
        self.open[action.id] = request
        self.unconfirmed[action.id] = action

    def identity(self, first_id: int) -> str:
        """Return an ID that is the same in every replay and for every attempt of a call."""
        run = self.execution_id or self.instance_id
        # What uuid.uuid5 returns, in a fifth of its time: every call of an activity needs one.
        digits = hashlib.sha1(_NAMESPACE + f"{run}:{first_id}".encode(), usedforsecurity=False).hexdigest()
        variant = _VARIANTS[digits[16]]
        return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


class _Attempts:
    """One call and its attempts: a failed one is followed by a timer, and that by the next attempt."""

    __slots__ = ("_attempt", "_began", "_call", "_commands", "_first_ns", "_identity", "task")

    def __init__(self, commands: Commands, call: Call) -> None:
        self._commands = commands
        self._call = call
        self._attempt = 0
        # Whether an attempt of this call has run under its ID, so that the ID is its own.
        self._began = False
        self._first_ns = commands.now_ns
        self._identity = call.identity
        self.task: Task[Any] = Task(commands.loop, f'{call.kind} "{call.name}"')
        self._begin()

    def _begin(self) -> None:
        self._attempt += 1
        action_id = self._commands.next_id()
        call = self._call
        if call.kind == "activity":
            self._identity = self._identity or self._commands.identity(action_id)
            action = _wire.schedule_task(
                id=action_id,
                name=call.name,
                input=call.input,
                task_execution_id=self._identity,
                app=call.app,
                timeouts=call.timeouts,
            )
        else:
            self._identity = self._identity or f"{self._commands.instance_id}:{action_id:04x}"
            action = _wire.create_child(
                id=action_id,
                name=call.name,
                input=call.input,
                instance_id=self._identity,
                app=call.app,
                unique=call.unique and not self._began,
            )
        self._commands.ask(action, Request(call.kind, call.name, self._answered))

    def _answered(self, answer: Answer) -> None:
        match answer:
            case Completed(result):
                what = f'result of {self._call.kind} "{self._call.name}"'
                self._commands.settle(self.task, result, self._call.result_type, what=what)
            case Failed(failure):
                self._failed(failure)
            case Fired():
                raise AssertionError("timers answer requests of their own")

    def _failed(self, failure: Failure) -> None:
        self._began = self._began or failure.code != names.INSTANCE_ID_IN_USE.number
        pause_ns = self._pause_ns(failure)
        if pause_ns is None:
            self.task.fail(self._error(failure))
            return
        origin = (
            _wire.ActivityRetry(self._identity) if self._call.kind == "activity" else _wire.ChildRetry(self._identity)
        )
        fire_at_ns = self._commands.now_ns + pause_ns
        self._commands.timer(fire_at_ns, origin=origin, fired=self._begin)

    def _pause_ns(self, failure: Failure) -> int | None:
        policy = self._call.retry
        if policy is None or not policy.allows(failure):
            return None
        elapsed = _wire.moment(self._commands.now_ns) - _wire.moment(self._first_ns)
        pause = policy.delay(attempt=self._attempt, elapsed=elapsed)
        return None if pause is None else _wire.duration_ns(pause)

    def _error(self, failure: Failure) -> CallFailure:
        call = self._call
        failure = failure if failure.app else replace(failure, app=call.app or self._commands.app_id)
        where = f" in app {call.app}" if call.app else ""
        after = f" after {self._attempt} attempts" if self._attempt > 1 else ""
        text = f'{call.kind} "{call.name}"{where} failed{after}: {failure}'
        kind: type[CallFailure] = ActivityFailure if call.kind == "activity" else ChildWorkflowFailure
        if call.kind == "activity" and failure.code in TIMEOUTS:
            kind = ActivityTimeout
        return kind(text, name=call.name, failure=failure)
