"""A webhook that runs in this process: real TLS, real files, and an API server in memory that trusts or does not."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from antiphon_operator.certificates.keeper import Keeper, Pace, Place
from antiphon_operator.certificates.rotation import Terms
from antiphon_operator.rest import Rest
from antiphon_operator.webhook.options import WebhookOptions
from antiphon_operator.webhook.server import Webhook, open_webhook
from tests.apiserver import ApiServer, client_of, serving
from tests.ports import quiet_port
from tests.unit.certificates.clocks import now
from tests.unit.injection.examples import SETTINGS

PLACE = Place(
    namespace="antiphon",
    secret="antiphon-webhook-tls",
    service="antiphon-webhook",
    mutating="antiphon",
    validating="antiphon",
)
HOST = PLACE.names()[0]
WITHIN_S = 15


async def until(holds: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.01)


def configuration(kind: str, *paths: str) -> dict[str, Any]:
    """A webhook configuration of the chart, which leaves the bundle to the operator."""
    return {
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": "antiphon"},
        "webhooks": [
            {"name": path, "clientConfig": {"service": {"namespace": "antiphon", "name": "antiphon-webhook"}}}
            for path in paths
        ],
    }


@dataclass
class World:
    """A webhook, the API server that it reads, and the folder with its certificate."""

    api: ApiServer
    webhook: Webhook
    options: WebhookOptions
    keeper: Keeper

    @property
    def folder(self) -> Path:
        """Where the webhook's certificate is."""
        return self.options.certificate_directory

    def bundle(self) -> str:
        """Whom the API server trusts."""
        found = self.api.get("mutatingwebhookconfigurations", "antiphon")
        assert found is not None
        return base64.b64decode(found["webhooks"][0]["clientConfig"].get("caBundle", "")).decode()

    def secret(self) -> dict[str, Any]:
        """The Secret as it is now."""
        found = self.api.get("secrets", PLACE.secret, PLACE.namespace)
        assert found is not None
        return found

    def bring_certificate(self, seen: dict[str, Any] | None = None) -> None:
        """Do as the kubelet does: put all files of the Secret into a folder of their own, then turn a link to it."""
        secret = seen or self.secret()
        version = self.folder / f"..{secret['metadata']['resourceVersion']}"
        version.mkdir(exist_ok=True)
        for name, text in secret["data"].items():
            (version / name).write_bytes(base64.b64decode(text))
        link = self.folder / "..turned"
        link.symlink_to(version.name)
        link.replace(self.folder / "..data")
        for name in secret["data"]:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")

    def caller(self) -> ssl.SSLContext:
        """A TLS client that trusts whom the API server trusts now."""
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(cadata=self.bundle())
        return client

    async def post(self, path: str, body: bytes | dict[str, Any], tls: ssl.SSLContext | None = None) -> tuple[int, Any]:
        """Call the webhook as the API server does, on a connection of its own."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
            session.post(
                f"https://127.0.0.1:{self.options.port}{path}",
                data=data,
                headers={"Content-Type": "application/json"},
                ssl=tls or self.caller(),
                server_hostname=HOST,
            ) as answer,
        ):
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" else text

    async def probe(self, path: str) -> tuple[int, str]:
        """Ask a probe, or for metrics."""
        url = f"http://127.0.0.1:{self.options.metrics_port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.text()

    async def ready(self) -> None:
        """Wait until the webhook may be asked."""
        await until(lambda: self.webhook.unready() is None)


@asynccontextmanager
async def world(
    folder: Path, *, terms: Terms | None = None, version: str = "v1.34.4", certificate: bool = True
) -> AsyncIterator[World]:
    """A webhook whose certificate has been made, brought and told of."""
    async with serving(ApiServer(version=version)) as api, client_of(api) as client:
        api.put(configuration("Mutating", "pods", "namespaces"))
        api.put(configuration("Validating", "workflows"))
        keeper = Keeper(
            Rest(client),
            PLACE,
            now=now,
            monotonic=asyncio.get_running_loop().time,
            terms=terms or Terms(),
            pace=Pace(look_s=0.05, settle_s=0.2),
        )
        await keeper.step()
        options = WebhookOptions(
            injection=SETTINGS,
            port=quiet_port(),
            metrics_port=quiet_port(),
            certificate_directory=folder,
            mutating_configuration="antiphon",
            watch_namespaces=(),
        )
        async with open_webhook(options, client) as webhook:
            made = World(api, webhook, options, keeper)
            if certificate:
                made.bring_certificate()
                webhook.certificate.look()
            await webhook.look_at_trust("antiphon")
            yield made
