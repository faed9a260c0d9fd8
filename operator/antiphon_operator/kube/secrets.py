"""Looking whether a Secret is there."""

from kubernetes.aio.client import ApiClient, CoreV1Api
from kubernetes.aio.client.exceptions import ApiException

from antiphon_operator.kube.access import REQUEST_S

_GONE = 404


class KubeSecrets:
    """Secrets of any namespace, of which only their being there is of interest."""

    def __init__(self, client: ApiClient) -> None:
        self._core = CoreV1Api(client)

    async def exists(self, namespace: str, name: str) -> bool:
        """Tell whether there is a Secret.

        Raises:
            ApiException, aiohttp.ClientError, TimeoutError: the API server does not answer, or refuses.
        """
        try:
            await self._core.read_namespaced_secret(name, namespace, _request_timeout=REQUEST_S)
        except ApiException as error:
            if error.status == _GONE:
                return False
            raise
        return True
