"""The columns of the SQL stores' tables, in the order in which rows are written and read.

Used by `sqlite` and `postgres`, whose tables have one column for each field of the contract's rows, under the
same name, plus the namespace. Reading a row is then a call of its class, writing it one `attrgetter`.
"""

from dataclasses import fields
from operator import attrgetter
from typing import Any

from antiphon_sidecar.engine.events import TERMINAL
from antiphon_sidecar.stores.base import HistoryRow, InboxKind, InboxRow, InstanceRow, TaskRow, TimerRow

INSTANCE = tuple(each.name for each in fields(InstanceRow))
HISTORY = tuple(each.name for each in fields(HistoryRow))
INBOX = tuple(each.name for each in fields(InboxRow))
TASK = tuple(each.name for each in fields(TaskRow))
TIMER = tuple(each.name for each in fields(TimerRow))
#: What whoever inserts a message gives; the store gives the rest.
MESSAGE = INBOX[:-2]

instance_values = attrgetter(*INSTANCE)
history_values = attrgetter(*HISTORY)
message_values = attrgetter(*MESSAGE)
task_values = attrgetter(*TASK)
timer_values = attrgetter(*TIMER)

#: `status IN (...)` of runs that have ended.
FINISHED = "(" + ", ".join(str(int(status)) for status in sorted(TERMINAL)) + ")"


def listed(columns: tuple[str, ...], table: str = "") -> str:
    """Return columns as a select list, each with the table's name or alias before it when one is given."""
    prefix = f"{table}." if table else ""
    return ", ".join(prefix + column for column in columns)


def inbox_row(values: Any) -> InboxRow:  # noqa: ANN401 - a row of either driver
    """Return the message that a row of INBOX columns holds."""
    app, instance_id, slot, row_id, kind, *rest = values
    return InboxRow(app, instance_id, slot, row_id, InboxKind(kind), *rest)
