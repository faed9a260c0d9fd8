"""Flags of `antiphon-operator webhook`; each may stand in the environment instead: ANTIPHON_<FLAG IN CAPITALS>."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from antiphon_operator.injection import InjectionSettings
from antiphon_operator.logs import LEVELS

_PREFIX = "ANTIPHON_"
_LAST_PORT = 65535
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
REGISTRIES = ("operator", "none")


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """What the webhook's process is told."""

    injection: InjectionSettings
    port: int
    metrics_port: int
    certificate_directory: Path
    #: Name of the configuration that has to trust the certificate; none: nobody is asked.
    mutating_configuration: str | None
    #: Namespaces to look at; none: all of them.
    watch_namespaces: Sequence[str]
    log_level: str = "info"


def read(arguments: Sequence[str] | None, environment: Mapping[str, str] | None = None) -> WebhookOptions:
    """Read the flags of a command line, or of this process.

    Raises:
        SystemExit: they cannot be used; the usage has been printed.
    """
    given = os.environ if environment is None else environment
    parser = _parser(given)
    flags = parser.parse_args(arguments)
    if not flags.sidecar_image:
        parser.error("--sidecar-image has to name the image of the sidecar")
    if not flags.etcd:
        parser.error("--etcd has to name etcd's endpoints: sidecars of a cluster find each other by it")
    return WebhookOptions(
        injection=InjectionSettings(
            image=flags.sidecar_image,
            version=version_of(flags.sidecar_image),
            etcd=flags.etcd,
            etcd_credentials_secret=flags.etcd_credentials_secret or None,
            pull_policy=flags.sidecar_pull_policy,
            registry=flags.registry,
        ),
        port=flags.port,
        metrics_port=flags.metrics_port,
        certificate_directory=flags.certificate_directory,
        mutating_configuration=flags.mutating_configuration or None,
        log_level=flags.log_level,
        watch_namespaces=tuple(flags.watch_namespace or _several(given, "watch-namespace")),
    )


def version_of(image: str) -> str:
    """Return what an image's reference says of its release: the digest, else the tag."""
    name, _, digest = image.partition("@")
    return digest or name.rpartition("/")[2].partition(":")[2] or "latest"


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="antiphon-operator webhook", description="Give pods their sidecars, and check resources at admission."
    )

    def add(flag: str, help_: str, *, default: str = "", **more: object) -> None:
        value = environment.get(_variable(flag)) or default
        parser.add_argument(f"--{flag}", help=help_, default=value, **more)  # type: ignore[arg-type] # argparse's own

    add("port", "Port for the API server, over TLS.", default="9443", type=_port)
    add("metrics-port", "Port for /metrics, /livez and /readyz.", default="8080", type=_port)
    add("certificate-directory", "Where tls.crt and tls.key are.", default="/certs", type=Path)
    add("sidecar-image", "Image of the sidecar.")
    add("sidecar-pull-policy", "When that is pulled.", default="IfNotPresent", choices=PULL_POLICIES)
    add("etcd", "etcd's endpoints as sidecars reach them, http(s)://host:2379,...")
    add("etcd-credentials-secret", "Secret in each app's namespace with ca.crt, tls.crt, tls.key, username, password.")
    add("mutating-configuration", "MutatingWebhookConfiguration that has to trust the certificate.")
    add("registry", "Who writes what sidecars know of all apps.", default="operator", choices=REGISTRIES)
    add("log-level", "Least severity of logs.", default="info", choices=LEVELS)
    parser.add_argument(
        "--watch-namespace",
        action="append",
        metavar="NAMESPACE",
        help="Namespace to look at; repeats, or has commas in the environment. Without it: all of them.",
    )
    return parser


def _variable(flag: str) -> str:
    return f"{_PREFIX}{flag.upper().replace('-', '_')}"


def _several(environment: Mapping[str, str], flag: str) -> list[str]:
    return [name.strip() for name in environment.get(_variable(flag), "").split(",") if name.strip()]


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f'"{text}" is no port from 0 to {_LAST_PORT}')
    return int(text)
