"""How a list of instances is found on indexes: which index to walk, how far, and what the page is.

Used by `sqlite` and `postgres`. Nothing here speaks SQL: `page` is a generator that yields what it wants to know and
is sent the answer, so that both stores, one in a thread and one over a network, search in the same way.

A filter of several conditions has one index walked, newest first, and the other conditions looked at row by row. Where
the choice is not obvious, the candidates' index entries are counted up to a bound, and one that has few is taken. A
page looks at a bounded number of rows, whatever fits, and its key says how far it came.
"""

import json
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from antiphon_sidecar.engine.events import TERMINAL
from antiphon_sidecar.stores.base import InstanceFilter

#: Rows that one page looks at.
EXAMINED_MOST = 4_000
#: An index with at most so many entries for a filter is as good as the filter's best.
FEW = 3_000
_LATEST = (1 << 63) - 1
_EARLIEST = -(1 << 63)


class Index(Enum):
    """What can be walked. A range of it is one or two values; all but the last two are in a list's order."""

    #: (app, status)
    STATUS = "status"
    #: (app, name)
    NAME = "name"
    #: (app, ID) of the parent
    PARENT = "parent"
    #: (code name, "")
    WAITING = "waiting"
    #: (name, value)
    TAG = "tag"
    #: (app that an activity waits for, "")
    TARGET = "target"
    #: (app, "") with the filter's prefix
    PREFIX = "prefix"
    #: (app, status) with the filter's times of completion
    COMPLETION = "completion"


UNORDERED = (Index.PREFIX, Index.COMPLETION)

Range = tuple[str, str]
#: (created_at, ID, app): the order of a list is by the first downwards, then by the others upwards.
Place = tuple[int, str, str]
#: A place that was looked at, and whether the instance there fits the filter.
Seen = tuple[int, str, str, bool]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Asks for the (app, status) pairs that occur, in order."""


@dataclass(frozen=True, slots=True)
class Count:
    """Asks for the number of index entries of these ranges; `most` stands for so many or more."""

    index: Index
    ranges: Sequence[Range]
    after: Place
    most: int


@dataclass(frozen=True, slots=True)
class Walk:
    """Asks for the first `most` places of these ranges behind `after`, in a list's order.

    Of UNORDERED ones: for all places, in any order.
    """

    index: Index
    ranges: Sequence[Range]
    after: Place
    most: int


@dataclass(frozen=True, slots=True)
class Found:
    """A page: where its instances are, and its key, None when it is the last one."""

    places: Sequence[Place]
    key: bytes | None


Question = Pairs | Count | Walk


def read_key(key: bytes | None) -> Place | None:
    """Return the place that a page's key names.

    Raises:
        ValueError: it is no such key.
    """
    if key is None:
        return None
    match json.loads(key):
        case [int(created_at), str(instance_id), str(app)] if _EARLIEST <= created_at <= _LATEST:
            return created_at, instance_id, app
        case _:
            raise ValueError("the key of a page has a time, an ID and an app")


def page(wanted: InstanceFilter, *, limit: int, after: bytes | None) -> Generator[Question, Any, Found]:
    """Find a page; the answers are those that the questions describe.

    Raises:
        ValueError: `after` is no key of a page.
    """
    place = _begin(wanted, read_key(after))
    candidates = _of_their_own(wanted)
    if not candidates or _asks_for_more(wanted):
        candidates += _of_lanes(wanted, (yield Pairs()))
    index, ranges = candidates[0]
    if len(candidates) > 1:
        index, ranges = yield from _choose(candidates, place)
    if index in UNORDERED:
        seen: list[Seen] = yield Walk(index, ranges, place, FEW)
        behind = [one for one in seen if _order(one) > _order(place)]
        return _found(sorted(set(behind), key=_order), limit, place, whole=True)
    return (yield from _walk(index, ranges, place, limit=limit, plain=len(candidates) == 1))


def _begin(wanted: InstanceFilter, after: Place | None) -> Place:
    """Return the place behind which a page begins; every ID follows the empty one."""
    latest = min(
        _LATEST if wanted.created_until is None else wanted.created_until - 1,
        # What ended before a time was made before it.
        _LATEST if wanted.completed_until is None else wanted.completed_until,
    )
    begin = (latest, "", "")
    return begin if after is None or _order(after) < _order(begin) else after


def _of_their_own(wanted: InstanceFilter) -> list[tuple[Index, list[Range]]]:
    """Return the indexes for the filter that hold all apps of a namespace, those likely to have few entries first."""
    found: list[tuple[Index, list[Range]]] = []
    if wanted.parent is not None:
        found.append((Index.PARENT, [wanted.parent]))
    if wanted.waiting_on is not None:
        found.append((Index.WAITING, [(wanted.waiting_on, "")]))
    found += [(Index.TAG, [tag]) for tag in dict.fromkeys(wanted.tags)]
    if wanted.waiting_for_app is not None:
        found.append((Index.TARGET, [(wanted.waiting_for_app, "")]))
    return found


def _asks_for_more(wanted: InstanceFilter) -> bool:
    """Tell whether one of the indexes by app could have fewer entries than those that hold all apps."""
    return bool(wanted.id_prefix or wanted.statuses or wanted.name is not None or _by_completion(wanted))


def _by_completion(wanted: InstanceFilter) -> bool:
    return wanted.completed_from is not None or wanted.completed_until is not None


def _of_lanes(wanted: InstanceFilter, pairs: Sequence[tuple[str, int]]) -> list[tuple[Index, list[Range]]]:
    """Return the indexes by app for the filter, those likely to have few entries first; the last is in a list's order.

    `pairs`: the apps and statuses that occur.
    """
    lanes = [
        (app, status)
        for app, status in pairs
        if (wanted.app is None or app == wanted.app) and (not wanted.statuses or status in wanted.statuses)
    ]
    apps = list(dict.fromkeys(app for app, _ in lanes))
    found: list[tuple[Index, list[Range]]] = []
    if wanted.id_prefix:
        found.append((Index.PREFIX, [(app, "") for app in apps]))
    if _by_completion(wanted):
        ended = [(app, str(status)) for app, status in lanes if status in TERMINAL]
        found.append((Index.COMPLETION, ended))
    if wanted.name is not None:
        found.append((Index.NAME, [(app, wanted.name) for app in apps]))
    if wanted.statuses or all(index in UNORDERED for index, _ in found):
        found.append((Index.STATUS, [(app, str(status)) for app, status in lanes]))
    return found


def _choose(
    candidates: Sequence[tuple[Index, list[Range]]], place: Place
) -> Generator[Question, Any, tuple[Index, list[Range]]]:
    """Return the first candidate with few entries, else the first that is in a list's order."""
    for index, ranges in candidates:
        count: int = yield Count(index, ranges, place, FEW + 1)
        if count <= FEW:
            return index, ranges
    return next(candidate for candidate in candidates if candidate[0] not in UNORDERED)


