"""`antiphon-operator`: one image, two subcommands. `operator` reconciles, `webhook` answers admission requests."""

import argparse
import asyncio
import importlib
import os
import socket
import sys
from collections.abc import Sequence

from antiphon_operator.logs import log
from antiphon_operator.settings import (
    CertificateSettings,
    EtcdSettings,
    LeaseSettings,
    PeerSettings,
    Settings,
)

_ENVIRONMENT = "ANTIPHON_"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["webhook"]:
        # It brings its own flags, and needs none of what `operator` imports.
        return int(importlib.import_module("antiphon_operator.webhook.server").main(arguments[1:]) or 0)
    parsed = parser().parse_args(arguments)
    log(parsed.log_level)
    return _operate(settings(parsed))


def _operate(chosen: Settings) -> int:
    # Not above: the webhook, which runs from the same image, needs none of it.
    from antiphon_operator.clock import Clock
    from antiphon_operator.starting import Operator

    asyncio.run(Operator(chosen, Clock()).run())
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the flags; each can be given as an environment variable too."""
    whole = argparse.ArgumentParser(prog="antiphon-operator", description=__doc__)
    commands = whole.add_subparsers(dest="command", required=True)
    operator = commands.add_parser("operator", help="watch resources and etcd, write statuses and records")
    commands.add_parser("webhook", help="answer admission requests", add_help=False)
    add = _Flags(operator)
    add("--etcd", "URLs of etcd, with commas between them", required=True)
    add("--etcd-ca-file", "certificates that etcd's must be signed by")
    add("--etcd-cert-file", "this operator's certificate for etcd")
    add("--etcd-key-file", "the certificate's key")
    add("--etcd-user", "a user of etcd")
    add("--etcd-password-file", "a file with the user's password")
    add("--etcd-credentials-secret", "the Secret that sidecars reach etcd with, in each namespace of apps")
    add("--peer-ca-file", "certificates that those of sidecars must be signed by, where these speak TLS")
    add("--peer-cert-file", "this operator's certificate for sidecars")
    add("--peer-key-file", "the certificate's key")
    add("--watch-namespace", "a namespace to watch; repeats; none: all of the cluster", repeats=True)
    add("--lease-namespace", "where the lease is; default: POD_NAMESPACE, else default")
    add("--lease-name", "the lease that replicas of the operator agree by", default="antiphon-operator")
    add("--metrics-port", "port of /metrics, /livez and /readyz", default="8080")
    add("--certificates", "who makes the webhook's certificates: self-managed or none", default="none")
    add("--certificate-secret", "the Secret that holds them", default="antiphon-webhook-tls")
    add("--webhook-service", "the Service of the webhook", default="antiphon-webhook")
    add("--mutating-configuration", "the MutatingWebhookConfiguration that is given the CA")
    add("--validating-configuration", "the ValidatingWebhookConfiguration that is given the CA")
    add("--log-level", "debug, info, warning or error", default="info")
    return whole


class _Flags:
    """Adds flags whose defaults come from the environment."""

    def __init__(self, to: argparse.ArgumentParser) -> None:
        self._to = to

    def __call__(
        self, flag: str, text: str, *, default: str | None = None, required: bool = False, repeats: bool = False
    ) -> None:
        variable = _ENVIRONMENT + flag.removeprefix("--").replace("-", "_").upper()
        given = os.environ.get(variable, default)
        if repeats:
            # Its environment variable is read in `settings`: argparse would add flags to a default, and flags win.
            self._to.add_argument(flag, help=f"{text} ({variable}, with commas)", action="append")
        else:
            self._to.add_argument(flag, help=f"{text} ({variable})", default=given, required=required and not given)


def settings(parsed: argparse.Namespace) -> Settings:
    """Return the settings that flags and environment say.

    Raises:
        SystemExit: one of them has no meaning.
    """
    if parsed.certificates not in ("self-managed", "none"):
        raise SystemExit(f'--certificates is "{parsed.certificates}"; say self-managed or none')
    if not str(parsed.metrics_port).isdecimal():
        raise SystemExit(f'--metrics-port is "{parsed.metrics_port}"; say a number')
    watched = os.environ.get(f"{_ENVIRONMENT}WATCH_NAMESPACE", "")
    return Settings(
        identity=os.environ.get("POD_NAME") or f"{socket.gethostname()}-{os.getpid()}",
        etcd=EtcdSettings(
            endpoints=tuple(url.strip() for url in parsed.etcd.split(",") if url.strip()),
            ca_file=parsed.etcd_ca_file,
            cert_file=parsed.etcd_cert_file,
            key_file=parsed.etcd_key_file,
            user=parsed.etcd_user,
            password_file=parsed.etcd_password_file,
            sidecar_secret=parsed.etcd_credentials_secret or None,
        ),
        peers=PeerSettings(parsed.peer_ca_file, parsed.peer_cert_file, parsed.peer_key_file),
        lease=LeaseSettings(
            namespace=parsed.lease_namespace or os.environ.get("POD_NAMESPACE") or "default",
            name=parsed.lease_name,
        ),
        certificates=CertificateSettings(
            mode=parsed.certificates,
            secret=parsed.certificate_secret,
            service=parsed.webhook_service,
            mutating_configuration=parsed.mutating_configuration,
            validating_configuration=parsed.validating_configuration,
        ),
        namespaces=tuple(dict.fromkeys(parsed.watch_namespace or [each for each in watched.split(",") if each])),
        metrics_port=int(parsed.metrics_port),
    )


if __name__ == "__main__":
    raise SystemExit(main())
