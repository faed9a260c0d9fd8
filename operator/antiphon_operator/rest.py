"""Requests to the Kubernetes API as JSON, for the webhook's cache and the keeper of certificates.

kubernetes.aio makes the connection and logs in. Its classes for objects are left out: they drop the fields that they
do not know, and what is read here is data for pure functions.
"""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import aiohttp
from kubernetes.aio import client

_TIMEOUT_S = 10.0
_PAGE = "500"
#: The server ends each watch after this time, and sends a sign of life at least once a minute.
_WATCH_S = 300
_SILENCE_S = 90.0
_JSON = "application/json"
_JSON_PATCH = "application/json-patch+json"

NOT_FOUND = 404
CONFLICT = 409
_GONE = 410


class RequestFailed(Exception):
    """The API server does not answer, or refuses; `status` is 0 when there was no answer."""

    def __init__(self, path: str, status: int, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.status = status


class TooOld(RequestFailed):
    """What changed since a version is not known any more: the list has to be read anew."""


@dataclass(frozen=True, slots=True)
class Listed:
    """All objects of a list, and the version after which changes follow."""

    version: str
    objects: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """An object as it is now, or as it was when it was deleted; `found` is None when only time has passed."""

    version: str
    found: Mapping[str, Any] | None
    deleted: bool = False


class Rest:
    """Sends requests by way of one client.

    Every method raises RequestFailed when the API server does not answer, or refuses.
    """

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    async def get(self, path: str, **query: str) -> Mapping[str, Any]:
        """Return an object."""
        return await self._answer("GET", path, query=query)

    async def find(self, path: str) -> Mapping[str, Any] | None:
        """Return an object, None when it does not exist."""
        try:
            return await self.get(path)
        except RequestFailed as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def create(self, path: str, found: Mapping[str, Any]) -> None:
        """Create an object below the path of its kind."""
        await self._answer("POST", path, body=found)

    async def replace(self, path: str, found: Mapping[str, Any]) -> None:
        """Replace an object; the version in it, when there is one, has to be the one that is there."""
        await self._answer("PUT", path, body=found)

    async def patch(self, path: str, operations: Sequence[Mapping[str, Any]]) -> None:
        """Change an object by the operations of a JSON patch."""
        await self._answer("PATCH", path, body=list(operations), content=_JSON_PATCH)

    async def list(self, path: str) -> Listed:
        """Return a whole list, read in pages."""
        objects: list[Mapping[str, Any]] = []
        query = {"limit": _PAGE}
        while True:
            page = await self.get(path, **query)
            objects.extend(page.get("items") or ())
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                return Listed(str(metadata.get("resourceVersion", "")), objects)
            query["continue"] = str(metadata["continue"])

    async def changes(self, path: str, version: str) -> AsyncGenerator[Change]:
        """Yield what changes after a version, until the server ends the watch.

        Raises:
            TooOld: the server no longer knows what changed since then.
            RequestFailed: the API server does not answer, refuses, or has fallen silent.
        """
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_S),
        }
        patience = aiohttp.ClientTimeout(total=None, sock_connect=_TIMEOUT_S, sock_read=_SILENCE_S)
        response = await self._open("GET", path, query=query, patience=patience)
        try:
            async with aclosing(_lines(response)) as lines:
                async for line in lines:
                    yield _change(path, json.loads(line))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise RequestFailed(path, 0, f"the watch broke off ({error!r})") from error
        finally:
            response.close()

    async def _answer(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content: str = _JSON,
    ) -> Mapping[str, Any]:
        patience = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        response = await self._open(method, path, query=query, body=body, content=content, patience=patience)
        try:
            found = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise RequestFailed(path, 0, f"the answer broke off ({error!r})") from error
        finally:
            response.release()
        if not isinstance(found, Mapping):
            raise RequestFailed(path, 0, "the answer is no object")
        return found

    async def _open(
        self,
        method: str,
        path: str,
        *,
        patience: aiohttp.ClientTimeout,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content: str = _JSON,
    ) -> aiohttp.ClientResponse:
        request = await self._api.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": _JSON, "Content-Type": content},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = await self._api.call_api(*request, _request_timeout=patience)
            response: aiohttp.ClientResponse = answer.response
            if not response.ok:
                text = (await response.text())[:200]
                response.release()
                raise (TooOld if response.status == _GONE else RequestFailed)(path, response.status, text)
        except (aiohttp.ClientError, TimeoutError, OSError, client.ApiException) as error:
            raise RequestFailed(path, 0, f"the API server does not answer ({error!r})") from error
        return response


async def _lines(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
    # Not `readline`: a line may be longer than the buffer of the connection.
    rest = b""
    async for chunk in response.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield line


def _change(path: str, event: Mapping[str, Any]) -> Change:
    kind, found = event["type"], event["object"]
    if kind == "ERROR":
        status = int(found.get("code", 0))
        raise (TooOld if status == _GONE else RequestFailed)(path, status, str(found.get("message")))
    version = str(found["metadata"]["resourceVersion"])
    return Change(version, None if kind == "BOOKMARK" else found, kind == "DELETED")
