"""What workflow code awaits, and the strands of code that await it. Used by _commands and _replay.

A Task is settled by an event of the history, never by a clock or a thread; a Strand is one coroutine of
a workflow, resumed in the order in which its tasks were settled. No asyncio anywhere.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from antiphon import _guard
from antiphon.errors import WaitCancelled, WorkflowRuleBroken

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class ContinueAsNew(BaseException):
    """Passes through user code to the end of the workflow; not an Exception, so that none catches it."""

    def __init__(self, *, input: str | None, keep_events: bool) -> None:
        super().__init__()
        self.input = input
        self.keep_events = keep_events


class Evicted(BaseException):
    """Raised in workflow code that runs on after its execution was dropped from memory."""


class Task(Generic[T]):
    """A call under way. Await it once, often or never; it began when it was made.

    Awaiting it a second time gives the same result, or raises the same error, at once.
    """

    __slots__ = ("_callbacks", "_done", "_error", "_give_up", "_label", "_loop", "_value")

    def __init__(self, loop: "Loop", label: str) -> None:
        self._loop = loop
        self._label = label
        self._done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._give_up: Callable[[], object] | None = None

    @property
    def done(self) -> bool:
        """Whether it has a result or an error."""
        return self._done

    @property
    def error(self) -> BaseException | None:
        """What awaiting it raises, once it is done; None when it succeeded or is under way."""
        return self._error

    def result(self) -> T:
        """Return the result of a task that is done.

        Raises:
            RuntimeError: it is still under way; await it instead.
        """
        if not self._done:
            raise RuntimeError(f"{self._label} is still under way; await it")
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self._value  # type: ignore[return-value]  # settled by a T

    def cancel(self) -> bool:
        """Give up a wait for an event or a time: an event that comes later is for the next wait for its name.

        Awaiting it then raises WaitCancelled. Returns False for what is done, and for all other tasks, which go on.
        """
        if self._done or self._give_up is None:
            return False
        self._give_up()
        self.fail(WaitCancelled(f"{self._label} was given up"))
        return True

    def __await__(self) -> Generator[Any, None, T]:
        if not self._done:
            yield self
        return self.result()

    def __repr__(self) -> str:
        return f"<Task {self._label}, {'done' if self._done else 'under way'}>"

    def settle(self, value: T) -> None:
        """Give it its result; a task is settled once, and later calls do nothing."""
        if not self._done:
            self._value = value
            self._finish()

    def fail(self, error: BaseException) -> None:
        """Give it its error; a task is settled once, and later calls do nothing."""
        if not self._done:
            self._error = error
            self._finish()

    def when_done(self, callback: Callable[[], None]) -> None:
        """Call back when it is settled, at once when it is already."""
        if self._done:
            callback()
        else:
            self._callbacks.append(callback)

    def can_be_given_up(self, give_up: Callable[[], object]) -> None:
        """Let `cancel` end it, calling this first."""
        self._give_up = give_up

    def belongs_to(self, loop: "Loop") -> bool:
        """Whether this instance made it."""
        return self._loop is loop

    def _finish(self) -> None:
        self._done = True
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()


class Loop:
    """The strands of one execution that can go on, first woken first."""

    __slots__ = ("_ready", "closed", "signal", "strands", "workflow")

    def __init__(self, workflow: str) -> None:
        self.workflow = workflow
        self.signal: ContinueAsNew | None = None
        self.closed = False
        self.strands: list[Strand] = []
        self._ready: deque[Strand] = deque()

    def start(self, coroutine: Coroutine[Any, None, T], label: str) -> Task[T]:
        """Begin a coroutine; it runs when `run` comes to it."""
        strand = Strand(self, coroutine, label)
        self.strands.append(strand)
        self._ready.append(strand)
        return strand.task

    def wake(self, strand: "Strand") -> None:
        """Let a strand go on when `run` comes to it."""
        self._ready.append(strand)

    def run(self, main: Task[Any]) -> None:
        """Run strands until all wait, `main` is done, or one has signalled the generation's end."""
        if not self._ready:
            return
        with _guard.workflow_code(self.workflow):
            while self._ready and self.signal is None and not main.done:
                self._ready.popleft().step()

    def close(self) -> None:
        """Drop the user's code; what its finally blocks ask for from here on has no effect."""
        self.closed = True
        self._ready.clear()
        with _guard.workflow_code(self.workflow):
            for strand in self.strands:
                strand.close()
        self.strands.clear()


class Strand:
    """One coroutine of a workflow: its main function, or one given to gather or wait_first."""

    __slots__ = ("_coroutine", "_loop", "task")

    def __init__(self, loop: Loop, coroutine: Coroutine[Any, None, Any], label: str) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self.task: Task[Any] = Task(loop, label)

    def step(self) -> None:
        """Resume until it waits for a task of this instance that is not settled yet, or ends."""
        coroutine = self._coroutine
        fault: WorkflowRuleBroken | None = None
        while True:
            try:
                awaited = coroutine.throw(fault) if fault else coroutine.send(None)
            except StopIteration as end:
                self.task.settle(end.value)
                break
            except ContinueAsNew as signal:
                self._loop.signal = signal
                break
            except (KeyboardInterrupt, Evicted):
                raise
            except BaseException as error:  # noqa: BLE001  (outermost frame of the user's code)
                self.task.fail(error)
                break
            if isinstance(awaited, Task) and awaited.belongs_to(self._loop):
                awaited.when_done(self._wake)
                return
            fault = _guard.foreign_awaitable(awaited, self._loop.workflow)
        self._loop.strands.remove(self)

    def close(self) -> None:
        """End the coroutine where it stands, letting its finally blocks run without effect."""
        try:
            self._coroutine.close()
        except (Exception, Evicted):  # noqa: BLE001  (outermost frame of the user's code)
            # Whatever its finally blocks raise, nobody waits for this run any more.
            return

    def _wake(self) -> None:
        self._loop.wake(self)


def as_task(loop: Loop, awaitable: Awaitable[T]) -> Task[T]:
    """Return a task of this instance as it is, and begin a coroutine as a strand of its own.

    Raises:
        WorkflowRuleBroken: it is neither.
    """
    if isinstance(awaitable, Task) and awaitable.belongs_to(loop):
        return awaitable
    if isinstance(awaitable, Coroutine):
        return loop.start(awaitable, getattr(awaitable, "__qualname__", "coroutine"))
    raise _guard.foreign_awaitable(awaitable, loop.workflow)


def gathered(loop: Loop, tasks: list[Task[Any]], *, return_exceptions: bool) -> Task[list[Any]]:
    """Return a task with all results in the order given; the first error ends it unless they are results."""
    whole: Task[list[Any]] = Task(loop, f"gather of {len(tasks)}")
    missing = len(tasks)

    def note(task: Task[Any]) -> Callable[[], None]:
        def settled() -> None:
            nonlocal missing
            missing -= 1
            if task.error is not None and not return_exceptions:
                whole.fail(task.error)
            elif missing == 0:
                whole.settle([part.error or part.result() for part in tasks])

        return settled

    for task in tasks:
        task.when_done(note(task))
    if not tasks:
        whole.settle([])
    return whole


def first(loop: Loop, tasks: list[Task[Any]]) -> Task[Task[Any]]:
    """Return a task whose result is the task that was settled first."""
    whole: Task[Task[Any]] = Task(loop, f"first of {len(tasks)}")
    for task in tasks:
        task.when_done(lambda task=task: whole.settle(task))  # type: ignore[misc]  # binds the loop variable
    return whole
