"""Children sent to an app of which no replica is seen on this store.

Such a child gets a timer row of its own, in the commit that starts it, so that it is looked after across restarts:
when the timer fires and the app is still unknown, or is on another store or takes no calls from this app, the child's
START row is withdrawn and the call fails. These timers have ids below -1, which no workflow uses.
"""

from antiphon_names.hashing import slot_of
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine.events import ChildFailed, ExecutionStarted, Failure, TimerFired
from antiphon_sidecar.engine.ids import child_incarnation
from antiphon_sidecar.engine.messages import Kind, Message, Row
from antiphon_sidecar.engine.outcome import Call
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.stores.base import TimerRow


def child_check(started: ExecutionStarted, state: State, *, task_id: int, due_at: int) -> TimerRow:
    """Return the timer that looks after a child's start."""
    return TimerRow(
        app=state.app,
        instance_id=state.instance_id,
        slot=slot_of(state.instance_id),
        incarnation=state.incarnation,
        execution_id=state.execution_id,
        timer_id=-2 - task_id,
        due_at=due_at,
        payload=codec.pack([codec.seal(TimerFired(due_at, -2 - task_id, due_at)), codec.seal(started)]),
    )


def is_child_check(row: TimerRow) -> bool:
    """Tell whether a timer row looks after a child's start."""
    return row.timer_id < -1


def _started(row: TimerRow) -> ExecutionStarted:
    started = codec.unseal(codec.unpack(row.payload)[1])
    assert isinstance(started, ExecutionStarted)
    return started


def child_check_target(row: TimerRow) -> str:
    """Return the app that the child was sent to."""
    route = _started(row).route
    assert route is not None
    return route.target or route.source


def child_check_call(row: TimerRow) -> Call:
    """Return which call the child is."""
    return Call("workflow", _started(row).name, child_check_target(row), row.instance_id)


def is_withdrawal(message: Message) -> bool:
    """Tell whether a message withdraws a child: its row is the child's START row, of use to others if not to it."""
    return message.kind is Kind.CHILD_RESULT and message.message_id == child_incarnation(
        message.incarnation, message.execution_id, message.ref_id
    )


def withdrawn_child(row: TimerRow, failure: Failure, *, now: int) -> Message:
    """Return the message that withdraws a child: it takes effect only by deleting the START row (protocol.md 14)."""
    task_id = -2 - row.timer_id
    return Message(
        kind=Kind.CHILD_RESULT,
        row=Row.INBOX,
        events=(ChildFailed(now, task_id, failure),),
        message_id=child_incarnation(row.incarnation, row.execution_id, task_id),
        incarnation=row.incarnation,
        execution_id=row.execution_id,
        ref_id=task_id,
    )
