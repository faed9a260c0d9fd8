"""Messages, states and turns for the engine's tests, in few words."""

from collections.abc import Sequence
from typing import Any

from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.actions import Action, Response
from antiphon_sidecar.engine.messages import Kind, Message, Outgoing, Row
from antiphon_sidecar.engine.result import Result, Scope, Stalled, end_turn
from antiphon_sidecar.engine.state import State, committed
from antiphon_sidecar.engine.turn import Turn, begin_turn

APP = "orders"
ID = "order-1"
NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
LIMIT = 4096


def ident(name: str) -> bytes:
    """Sixteen bytes that are readable in a failure."""
    return name.encode().ljust(16, b".")


RUN = ident("run-1")


def started(**over: Any) -> ev.ExecutionStarted:
    fields: dict[str, Any] = {
        "timestamp": NOW,
        "name": "ship",
        "instance_id": ID,
        "execution_id": "x0",
        "input": '"tea"',
        "route": ev.Route(APP, APP),
    }
    return ev.ExecutionStarted(**fields | over)


def start(run: bytes = RUN, *, events: Sequence[ev.Event] = (), **over: Any) -> Message:
    first = started(**over)
    return Message(Kind.START, Row.INBOX, (first, *events), run, run, first.execution_id)


def raised(name: str = "approval", *, message_id: str = "", at: int = NOW) -> Message:
    event = ev.EventRaised(at, name, "1")
    return Message(Kind.EVENT, Row.INBOX, (event,), ident(message_id or name), RUN)


def result(task_id: int, *, run: bytes = RUN, execution: str = "x0", row: Row = Row.TASK) -> Message:
    event = ev.TaskCompleted(NOW, task_id, "1")
    return Message(Kind.TASK_RESULT, row, (event,), ident(f"result-{task_id}"), run, execution, task_id)


def child_result(task_id: int, *, run: bytes = RUN, execution: str = "x0") -> Message:
    event = ev.ChildCompleted(NOW, task_id, "1")
    return Message(Kind.CHILD_RESULT, Row.INBOX, (event,), ident(f"child-{task_id}"), run, execution, task_id)


def fired(timer_id: int, at: int, *, run: bytes = RUN, execution: str = "x0") -> Message:
    event = ev.TimerFired(at, timer_id, at)
    return Message(Kind.TIMER, Row.TIMER, (event,), b"", run, execution, timer_id)


def control(event: ev.Control, message_id: str = "") -> Message:
    return Message(Kind.CONTROL, Row.INBOX, (event,), ident(message_id or type(event).__name__[:16]), RUN)


def suspend(message_id: str = "suspend", *, recurse: bool = False) -> Message:
    return control(ev.ExecutionSuspended(NOW, "why", recurse), message_id)


def resume(message_id: str = "resume", *, recurse: bool = False) -> Message:
    return control(ev.ExecutionResumed(NOW, "why", recurse), message_id)


def terminate(message_id: str = "terminate", *, output: str | None = '"bye"', recurse: bool = False) -> Message:
    return control(ev.ExecutionTerminated(NOW, output, recurse), message_id)


def read(sent: Outgoing) -> Message:
    """What was sent, as its receiver reads it from its inbox."""
    return Message(sent.kind, Row.INBOX, sent.events, sent.message_id, sent.incarnation, sent.execution_id, sent.ref_id)


def began(state: State | None, *messages: Message, now: int = NOW) -> Turn:
    turn = begin_turn(state, messages, now=now)
    assert turn is not None
    return turn


def scope() -> Scope:
    given = iter(range(1, 1000))
    return Scope(namespace="default", payload_bytes_max=LIMIT, new_execution_id=lambda: f"x{next(given)}")


def judged(turn: Turn, *actions: Action, now: int = NOW, **answer: Any) -> Result | Stalled:
    return end_turn(turn, Response(actions, **answer), now=now, scope=scope())


def ended(turn: Turn, *actions: Action, now: int = NOW, **answer: Any) -> Result:
    outcome = judged(turn, *actions, now=now, **answer)
    assert isinstance(outcome, Result)
    return outcome


def running(*actions: Action, now: int = NOW, **over: Any) -> State:
    """An instance whose first turn asked for these."""
    state = ended(began(None, start(**over), now=now), *actions, now=now).state
    committed(state, wrote_history=True)
    return state


def task(id: int = 1, name: str = "charge", **over: Any) -> ac.ScheduleTask:
    return ac.ScheduleTask(id, name, **over)


def child(id: int = 2, instance_id: str = "c1", **over: Any) -> ac.CreateChild:
    return ac.CreateChild(id, instance_id, "pack", **over)


def timer(id: int = 3, fire_at: int = NOW + 10 * SECOND) -> ac.CreateTimer:
    return ac.CreateTimer(id, fire_at)


def done(id: int = 9, result: str | None = '"ok"', status: ev.Status = ev.Status.COMPLETED) -> ac.Complete:
    return ac.Complete(id, status, result)


def again(id: int = 9, input: str | None = "2", *carryover: ev.EventRaised) -> ac.Complete:
    return ac.Complete(id, ev.Status.CONTINUED_AS_NEW, input, carryover=carryover)


def kinds(events: Sequence[ev.Event]) -> list[str]:
    return [type(event).__name__ for event in events]
