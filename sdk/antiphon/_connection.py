"""Where the sidecar is and how to reach it. Used by client and worker; opens nothing before it is asked."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import grpc
import grpc.aio

# Values may be large and the sidecar checks them; pings keep idle streams alive through what lies between.
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
)

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A sidecar's address as gRPC wants it."""

    target: str
    tls: bool
    metadata: Metadata

    def channel(self) -> grpc.aio.Channel:
        """Open a channel; it connects when first used."""
        if self.tls:
            return grpc.aio.secure_channel(self.target, grpc.ssl_channel_credentials(), _OPTIONS)
        return grpc.aio.insecure_channel(self.target, _OPTIONS)


def endpoint(address: str | None, api_token: str | None, environment: Mapping[str, str] | None = None) -> Endpoint:
    """Return the address given, or what the environment says, or the default port on this machine.

    Understands `host:port`, `http://` and `https://` URLs, `unix:/path`, and gRPC targets such as
    `dns:host:port?tls=true`.

    Raises:
        ValueError: the address has neither form.
    """
    environment = os.environ if environment is None else environment
    token = environment.get("DAPR_API_TOKEN") if api_token is None else api_token
    metadata: Metadata = (("dapr-api-token", token),) if token else ()
    target, tls = _parse(address or _from_environment(environment))
    return Endpoint(target, tls, metadata)


def _from_environment(environment: Mapping[str, str]) -> str:
    whole = environment.get("DAPR_GRPC_ENDPOINT")
    if whole:
        return whole
    port = environment.get("ANTIPHON_GRPC_PORT") or environment.get("DAPR_GRPC_PORT") or "50001"
    return f"127.0.0.1:{port}"


def _parse(address: str) -> tuple[str, bool]:
    if address.startswith(("http://", "https://")):
        url = urlsplit(address)
        if not url.hostname:
            raise ValueError(f"the sidecar's address {address!r} has no host")
        tls = url.scheme == "https"
        host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
        return f"{host}:{url.port or (443 if tls else 80)}", tls
    if address.startswith(("unix:", "unix-abstract:")):
        return address, False
    target, _, query = address.partition("?")
    tls = parse_qs(query).get("tls", ["false"])[0].lower() == "true"
    if not target or ":" not in target:
        raise ValueError(
            f"the sidecar's address {address!r} is not understood; use host:port, http(s)://host:port or unix:/path"
        )
    return target, tls
