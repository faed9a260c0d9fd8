"""Listing objects of ours, applying their statuses, and making, changing and deleting runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from kubernetes.aio.client import ApiClient, CustomObjectsApi, V1DeleteOptions, V1Preconditions
from kubernetes.aio.client.exceptions import ApiException

from antiphon_operator.kube.access import REQUEST_S
from antiphon_operator.settings import GROUP, MANAGER, VERSION

Body = Mapping[str, Any]

_APPLY = "application/apply-patch+yaml"
_PAGE = 500
_GONE = 404
#: The uid in our request is not that of the object: it was deleted and made again.
_CONFLICT = 409
_MERGE = "application/merge-patch+json"


class Objects:
    """Objects of our kinds, in the namespaces that are watched; no namespace means all."""

    def __init__(self, client: ApiClient, namespaces: Sequence[str]) -> None:
        self._custom = CustomObjectsApi(client)
        self._namespaces = namespaces

    async def all(self, plural: str) -> list[Body]:
        """List a kind of ours, page by page.

        Raises:
            ApiException, aiohttp.ClientError, TimeoutError: the API server does not answer, or refuses.
        """
        found: list[Body] = []
        for namespace in self._namespaces or (None,):
            following: str | None = None
            while following != "":
                page = await self._page(plural, namespace, following)
                found += page.get("items") or ()
                following = (page.get("metadata") or {}).get("continue") or ""
        return found

    async def _page(self, plural: str, namespace: str | None, following: str | None) -> Any:  # noqa: ANN401  (JSON)
        if namespace is None:
            return await self._custom.list_cluster_custom_object(
                GROUP, VERSION, plural, limit=_PAGE, _continue=following, _request_timeout=REQUEST_S
            )
        return await self._custom.list_namespaced_custom_object(
            GROUP, VERSION, namespace, plural, limit=_PAGE, _continue=following, _request_timeout=REQUEST_S
        )

    async def apply_status(self, plural: str, body: Body, status: Body) -> Body | None:
        """Make a status what it should be, and return the object; None when it is gone or another one of its name.

        Raises:
            ApiException, aiohttp.ClientError, TimeoutError: the API server does not answer, or refuses.
        """
        meta = body["metadata"]
        wanted = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": body["kind"],
            "metadata": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
            "status": status,
        }
        try:
            answer = await self._custom.patch_namespaced_custom_object_status(
                GROUP,
                VERSION,
                meta["namespace"],
                plural,
                meta["name"],
                wanted,
                field_manager=MANAGER,
                force=True,
                _content_type=_APPLY,
                _request_timeout=REQUEST_S,
            )
        except ApiException as error:
            if error.status in (_GONE, _CONFLICT):
                return None
            raise
        return answer if isinstance(answer, Mapping) else None

    async def create(self, plural: str, body: Body) -> Body | None:
        """Create an object, and return it; None when there is one of its name.

        Raises:
            ApiException, aiohttp.ClientError, TimeoutError: the API server does not answer, or refuses.
        """
        try:
            answer = await self._custom.create_namespaced_custom_object(
                GROUP,
                VERSION,
                body["metadata"]["namespace"],
                plural,
                body,
                field_manager=MANAGER,
                _request_timeout=REQUEST_S,
            )
        except ApiException as error:
            if error.status == _CONFLICT:
                return None
            raise
        return answer if isinstance(answer, Mapping) else None

    async def delete(self, plural: str, body: Body) -> None:
        """Delete an object, unless it is gone or another one of its name.

        Raises:
            ApiException, aiohttp.ClientError, TimeoutError: the API server does not answer, or refuses.
        """
        meta = body["metadata"]
        only = V1DeleteOptions(preconditions=V1Preconditions(uid=meta["uid"]), propagation_policy="Background")
        try:
            await self._custom.delete_namespaced_custom_object(
                GROUP, VERSION, meta["namespace"], plural, meta["name"], body=only, _request_timeout=REQUEST_S
            )
        except ApiException as error:
            if error.status not in (_GONE, _CONFLICT):
                raise

    async def set_finalizers(self, plural: str, body: Body, finalizers: Sequence[str]) -> Body | None:
        """Set the finalizers of an object that nobody has changed since, and return it; None when it is gone.

        Raises:
            ApiException, aiohttp.ClientError, TimeoutError: the API server does not answer, or refuses; also when
                somebody has changed the object.
        """
        # With its version, because a list is replaced as a whole: what others have added must not be lost.
        version = body["metadata"]["resourceVersion"]
        return await self._merge(plural, body, {"metadata": {"resourceVersion": version, "finalizers": [*finalizers]}})

    async def set_desired(self, plural: str, body: Body, desired: str) -> Body | None:
        """Set `spec.desired` of an object, and return it; None when it is gone.

        Raises:
            ApiException, aiohttp.ClientError, TimeoutError: the API server does not answer, or refuses.
        """
        only = {"metadata": {"uid": body["metadata"]["uid"]}, "spec": {"desired": desired}}
        return await self._merge(plural, body, only)

    async def _merge(self, plural: str, body: Body, change: Body) -> Body | None:
        meta = body["metadata"]
        try:
            answer = await self._custom.patch_namespaced_custom_object(
                GROUP,
                VERSION,
                meta["namespace"],
                plural,
                meta["name"],
                change,
                field_manager=MANAGER,
                _content_type=_MERGE,
                _request_timeout=REQUEST_S,
            )
        except ApiException as error:
            if error.status == _GONE:
                return None
            raise
        return answer if isinstance(answer, Mapping) else None
