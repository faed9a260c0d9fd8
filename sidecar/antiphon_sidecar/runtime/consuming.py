"""Which rows a turn uses up: those whose deletion lets its messages take effect, and those that only go."""

from antiphon_sidecar.engine import result as rs
from antiphon_sidecar.engine.ids import TaskRef, result_row_id
from antiphon_sidecar.engine.messages import Kind, Message, Row
from antiphon_sidecar.runtime import childchecks
from antiphon_sidecar.runtime.lane import Meanwhile


class Consumed:
    """The rows of one turn.

    `fast`: a message came without an inbox or timer row, so that it must not overtake unread rows (protocol.md 12). Nor
    must a call that has no effect: a resume may find nothing to resume because the suspend has not been read.
    `begun`: the turn begins a run whose rows were written while it was under way.
    """

    __slots__ = ("begun", "discarded", "fast", "inbox", "tasks", "timers")

    def __init__(self) -> None:
        self.inbox: list[bytes] = []
        self.tasks: list[TaskRef] = []
        self.timers: list[TaskRef] = []
        self.discarded: list[bytes] = []
        self.fast = False
        self.begun = False


def consumed(result: rs.Result, meanwhile: Meanwhile) -> Consumed:
    """Go through a turn's messages once."""
    turn, found = result.turn, Consumed()
    for message in turn.consumed:
        _take(found, result, message, meanwhile)
    for message in turn.discarded:
        match message.row:
            case Row.INBOX if not childchecks.is_withdrawal(message):
                found.discarded.append(message.message_id)
            case Row.TIMER:
                found.timers.append(_ref(result, message))
            case Row.NONE:
                found.fast = True
    found.inbox += [message.message_id for message in turn.rejected if message.row is Row.INBOX]
    return found


def _take(found: Consumed, result: rs.Result, message: Message, meanwhile: Meanwhile) -> None:
    match message.row:
        case Row.INBOX:
            found.inbox.append(message.message_id)
        case Row.TASK:
            found.fast = True
            if message.ref_id in meanwhile.replaced:
                found.inbox.append(result_row_id(message.incarnation, message.execution_id, message.ref_id))
            else:
                found.tasks.append(_ref(result, message))
        case Row.TIMER:
            found.timers.append(_ref(result, message))
        case Row.NONE:
            found.fast = True
            if message.kind is Kind.START and message.message_id in meanwhile.written:
                found.begun = True
                found.inbox.append(message.message_id)


def _ref(result: rs.Result, message: Message) -> TaskRef:
    return TaskRef(result.state.app, result.state.instance_id, message.execution_id, message.ref_id)
