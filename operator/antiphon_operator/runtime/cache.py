"""Objects as they were last seen: by the watch, by a listing, or as the answer to a write of ours.

The three come in any order, so the newer resource version wins, and what was deleted does not come back by an older
listing.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from antiphon_operator.settings import PODS

Body = Mapping[str, Any]
#: Deleted objects that are remembered, by uid: more than go while one listing is under way.
_GONE_MOST = 10_000


class Cache:
    """All objects of the kinds that are watched."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, dict[str, Body]]] = defaultdict(lambda: defaultdict(dict))
        self._gone: OrderedDict[str, None] = OrderedDict()

    def put(self, plural: str, body: Body) -> bool:
        """Keep an object; tell whether it is another one, or newer than the one before."""
        meta = body["metadata"]
        uid = meta.get("uid", "")
        if uid in self._gone:
            return False
        objects = self._found[plural][meta["namespace"]]
        before = objects.get(meta["name"])
        if before is not None and before["metadata"].get("uid") == uid and not _newer(meta, before["metadata"]):
            return False
        objects[meta["name"]] = body
        return True

    def drop(self, plural: str, body: Body) -> bool:
        """Forget an object that was deleted; tell whether it was here."""
        meta = body["metadata"]
        uid = meta.get("uid", "")
        self._gone[uid] = None
        if len(self._gone) > _GONE_MOST:
            self._gone.popitem(last=False)
        objects = self._found[plural][meta["namespace"]]
        before = objects.get(meta["name"])
        if before is None or before["metadata"].get("uid") != uid:
            return False
        del objects[meta["name"]]
        return True

    def missing(self, plural: str, listed: Iterable[Body], *, since: frozenset[str]) -> list[Body]:
        """Return what a listing does not have; only of the objects, by uid, that were here before it was asked for."""
        there = {body["metadata"].get("uid") for body in listed}
        return [body for body in self.all(plural) if (uid := body["metadata"].get("uid")) in since and uid not in there]

    def uids(self, plural: str) -> frozenset[str]:
        """Return the uids of all objects of a kind."""
        return frozenset(body["metadata"].get("uid", "") for body in self.all(plural))

    def get(self, plural: str, namespace: str, name: str) -> Body | None:
        """Return an object as it was last seen."""
        return self._found[plural][namespace].get(name)

    def of(self, plural: str, namespace: str) -> list[Body]:
        """Return the objects of a namespace."""
        return list(self._found[plural][namespace].values())

    def all(self, plural: str) -> Iterator[Body]:
        """Yield the objects of all namespaces."""
        for objects in self._found[plural].values():
            yield from objects.values()

    def kinds(self) -> list[str]:
        """Return the kinds of which an object was seen, pods left out."""
        return sorted(plural for plural in self._found if plural != PODS)

    def namespaces(self, plural: str) -> set[str]:
        """Return the namespaces that have objects of a kind."""
        return {namespace for namespace, objects in self._found[plural].items() if objects}


def _newer(meta: Body, before: Body) -> bool:
    one, other = str(meta.get("resourceVersion", "")), str(before.get("resourceVersion", ""))
    if one.isdecimal() and other.isdecimal():
        return int(one) > int(other)
    return one != other
