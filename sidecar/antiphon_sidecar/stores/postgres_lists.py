"""How the PostgreSQL store answers the questions of a search, and reads the page that was found.

Used by `postgres` alone. Each answer is one statement with a snapshot of its own; a page that is found while rows come
and go has each instance that was there all the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from antiphon_sidecar.stores import search
from antiphon_sidecar.stores.base import InstanceFilter, InstanceRow
from antiphon_sidecar.stores.columns import INSTANCE, instance_row, listed
from antiphon_sidecar.stores.search import Count, Index, Pairs, Walk

#: What the statements are given: the names of `search.marks`, and of a question's ranges, place and bound.
_TYPES = {
    "namespace": "text",
    "app": "text",
    "statuses": "int[]",
    "name": "text",
    "since": "bigint",
    "until": "bigint",
    "ended": "boolean",
    "ended_since": "bigint",
    "ended_until": "bigint",
    "parent_app": "text",
    "parent": "text",
    "roots": "boolean",
    "prefix": "text",
    "prefix_end": "text",
    "waiting_on": "text",
    "waiting_for": "text",
    "tag_names": "text[]",
    "tag_values": "text[]",
    "ones": "text[]",
    "twos": "text[]",
    "place": "bigint",
    "place_id": "text",
    "place_app": "text",
    "most": "bigint",
}
_BEHIND = (
    "x.created_at <= {place} AND (x.created_at < {place} OR (x.instance_id || '', x.app) > ({place_id}, {place_app}))"
    " AND x.created_at >= {since}"
)
#: The table and WHERE of each index for a range `r.one`, `r.two`; `x` is the row that the index finds.
_SOURCES = {
    Index.STATUS: (
        "instances",
        f"x.namespace || '/' || x.app = r.namespace || '/' || r.one AND x.status = r.two::smallint AND {_BEHIND}",
    ),
    Index.NAME: (
        "instances",
        f"x.namespace || '/' || x.app = r.namespace || '/' || r.one AND x.name = r.two AND {_BEHIND}",
    ),
    Index.PARENT: (
        "instances",
        """x.namespace || '/' || x.parent_app COLLATE "C" || '/' || x.parent_instance COLLATE "C" """
        f"= r.namespace || '/' || r.one || '/' || r.two AND x.parent_instance IS NOT NULL AND {_BEHIND}",
    ),
    Index.WAITING: (
        "instances",
        f"x.namespace || '/' || x.waiting_on = r.namespace || '/' || r.one AND x.waiting_on IS NOT NULL AND {_BEHIND}",
    ),
    Index.TAG: (
        "tags",
        f"x.namespace || '/' || x.name = r.namespace || '/' || r.one AND x.value || '' = r.two AND {_BEHIND}",
    ),
    Index.TARGET: (
        "tasks",
        "x.namespace || '/' || x.target_app = r.namespace || '/' || r.one AND "
        + _BEHIND.replace("created_at", "instance_created_at"),
    ),
    Index.PREFIX: (
        "instances",
        "x.namespace = r.namespace AND x.app = r.one AND x.instance_id >= {prefix} AND x.instance_id < {prefix_end}",
    ),
    Index.COMPLETION: (
        "instances",
        "x.namespace || ' ended ' || x.app = r.namespace || ' ended ' || r.one AND x.status = r.two::smallint"
        " AND x.completed_at IS NOT NULL AND x.completed_at >= {ended_since} AND x.completed_at < {ended_until}",
    ),
}
#: Indexes of other tables than that of the instances.
_JOINED = (Index.TAG, Index.TARGET)
# No EXISTS on its own: the planner could read all of the other table once, to have it at hand.
_FITS = """({app} IS NULL OR i.app = {app})
  AND ({statuses} IS NULL OR i.status = ANY ({statuses}))
  AND ({name} IS NULL OR i.name = {name})
  AND i.created_at >= {since} AND i.created_at < {until}
  AND (NOT {ended} OR (i.completed_at >= {ended_since} AND i.completed_at < {ended_until}))
  AND ({parent} IS NULL OR (i.parent_app = {parent_app} AND i.parent_instance = {parent}))
  AND (NOT {roots} OR i.parent_instance IS NULL)
  AND ({prefix} = '' OR (i.instance_id >= {prefix} AND i.instance_id < {prefix_end}))
  AND ({waiting_on} IS NULL OR i.waiting_on = {waiting_on})
  AND ({waiting_for} IS NULL OR (SELECT true FROM {schema}.tasks t WHERE t.namespace = i.namespace
    AND t.app = i.app AND t.instance_id = i.instance_id AND t.incarnation = i.incarnation
    AND t.target_app = {waiting_for} LIMIT 1))
  AND (cardinality({tag_names}) = 0 OR 0 = (
    SELECT count(*) FROM unnest({tag_names}, {tag_values}) AS w(name, value) WHERE NOT EXISTS (
      SELECT FROM {schema}.tags t
      WHERE t.namespace || '/' || t.app || '/' || t.instance_id = i.namespace || '/' || i.app || '/' || i.instance_id
      AND t.incarnation = i.incarnation AND t.name = w.name AND t.value = w.value)))"""
_RANGES = "(SELECT {namespace} AS namespace, u.one, u.two FROM unnest({ones}, {twos}) AS u(one, two)) r"


class Lists:
    """The statements of one schema."""

    def __init__(self, schema: str) -> None:
        # One look-up for each (lane, status) that occurs. A lane is `namespace/app`, and "0" follows "/".
        self.pairs = f"""WITH RECURSIVE pairs (lane, status) AS (
              (SELECT i.namespace || '/' || i.app, i.status FROM {schema}.instances i
               WHERE i.namespace || '/' || i.app > $1 || '/' AND i.namespace || '/' || i.app < $1 || '0'
               ORDER BY i.namespace || '/' || i.app, i.status LIMIT 1)
              UNION ALL
              SELECT n.lane, n.status FROM pairs CROSS JOIN LATERAL (
                SELECT i.namespace || '/' || i.app AS lane, i.status FROM {schema}.instances i
                WHERE (i.namespace || '/' || i.app, i.status) > (pairs.lane, pairs.status)
                AND i.namespace || '/' || i.app < $1 || '0'
                ORDER BY i.namespace || '/' || i.app, i.status LIMIT 1) n)
            SELECT substr(lane, length($1) + 2), status FROM pairs"""
        self.counts = {index: _counting(schema, index) for index in Index}
        self.walks = {index: _walking(schema, index) for index in Index}
        self._rows = f"""SELECT {listed(INSTANCE, "i")} FROM unnest($2::text[], $3::text[])
            WITH ORDINALITY AS k(app, instance_id, ord) JOIN {schema}.instances i
            ON i.namespace = $1 AND i.app = k.app AND i.instance_id = k.instance_id ORDER BY k.ord"""

    async def page(
        self,
        connection: asyncpg.Connection,
        namespace: str,
        *,
        wanted: InstanceFilter,
        limit: int,
        after: bytes | None,
    ) -> tuple[list[InstanceRow], bytes | None]:
        """Find a page of a list and read it."""
        marks = search.marks(namespace, wanted)
        searching = search.page(wanted, limit=limit, after=after)
        try:
            question = next(searching)
            while True:
                question = searching.send(await self._answer(connection, namespace, question, marks))
        except StopIteration as end:
            found: search.Found = end.value
        if not found.places:
            return [], found.key
        apps, ids = [app for _, _, app in found.places], [instance_id for _, instance_id, _ in found.places]
        rows = await connection.fetch(self._rows, namespace, apps, ids)
        return [instance_row(tuple(values)) for values in rows], found.key

    async def _answer(
        self, connection: asyncpg.Connection, namespace: str, question: search.Question, marks: Mapping[str, Any]
    ) -> Any:  # noqa: ANN401 - as the question says
        match question:
            case Pairs():
                return [tuple(row) for row in await connection.fetch(self.pairs, namespace)]
            case Count():
                counting = self.counts[question.index]
                return await connection.fetchval(counting.text, *counting.arguments({**marks, **_asked(question)}))
            case Walk():
                walking = self.walks[question.index]
                rows = await connection.fetch(walking.text, *walking.arguments({**marks, **_asked(question)}))
                return [tuple(row) for row in rows]


def _asked(question: Count | Walk) -> dict[str, Any]:
    created_at, instance_id, app = question.after
    return {
        "ones": [one for one, _ in question.ranges],
        "twos": [two for _, two in question.ranges],
        "place": created_at,
        "place_id": instance_id,
        "place_app": app,
        "most": question.most,
    }


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and the names of its arguments, in their order."""

    text: str
    names: tuple[str, ...]

    def arguments(self, marks: Mapping[str, Any]) -> list[Any]:
        """Return the arguments."""
        return [marks[name] for name in self.names]