def _walk(
    index: Index, ranges: Sequence[Range], place: Place, *, limit: int, plain: bool
) -> Generator[Question, Any, Found]:
    """Walk until the page is full, in two steps: most pages are full soon."""
    # With several ranges each may be read as far as all of them together.
    budget = max(EXAMINED_MOST // max(len(ranges), 1), min(EXAMINED_MOST, 10 * (limit + 1)), limit + 1)
    step = limit + 1 if plain else min(4 * (limit + 1), budget)
    fitting: list[Seen] = []
    while True:
        seen: list[Seen] = yield Walk(index, ranges, place, step)
        fitting += [one for one in dict.fromkeys(seen) if one[3]]
        budget -= len(seen)
        whole = len(seen) < step
        if seen:
            place = seen[-1][:3]
        if whole or len(fitting) > limit or budget <= 0:
            return _found(fitting, limit, place, whole=whole)
        step = budget


def _found(seen: Iterable[Seen], limit: int, last: Place, *, whole: bool) -> Found:
    """Return the page of these rows. `whole`: there is nothing behind them; else it goes on behind `last`."""
    places = [one[:3] for one in seen if one[3]]
    if len(places) > limit:
        return Found(places[:limit], _key(places[limit - 1]))
    return Found(places, None if whole else _key(last))


def _order(place: Place | Seen) -> tuple[int, str, str]:
    return -place[0], place[1], place[2]


def _key(place: Place) -> bytes:
    return json.dumps(place).encode()


def marks(namespace: str, wanted: InstanceFilter) -> dict[str, Any]:
    """Return the arguments of the conditions that are looked at row by row, by name; None where any value fits."""
    parent_app, parent = wanted.parent or (None, None)
    return {
        "namespace": namespace,
        "app": wanted.app,
        "statuses": sorted({int(status) for status in wanted.statuses}) or None,
        "name": wanted.name,
        "since": _EARLIEST if wanted.created_from is None else wanted.created_from,
        "until": _LATEST if wanted.created_until is None else wanted.created_until,
        "ended": _by_completion(wanted),
        "ended_since": _EARLIEST if wanted.completed_from is None else wanted.completed_from,
        "ended_until": _LATEST if wanted.completed_until is None else wanted.completed_until,
        "parent_app": parent_app,
        "parent": parent,
        "roots": wanted.roots,
        "prefix": wanted.id_prefix,
        "prefix_end": _following(wanted.id_prefix),
        "waiting_on": wanted.waiting_on,
        "waiting_for": wanted.waiting_for_app,
        "tag_names": [name for name, _ in dict.fromkeys(wanted.tags)],
        "tag_values": [value for _, value in dict.fromkeys(wanted.tags)],
    }


def _following(prefix: str) -> str:
    """Return the first text that is behind all those with this prefix."""
    text = prefix.rstrip("\U0010ffff")
    if not text:
        return prefix + "\U0010ffff" * 256
    last = ord(text[-1]) + 1
    return text[:-1] + chr(0xE000 if 0xD800 <= last <= 0xDFFF else last)
