"""The columns of the SQL stores' tables, in the order in which rows are written and read.

Used by `sqlite` and `postgres`, whose tables have one column for each field of the contract's rows, under the
same name, plus the namespace. Reading a row is then a call of its class, writing it one `attrgetter`. An instance's
tags are JSON in its row, and rows of a table of their own, which is only there to be searched.
"""

import json
from collections.abc import Sequence
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

#: A tag is searched for only up to these lengths in bytes of UTF-8: a longer key would not fit into an index.
TAG_NAME_BYTES_MOST, TAG_VALUE_BYTES_MOST = 255, 1_000
#: The columns of the rows that searches by tag look at.
TAG = ("app", "instance_id", "incarnation", "name", "value", "created_at")

_TAGS_PLACE = INSTANCE.index("tags")
_plain_instance_values = attrgetter(*INSTANCE)
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


def instance_values(row: InstanceRow) -> tuple[Any, ...]:
    """Return what the columns of an instance's row hold."""
    values = _plain_instance_values(row)
    return (*values[:_TAGS_PLACE], packed_tags(row), *values[_TAGS_PLACE + 1 :])


def packed_tags(row: InstanceRow) -> str | None:
    """Return an instance's tags as its row holds them."""
    return json.dumps(row.tags) if row.tags else None


def instance_row(values: Sequence[Any]) -> InstanceRow:
    """Return the instance that a row of INSTANCE columns holds."""
    tags = values[_TAGS_PLACE]
    filled = [*values]
    filled[_TAGS_PLACE] = tuple((name, value) for name, value in json.loads(tags)) if tags else ()
    return InstanceRow(*filled)


def tag_values(row: InstanceRow) -> list[tuple[Any, ...]]:
    """Return the rows by which an instance's tags are found; what no index can hold has none."""
    return [
        (row.app, row.instance_id, row.incarnation, name, value, row.created_at)
        for name, value in row.tags
        if _fits(name, TAG_NAME_BYTES_MOST) and _fits(value, TAG_VALUE_BYTES_MOST)
    ]


def _fits(text: str, most: int) -> bool:
    return "\0" not in text and len(text.encode("utf-8", "surrogatepass")) <= most
