"""A client of the API server: in a cluster by the pod's service account, elsewhere by a kubeconfig."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException

#: What a call of the client may end with, beside its answer.
FAILURES = (ApiException, aiohttp.ClientError, OSError, TimeoutError)
#: What the API server is given for one answer, in seconds.
REQUEST_S = 10.0


@asynccontextmanager
async def connected() -> AsyncIterator[ApiClient]:
    """Open a client; nothing is asked of the API server yet.

    Raises:
        config.ConfigException: there is neither a service account nor a kubeconfig.
    """
    configuration = Configuration()
    if "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ:
        config.load_incluster_config(client_configuration=configuration)
    else:
        await config.load_kube_config(client_configuration=configuration)
    # One connection for each writer, and a few for lease and listings.
    configuration.connection_pool_maxsize = 64
    async with ApiClient(configuration) as client:
        yield client


def said(error: BaseException) -> str:
    """Return what went wrong in one line."""
    if not isinstance(error, ApiException):
        return str(error) or type(error).__name__
    try:
        message = json.loads(error.body or "{}").get("message")
    except (ValueError, AttributeError):
        message = None
    return f"{error.status} {message or error.reason}"