def _numbered(text: str, schema: str) -> Statement:
    """Number the arguments that a text names in braces, since PostgreSQL takes none that is not used."""
    names = tuple(name for name in _TYPES if f"{{{name}}}" in text)
    numbers = {name: f"${number}::{_TYPES[name]}" for number, name in enumerate(names, 1)}
    return Statement(text.format(schema=schema, **numbers), names)


def _counting(schema: str, index: Index) -> Statement:
    table, condition = _SOURCES[index]
    # In order, although only the number counts: it leaves the planner one index, whatever it knows about the table.
    text = (
        f"SELECT count(*) FROM (SELECT FROM {_RANGES} CROSS JOIN LATERAL"
        f" (SELECT FROM {{schema}}.{table} x WHERE {condition} {_order(index)} LIMIT {{most}}) c LIMIT {{most}}) c"
    )
    return _numbered(text, schema)


def _order(index: Index) -> str:
    """Return the order of a list in the words of the index."""
    if index in search.UNORDERED:
        return ""
    time = "instance_created_at" if index is Index.TARGET else "created_at"
    # Within the others' ranges there is one app.
    app = ", x.app || ''" if index in (Index.PARENT, Index.WAITING, *_JOINED) else ""
    return f"ORDER BY x.{time} DESC, x.instance_id || ''{app}"


def _walking(schema: str, index: Index) -> Statement:
    table, condition = _SOURCES[index]
    time = "instance_created_at" if index is Index.TARGET else "created_at"
    ordered = index not in search.UNORDERED
    inner = _order(index)
    outer = "ORDER BY x.place DESC, x.instance_id, x.app LIMIT {most}" if ordered else ""
    join, columns = "", f"x.{time} AS place, x.*"
    if index in _JOINED:
        join = (
            "LEFT JOIN {schema}.instances i ON i.namespace = x.namespace AND i.app = x.app"
            " AND i.instance_id = x.instance_id AND i.incarnation = x.incarnation"
        )
    fits = _FITS if join else _FITS.replace("i.", "x.")
    text = f"""SELECT x.place, x.instance_id, x.app, coalesce({fits}, false)
        FROM (SELECT x.* FROM {_RANGES} CROSS JOIN LATERAL (
          SELECT {columns} FROM {{schema}}.{table} x WHERE {condition} {inner} LIMIT {{most}}) x {outer}) x {join}"""
    if ordered:
        text += " ORDER BY x.place DESC, x.instance_id, x.app"
    return _numbered(text, schema)
