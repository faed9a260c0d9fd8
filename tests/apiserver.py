"""An API server of Kubernetes in memory, for what depends on its lists, watches and versions; it checks no object.

The real one is in tests/e2e. This one can be told to fail, to forget what has changed, and to hang up.
"""

import asyncio
import copy
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jsonpatch
from aiohttp import web
from kubernetes.aio import client

from tests.ports import quiet_port

_KINDS = {
    "AppRegistration": "appregistrations",
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
    "Namespace": "namespaces",
    "Secret": "secrets",
    "StateStore": "statestores",
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
    "Workflow": "workflows",
}
Key = tuple[str, str, str]


@dataclass
class ApiServer:
    """Objects by resource, namespace and name; every change has a version and wakes the watches."""

    version: str = "v1.34.4"
    #: Status with which requests are answered while it is set.
    failing: int | None = None
    #: Objects in one answer to a list.
    page: int = 3
    url: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    _objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    _events: list[tuple[int, str, Key, dict[str, Any]]] = field(default_factory=list)
    _versions: Any = field(default_factory=lambda: itertools.count(1))
    _last: int = 0
    _oldest: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)
    _watches: set[asyncio.Task[Any]] = field(default_factory=set)

    def put(self, found: dict[str, Any]) -> dict[str, Any]:
        """Create or replace an object, as any other client may."""
        kept = copy.deepcopy(found)
        key = _key(kept)
        kept["metadata"]["resourceVersion"] = self._changed("MODIFIED" if key in self._objects else "ADDED", key, kept)
        self._objects[key] = kept
        return kept

    def delete(self, found: dict[str, Any]) -> None:
        """Delete an object."""
        key = _key(found)
        gone = self._objects.pop(key)
        gone["metadata"]["resourceVersion"] = self._changed("DELETED", key, gone)

    def get(self, plural: str, name: str, namespace: str = "") -> dict[str, Any] | None:
        """An object as it is now."""
        found = self._objects.get((plural, namespace, name))
        return None if found is None else copy.deepcopy(found)

    def forget(self) -> None:
        """Let no watch go on from a version before now, and end those that run."""
        self._oldest = self._last + 1
        self._changed("BOOKMARK", ("", "", ""), {"metadata": {}})
        self.hang_up()

    def hang_up(self) -> None:
        """End all watches."""
        for watch in self._watches:
            watch.cancel()

    def watches(self) -> int:
        """How many watches there are."""
        return len(self._watches)

    def _changed(self, kind: str, key: Key, found: dict[str, Any]) -> str:
        self._last = next(self._versions)
        self._events.append((self._last, kind, key, found))
        self._moved.set()
        self._moved = asyncio.Event()
        return str(self._last)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        self.requests.append((request.method, request.path))
        if self.failing is not None:
            return web.json_response({"message": "failing"}, status=self.failing)
        if request.path == "/version":
            major, minor, _ = self.version.removeprefix("v").split(".", 2)
            return web.json_response({"major": major, "minor": minor, "gitVersion": self.version})
        plural, namespace, name = _taken_apart(request.path)
        if "watch" in request.query:
            return await self._watch(request, plural, namespace)
        if not name and request.method == "GET":
            return self._list(plural, namespace, int(request.query.get("continue", "0")))
        return await self._one(request, (plural, namespace, name))

    def _list(self, plural: str, namespace: str, begin: int) -> web.Response:
        items = [found for key, found in self._objects.items() if _within(key, plural, namespace)]
        end = begin + self.page
        metadata = {"resourceVersion": str(self._last), "continue": str(end) if end < len(items) else ""}
        return web.json_response({"metadata": metadata, "items": items[begin:end]})

    async def _one(self, request: web.Request, key: Key) -> web.Response:
        body = await request.json() if request.method != "GET" else None
        if request.method == "POST":
            body["metadata"].setdefault("namespace", key[1])
            if _key(body) in self._objects:
                return web.json_response({"message": "already exists"}, status=409)
            return web.json_response(self.put(body), status=201)
        found = self._objects.get(key)
        if found is None:
            return web.json_response({"message": "not found"}, status=404)
        if request.method == "PUT":
            if body["metadata"].get("resourceVersion") not in (None, found["metadata"]["resourceVersion"]):
                return web.json_response({"message": "conflict"}, status=409)
            return web.json_response(self.put(body))
        if request.method == "PATCH":
            assert request.content_type == "application/json-patch+json"
            try:
                return web.json_response(self.put(jsonpatch.apply_patch(found, body)))
            except jsonpatch.JsonPatchException as error:
                return web.json_response({"message": str(error)}, status=422)
        return web.json_response(found)

    async def _watch(self, request: web.Request, plural: str, namespace: str) -> web.StreamResponse:
        seen = int(request.query["resourceVersion"])
        response = web.StreamResponse()
        await response.prepare(request)
        if seen < self._oldest - 1:
            await _send(response, "ERROR", {"code": 410, "message": "too old"})
            return response
        task = asyncio.current_task()
        assert task is not None
        self._watches.add(task)
        try:
            while True:
                moved = self._moved
                for version, kind, key, found in self._events:
                    if version > seen and (_within(key, plural, namespace) or kind == "BOOKMARK"):
                        found["metadata"].setdefault("resourceVersion", str(version))
                        await _send(response, kind, found)
                        seen = version
                await moved.wait()
        except asyncio.CancelledError:
            return response
        finally:
            self._watches.discard(task)


@asynccontextmanager
async def serving(server: ApiServer | None = None) -> AsyncIterator[ApiServer]:
    """An API server that can be reached."""
    served = server or ApiServer()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", served.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = quiet_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    served.url = f"http://127.0.0.1:{port}"
    try:
        yield served
    finally:
        served.hang_up()
        await runner.cleanup()


@asynccontextmanager
async def client_of(served: ApiServer) -> AsyncIterator[client.ApiClient]:
    """A client of an API server."""
    settings = client.Configuration()
    settings.host = served.url
    async with client.ApiClient(settings) as api:
        yield api


async def _send(response: web.StreamResponse, kind: str, found: dict[str, Any]) -> None:
    await response.write(json.dumps({"type": kind, "object": found}).encode() + b"\n")


def _key(found: dict[str, Any]) -> Key:
    metadata = found["metadata"]
    return _KINDS[found["kind"]], metadata.get("namespace", ""), metadata["name"]


def _within(key: Key, plural: str, namespace: str) -> bool:
    return key[0] == plural and namespace in ("", key[1])


def _taken_apart(path: str) -> Key:
    """The resource, namespace and name that a path is about."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if rest[0] == "namespaces" and len(rest) > 2:
        _, namespace, plural, *name = rest
        return plural, namespace, name[0] if name else ""
    plural, *name = rest
    return plural, "", name[0] if name else ""
