"""A client of the API server: in a cluster by the pod's service account, elsewhere by a kubeconfig."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

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
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # kubernetes'
    else:
        await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # kubernetes'
    # One connection for each writer, and a few for lease and listings.
    configuration.connection_pool_maxsize = 40
    async with ApiClient(configuration) as client:
        yield client
