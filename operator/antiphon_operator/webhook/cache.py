"""What the webhook knows of the cluster: AppRegistrations, StateStores and Workflows, kept current.

Namespaces are not among them. Their labels are looked at by the API server, which sends pods as its configuration
selects them and has the newest labels, while a cache would now and then have older ones and miss a pod.

Each resource is read by a list and then followed by a watch. While the API server does not answer, what was read last
goes on being used.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Generic, TypeVar

from antiphon_operator.injection import Known, resources
from antiphon_operator.rest import RequestFailed, Rest, TooOld

logger = logging.getLogger(__name__)

_GROUP = "/apis/antiphon.dev/v1alpha1"
_REGISTRATIONS = "appregistrations"
_STORES = "statestores"
_WORKFLOWS = "workflows"
_AGAIN_S = 0.5
_AGAIN_MOST_S = 10.0

ViewT = TypeVar("ViewT")


class Collection(Generic[ViewT]):
    """Views of the objects of one resource, by namespace and name; `changed` is told the namespace of each change."""

    def __init__(self, read: Callable[[Mapping[str, Any]], ViewT], changed: Callable[[str], None]) -> None:
        self._read = read
        self._changed = changed
        self._views: dict[str, dict[str, ViewT]] = {}

    def of(self, namespace: str) -> tuple[ViewT, ...]:
        """Return what a namespace has, by name."""
        return tuple(view for _, view in sorted(self._views.get(namespace, {}).items()))

    def count(self) -> int:
        """Return how many objects there are."""
        return sum(map(len, self._views.values()))

    def replace(self, objects: Sequence[Mapping[str, Any]], *, scope: str | None) -> None:
        """Take a whole list, of one namespace or of all of them."""
        for namespace in [scope] if scope is not None else list(self._views):
            if self._views.pop(namespace, None) is not None:
                self._changed(namespace)
        for found in objects:
            self.put(found)

    def put(self, found: Mapping[str, Any]) -> None:
        """Take an object as it is now."""
        namespace, name = _place(found)
        try:
            view = self._read(found)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # An object that an older or newer schema let pass; all others stay readable.
            fields = {"namespace": namespace, "object": name, "error": repr(error)}
            logger.warning("a resource cannot be read", extra=fields)
            return
        self._views.setdefault(namespace, {})[name] = view
        self._changed(namespace)

    def drop(self, found: Mapping[str, Any]) -> None:
        """Forget an object."""
        namespace, name = _place(found)
        if self._views.get(namespace, {}).pop(name, None) is not None:
            self._changed(namespace)


class _Follower:
    """Keeps a collection current by one path: a resource of all namespaces, or of one."""

    def __init__(self, rest: Rest, path: str, collection: "Collection[Any]", *, scope: str | None) -> None:
        self.path = path
        self.read = False
        self._rest = rest
        self._collection = collection
        self._scope = scope
        self._version = ""

    async def run(self) -> None:
        """Read and follow, for ever."""
        again_s = _AGAIN_S
        while True:
            try:
                await self._follow()
                again_s = _AGAIN_S
            except TooOld:
                self._version = ""
            except RequestFailed as error:
                fields = {"path": self.path, "status": error.status, "error": str(error), "again_s": again_s}
                logger.warning("a resource is not read; trying again", extra=fields)
                await asyncio.sleep(again_s)
                again_s = min(2 * again_s, _AGAIN_MOST_S)

    async def _follow(self) -> None:
        if not self._version:
            listed = await self._rest.list(self.path)
            self._collection.replace(listed.objects, scope=self._scope)
            self._version = listed.version
            self.read = True
        async with aclosing(self._rest.changes(self.path, self._version)) as changes:
            async for change in changes:
                self._version = change.version
                if change.found is None:
                    continue
                if change.deleted:
                    self._collection.drop(change.found)
                else:
                    self._collection.put(change.found)


class Cache:
    """What is known of each namespace; `run` keeps it current."""

    def __init__(self, rest: Rest, *, namespaces: Sequence[str] = ()) -> None:
        self._built: dict[str, Known] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._registrations = Collection(resources.read_registration, self._changed)
        self._stores = Collection(resources.read_store, self._changed)
        self._workflows = Collection(resources.read_workflow, self._changed)
        self._followers = [*self._made(rest, namespaces)]

    def _made(self, rest: Rest, namespaces: Sequence[str]) -> Iterator[_Follower]:
        by_plural: dict[str, Collection[Any]] = {
            _REGISTRATIONS: self._registrations,
            _STORES: self._stores,
            _WORKFLOWS: self._workflows,
        }
        for plural, collection in by_plural.items():
            if not namespaces:
                yield _Follower(rest, f"{_GROUP}/{plural}", collection, scope=None)
            for namespace in namespaces:
                yield _Follower(rest, f"{_GROUP}/namespaces/{namespace}/{plural}", collection, scope=namespace)

    async def run(self) -> None:
        """Follow all resources until cancelled."""
        async with asyncio.TaskGroup() as group:
            for follower in self._followers:
                group.create_task(follower.run(), name=f"follow {follower.path}")

    def unread(self) -> str | None:
        """Return what has not been read yet, None when all has been."""
        missing = sorted({follower.path.rpartition("/")[2] for follower in self._followers if not follower.read})
        return ", ".join(missing) or None

    def counts(self) -> Mapping[str, int]:
        """Return how many objects there are of each resource."""
        return {
            _REGISTRATIONS: self._registrations.count(),
            _STORES: self._stores.count(),
            _WORKFLOWS: self._workflows.count(),
        }

    def known(self, namespace: str) -> Known:
        """Return what is known of a namespace; the same object until something changes."""
        built = self._built.get(namespace)
        if built is None:
            built = self._built[namespace] = Known(
                registrations=self._registrations.of(namespace),
                stores=self._stores.of(namespace),
                workflows=self._workflows.of(namespace),
            )
        return built

    async def news(self, namespace: str, *, after: Known, within_s: float) -> Known | None:
        """Wait for something else to be known of a namespace; None when nothing comes in time."""
        if self.known(namespace) is not after:
            return self.known(namespace)
        arrived = self._news.setdefault(namespace, asyncio.Event())
        try:
            async with asyncio.timeout(within_s):
                await arrived.wait()
        except TimeoutError:
            return None
        return self.known(namespace)

    def _changed(self, namespace: str) -> None:
        self._built.pop(namespace, None)
        arrived = self._news.pop(namespace, None)
        if arrived is not None:
            arrived.set()


def _place(found: Mapping[str, Any]) -> tuple[str, str]:
    metadata = found["metadata"]
    return metadata["namespace"], metadata["name"]
