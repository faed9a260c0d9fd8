"""The workflow code of simulated workers: runs a program against a history and says what to do next.

Strands are generators that yield the wait they need; ids are given in the order in which strands ask, so that a
replay asks for the same ones. A history that holds something else than the replay asked for is an error of the
run under test.
"""

import dataclasses
import itertools
import json
from collections import deque
from collections.abc import Generator, Iterable
from typing import Any

from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev
from tests.simulation import timed
from tests.simulation.programs import RETRY_S, Program

WORKFLOW = "program"
ACTIVITY = "work"

Strand = Generator["Wait", None, Any]


class Mismatch(Exception):
    """The history is not one that this program can have."""


class _Again(Exception):
    def __init__(self, program: Program) -> None:
        self.program = program


class _Fail(Exception):
    pass


class Wait:
    """Something that a strand waits for."""

    __slots__ = ("done", "strands", "value")

    def __init__(self) -> None:
        self.done = False
        self.value: Any = None
        self.strands: list[Strand] = []


class Interpreter:
    """One generation of one instance."""

    def __init__(self, app: str) -> None:
        self._app = app
        self._now = 0
        self._ids = 0
        self._asked: dict[tuple[str, int], ac.Action] = {}
        self._waits: dict[tuple[str, int], Wait] = {}
        self._events: dict[str, deque[ev.EventRaised]] = {}
        self._waiting: dict[str, deque[Wait]] = {}
        self._ready: deque[tuple[Strand, Wait]] = deque()
        self._strands: list[Strand] = []
        self._status: str | None = None
        self._completion: ac.Complete | None = None

    def respond(self, events: Iterable[ev.Event]) -> ac.Response:
        """Replay a generation's events, oldest first, and return the actions that they do not hold yet."""
        for event in events:
            self._feed(event)
            self._run_ready()
        for strand in self._strands:
            strand.close()
        actions: list[ac.Action] = list(self._asked.values())
        if self._completion is not None:
            # Also what came in the same turn after the workflow had decided to go on.
            left = tuple(event for name in sorted(self._events) for event in self._events[name])
            continues = self._completion.status is ev.Status.CONTINUED_AS_NEW
            actions.append(dataclasses.replace(self._completion, carryover=left if continues else ()))
        return ac.Response(actions=tuple(actions), custom_status=self._status)

    def _feed(self, event: ev.Event) -> None:  # noqa: C901 - one line for each kind of event
        match event:
            case ev.WorkflowStarted():
                self._now = event.timestamp
            case ev.ExecutionStarted():
                self._spawn(self._main(json.loads(event.input or "null")))
            case ev.TaskScheduled():
                self._confirm("task", event.event_id)
            case ev.ChildCreated():
                self._confirm("child", event.event_id)
            case ev.DetachedCreated():
                self._confirm("detached", event.event_id)
            case ev.TimerCreated():
                self._confirm("timer", event.event_id)
            case ev.TaskCompleted():
                self._resolve("task", event.task_id, (True, event.result))
            case ev.TaskFailed():
                self._resolve("task", event.task_id, (False, event.failure.message))
            case ev.ChildCompleted():
                self._resolve("child", event.task_id, (True, event.result))
            case ev.ChildFailed():
                self._resolve("child", event.task_id, (False, event.failure.message))
            case ev.TimerFired():
                self._resolve("timer", event.timer_id, None)
            case ev.EventRaised():
                self._raised(event)

    def _confirm(self, kind: str, event_id: int) -> None:
        if self._asked.pop((kind, event_id), None) is None:
            raise Mismatch(f"the history holds {kind} {event_id}, which the replay did not ask for")

    def _resolve(self, kind: str, event_id: int, value: Any) -> None:
        wait = self._waits.get((kind, event_id))
        if wait is None or wait.done:
            raise Mismatch(f"{kind} {event_id} is resolved, but was not open")
        self._done(wait, value)

    def _done(self, wait: Wait, value: Any) -> None:
        wait.done, wait.value = True, value
        for strand in wait.strands:
            self._ready.append((strand, wait))

    def _raised(self, event: ev.EventRaised) -> None:
        waiting = self._waiting.get(event.name)
        if waiting:
            self._done(waiting.popleft(), event)
        else:
            self._events.setdefault(event.name, deque()).append(event)

    # strands

    def _spawn(self, strand: Strand) -> Wait:
        over = Wait()

        def run() -> Strand:
            value = yield from strand
            self._done(over, value)

        running = run()
        self._strands.append(running)
        self._step(running)
        return over

    def _run_ready(self) -> None:
        while self._ready:
            strand, _ = self._ready.popleft()
            self._step(strand)

    def _step(self, strand: Strand) -> None:
        try:
            wait = next(strand)
            while wait.done:
                wait = next(strand)
        except StopIteration:
            return
        wait.strands.append(strand)

    def _main(self, program: Program) -> Strand:
        try:
            value = yield from self._run(program)
        except _Again as again:
            self._completion = ac.Complete(
                id=self._next(),
                status=ev.Status.CONTINUED_AS_NEW,
                result=json.dumps(again.program, separators=(",", ":")),
            )
        except _Fail as fail:
            self._completion = ac.Complete(
                id=self._next(), status=ev.Status.FAILED, failure=ev.Failure("Fail", str(fail))
            )
        else:
            self._completion = ac.Complete(
                id=self._next(), status=ev.Status.COMPLETED, result=json.dumps(value, separators=(",", ":"))
            )

    def _next(self) -> int:
        self._ids += 1
        return self._ids - 1

    def _ask(self, kind: str, action: ac.Action) -> Wait:
        self._asked[kind, action.id] = action
        wait = self._waits[kind, action.id] = Wait()
        return wait

    def _run(self, program: Program) -> Strand:  # noqa: C901 - one case for each step
        match program[0]:
            case "seq":
                values = []
                for part in program[1]:
                    values.append((yield from self._run(part)))
                return values
            case "par":
                waits = [self._spawn(self._run(part)) for part in program[1]]
                for wait in waits:
                    if not wait.done:
                        yield wait
                return [wait.value for wait in waits]
            case "act":
                return (yield from self._activity(program))
            case "timed":
                return (yield from self._timed(program))
            case "child":
                return (yield from self._child(program))
            case "late child":
                yield from self._child(program)
            case "detach":
                self._detach(program)
            case "timer":
                yield from self._timer(program[1])
            case "event":
                return (yield from self._event(program[1], program[2]))
            case "status":
                self._status = program[1]
            case "again":
                raise _Again(program[1])
            case "fail":
                raise _Fail(program[1])
        return None

    def _target(self, app: str) -> ac.Target | None:
        return None if app == self._app else ac.Target(app)

    def _activity(self, program: Program) -> Strand:
        _, app, argument, failures, tries = program
        for attempt in range(tries):
            value = json.dumps([argument, attempt, failures])
            action = ac.ScheduleTask(id=self._next(), name=ACTIVITY, input=value, target=self._target(app))
            wait = self._ask("task", action)
            yield wait
            good, result = wait.value
            if good:
                return json.loads(result)
            if attempt + 1 < tries:
                yield from self._timer(RETRY_S)
        return "failed"

    def _timed(self, program: Program) -> Strand:
        """Run an activity with a timeout: until it succeeds, once for its failure, or without waiting for it."""
        _, app, kind, argument, hangs = program
        identity = f"{self._app}/{argument}"
        for attempt in itertools.count():
            order = timed.Order(kind, argument, hangs=attempt < hangs, chain=identity)
            action = ac.ScheduleTask(
                id=self._next(),
                name=timed.LIMITED if kind == timed.LIMITED else ACTIVITY,
                input=json.dumps(dataclasses.asdict(order)),
                target=self._target(app),
                task_execution_id=identity,
                timeouts=timed.TIMEOUTS[kind],
            )
            wait = self._ask("task", action)
            if kind == timed.LEFT:
                # In the turn in which it was asked for it would be begun even after the end.
                yield from self._timer(RETRY_S)
                return None
            yield wait
            good, result = wait.value
            if good:
                return json.loads(result)
            if kind in timed.ALWAYS:
                return timed.code_of(result)
            yield from self._timer(RETRY_S)

    def _child(self, program: Program) -> Strand:
        _, app, instance_id, body = program
        value = json.dumps(body, separators=(",", ":"))
        action = ac.CreateChild(
            id=self._next(), instance_id=instance_id, name=WORKFLOW, input=value, target=self._target(app)
        )
        wait = self._ask("child", action)
        yield wait
        good, result = wait.value
        return json.loads(result) if good else f"child failed: {result}"

    def _detach(self, program: Program) -> None:
        _, app, instance_id, later, body = program
        action = ac.CreateDetached(
            id=self._next(),
            instance_id=instance_id,
            name=WORKFLOW,
            input=json.dumps(body, separators=(",", ":")),
            target=self._target(app),
            scheduled_at=self._now + round(later * 1e9) if later else None,
        )
        self._asked["detached", action.id] = action

    def _timer(self, seconds: float) -> Strand:
        wait = self._ask("timer", ac.CreateTimer(id=self._next(), fire_at=self._now + round(seconds * 1e9)))
        yield wait

    def _event(self, name: str, number: int) -> Strand:
        while True:
            held = self._events.get(name)
            if held:
                event = held.popleft()
            else:
                wait = Wait()
                self._waiting.setdefault(name, deque()).append(wait)
                yield wait
                event = wait.value
            found = json.loads(event.input)[0]
            # A higher number before this one: in a turn that the store will refuse (protocol.md 12), which must do no
            # harm; in one that it does not, the wait never ends.
            if found == number:
                return number
