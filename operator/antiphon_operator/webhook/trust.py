"""Whether the API server trusts the certificate in use: a handshake in memory, as it would do it.

Pure but for the TLS library: what the live webhook configuration says comes as an argument.
"""

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

#: A handshake needs two round trips at most.
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Trusted:
    """Whom a webhook configuration trusts for one of its webhooks, and the name under which it calls that."""

    webhook: str
    host: str
    #: Certificates in PEM; empty when nobody has written them yet.
    bundle: str


def read(configuration: Mapping[str, Any]) -> list[Trusted]:
    """Read whom a webhook configuration trusts."""
    return [
        Trusted(str(webhook.get("name")), _host(client), _bundle(client))
        for webhook in configuration.get("webhooks") or ()
        for client in (webhook.get("clientConfig") or {},)
    ]


def untrusted(server: ssl.SSLContext, trusted: Trusted) -> str | None:
    """Return why a client with this bundle would not speak to the server, None if it would."""
    if not trusted.bundle:
        return f"webhook {trusted.webhook} has no caBundle yet"
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        client.load_verify_locations(cadata=trusted.bundle)
        _shake_hands(client, server, trusted.host)
    except ssl.SSLCertVerificationError as error:
        return f"the caBundle of webhook {trusted.webhook} does not vouch for {trusted.host}: {error.verify_message}"
    except (ssl.SSLError, ValueError) as error:
        return f"the caBundle of webhook {trusted.webhook} cannot be used: {error}"
    return None


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> None:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(to_client, to_server, server_hostname=host)
    called = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(_ROUNDS):
        # The client's end decides. The server's may go on waiting for what TLS 1.3 sends after that.
        if _step(caller):
            return
        _step(called)
    raise ssl.SSLError("the handshake does not end")


def _step(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _host(client: Mapping[str, Any]) -> str:
    service = client.get("service")
    if service is None:
        return urlsplit(str(client.get("url", ""))).hostname or ""
    return f"{service['name']}.{service['namespace']}.svc"


def _bundle(client: Mapping[str, Any]) -> str:
    return base64.b64decode(client.get("caBundle") or "").decode("ascii", errors="replace")
