"""How the SQLite store answers the questions of a search, and reads the page that was found.

Used by `sqlite` alone, as jobs of the reader: a page is found and read in one state of the store.
"""

import heapq
import itertools
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from antiphon_sidecar.stores import search
from antiphon_sidecar.stores.base import InstanceFilter, InstanceRow
from antiphon_sidecar.stores.columns import INSTANCE, instance_row, listed
from antiphon_sidecar.stores.search import Count, Index, Pairs, Place, Range, Seen, Walk

# Two statements: for a comparison of (app, status) at once SQLite would read all entries of the app.
NEXT_STATUS = (
    "SELECT app, status FROM instances INDEXED BY instances_by_status"
    " WHERE namespace = ? AND app = ? AND status > ? ORDER BY status LIMIT 1"
)
NEXT_APP = (
    "SELECT app, status FROM instances INDEXED BY instances_by_status"
    " WHERE namespace = ? AND app > ? ORDER BY app, status LIMIT 1"
)
_READ = f"SELECT {listed(INSTANCE)} FROM instances WHERE namespace = ? AND app = ? AND instance_id = ?"
_BEHIND = (
    "x.{time} <= :place AND (x.{time} < :place OR (x.instance_id, x.app) > (:place_id, :place_app))"
    " AND x.{time} >= :since"
)
_OF_LIST = _BEHIND.format(time="created_at")
#: FROM and WHERE of each index for a range `:one`, `:two`; `x` is the row that the index finds.
_SOURCES = {
    Index.STATUS: (
        "instances x INDEXED BY instances_by_status",
        f"x.namespace = :namespace AND x.app = :one AND x.status = CAST(:two AS INTEGER) AND {_OF_LIST}",
    ),
    Index.NAME: (
        "instances x INDEXED BY instances_by_name",
        f"x.namespace = :namespace AND x.app = :one AND x.name = :two AND {_OF_LIST}",
    ),
    Index.PARENT: (
        "instances x INDEXED BY instances_by_parent",
        f"x.namespace = :namespace AND x.parent_app = :one AND x.parent_instance = :two AND {_OF_LIST}",
    ),
    Index.WAITING: (
        "instances x INDEXED BY instances_by_waiting",
        f"x.namespace = :namespace AND x.waiting_on = :one AND {_OF_LIST}",
    ),
    Index.TAG: (
        "tags x INDEXED BY tags_by_value",
        f"x.namespace = :namespace AND x.name = :one AND x.value = :two AND {_OF_LIST}",
    ),
    Index.TARGET: (
        "tasks x INDEXED BY tasks_by_target",
        "x.namespace = :namespace AND x.target_app = :one AND " + _BEHIND.format(time="instance_created_at"),
    ),
    Index.PREFIX: (
        "instances x",
        "x.namespace = :namespace AND x.app = :one AND x.instance_id >= :prefix AND x.instance_id < :prefix_end",
    ),
    Index.COMPLETION: (
        "instances x INDEXED BY instances_by_completion",
        "x.namespace = :namespace AND x.app = :one AND x.status = CAST(:two AS INTEGER)"
        " AND x.completed_at >= :ended_since AND x.completed_at < :ended_until",
    ),
}
#: Where an index is one of another table, how its row finds the instance.
_JOINS = {
    Index.TAG: "i.incarnation = x.incarnation",
    Index.TARGET: "i.incarnation = x.incarnation",
}
_FITS = """(:app IS NULL OR i.app = :app)
  AND (:statuses IS NULL OR i.status IN (SELECT value FROM json_each(:statuses)))
  AND (:name IS NULL OR i.name = :name)
  AND i.created_at >= :since AND i.created_at < :until
  AND (NOT :ended OR (i.completed_at >= :ended_since AND i.completed_at < :ended_until))
  AND (:parent IS NULL OR (i.parent_app = :parent_app AND i.parent_instance = :parent))
  AND (NOT :roots OR i.parent_instance IS NULL)
  AND (:prefix = '' OR (i.instance_id >= :prefix AND i.instance_id < :prefix_end))
  AND (:waiting_on IS NULL OR i.waiting_on = :waiting_on)
  AND (:waiting_for IS NULL OR EXISTS (SELECT 1 FROM tasks t WHERE t.namespace = i.namespace AND t.app = i.app
    AND t.instance_id = i.instance_id AND t.incarnation = i.incarnation AND t.target_app = :waiting_for))
  AND (:tags = '[]' OR NOT EXISTS (SELECT 1 FROM json_each(:tags) w WHERE NOT EXISTS (
    SELECT 1 FROM tags t INDEXED BY tags_by_instance WHERE t.namespace = i.namespace AND t.app = i.app
    AND t.instance_id = i.instance_id AND t.incarnation = i.incarnation
    AND t.name = json_extract(w.value, '$[0]') AND t.value = json_extract(w.value, '$[1]'))))"""


def page(
    connection: sqlite3.Connection, namespace: str, *, wanted: InstanceFilter, limit: int, after: bytes | None
) -> tuple[list[InstanceRow], bytes | None]:
    """Find a page of a list and read it."""
    marks = _marks(namespace, wanted)
    searching = search.page(wanted, limit=limit, after=after)
    try:
        question = next(searching)
        while True:
            question = searching.send(_answer(connection, question, marks))
    except StopIteration as end:
        found: search.Found = end.value
    rows = [
        instance_row(connection.execute(_READ, (namespace, app, instance_id)).fetchone())
        for _, instance_id, app in found.places
    ]
    return rows, found.key


def _marks(namespace: str, wanted: InstanceFilter) -> dict[str, Any]:
    marks = search.marks(namespace, wanted)
    names, values = marks.pop("tag_names"), marks.pop("tag_values")
    statuses = marks["statuses"]
    marks["statuses"] = None if statuses is None else json.dumps(statuses)
    marks["tags"] = json.dumps(list(zip(names, values, strict=True)))
    return marks


def _answer(connection: sqlite3.Connection, question: search.Question, marks: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as the question says
    match question:
        case Pairs():
            return _pairs(connection, marks["namespace"])
        case Count():
            return _count(connection, marks, question)
        case Walk():
            return _walk(connection, marks, walk=question)


def _pairs(connection: sqlite3.Connection, namespace: str) -> list[tuple[str, int]]:
    """Return the (app, status) pairs that occur, by one index look-up each."""
    found: list[tuple[str, int]] = []
    app, status = "", -1
    while True:
        row = connection.execute(NEXT_STATUS, (namespace, app, status)).fetchone()
        row = row or connection.execute(NEXT_APP, (namespace, app)).fetchone()
        if row is None:
            return found
        app, status = row
        found.append((app, status))


def _count(connection: sqlite3.Connection, marks: Mapping[str, Any], asked: Count) -> int:
    text, found = counting(asked.index), 0
    for each in asked.ranges:
        (more,) = connection.execute(text, _ranged(marks, each, asked.after, asked.most - found)).fetchone()
        found += more
        if found >= asked.most:
            break
    return found


def _walk(connection: sqlite3.Connection, marks: Mapping[str, Any], *, walk: Walk) -> list[Seen]:
    text = walking(walk.index)
    found = [connection.execute(text, _ranged(marks, each, walk.after, walk.most)) for each in walk.ranges]
    if walk.index in search.UNORDERED:
        return list(itertools.chain.from_iterable(found))
    # Each range is read only as far as the merged order needs it.
    return list(itertools.islice(heapq.merge(*found, key=lambda seen: (-seen[0], seen[1], seen[2])), walk.most))


def _ranged(marks: Mapping[str, Any], values: Range, after: Place, most: int) -> dict[str, Any]:
    one, two = values
    created_at, instance_id, app = after
    return {
        **marks,
        "one": one,
        "two": two,
        "place": created_at,
        "place_id": instance_id,
        "place_app": app,
        "most": most,
    }


def counting(index: Index) -> str:
    """Return the statement that counts a range of an index."""
    table, condition = _SOURCES[index]
    return f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {condition} LIMIT :most)"


def walking(index: Index) -> str:
    """Return the statement that walks a range of an index."""
    table, condition = _SOURCES[index]
    time = "instance_created_at" if index is Index.TARGET else "created_at"
    order = "" if index in search.UNORDERED else f"ORDER BY x.{time} DESC, x.instance_id, x.app"
    join = ""
    if index in _JOINS:
        join = (
            " LEFT JOIN instances i ON i.namespace = x.namespace AND i.app = x.app"
            f" AND i.instance_id = x.instance_id AND {_JOINS[index]}"
        )
    fits = _FITS if join else _FITS.replace("i.", "x.")
    return (
        f"SELECT x.{time}, x.instance_id, x.app, coalesce({fits}, 0) FROM {table}{join}"
        f" WHERE {condition} {order} LIMIT :most"
    )
