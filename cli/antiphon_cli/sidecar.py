"""`antiphon sidecar`: one app, one process; what a pod runs beside the app."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import click

from antiphon_cli import hosting, logs, output, ports
from antiphon_cli.failures import Misused, Refused
from antiphon_cli.options import load_settings, store_options
from antiphon_cli.stopping import stopped_by_signals
from antiphon_names import errors as codes
from antiphon_sidecar import bootstrap
from antiphon_sidecar.settings import Settings

CommandT = TypeVar("CommandT", bound=Callable[..., object])

_APP_VARIABLE = "ANTIPHON_APP_ID"
_CREDENTIALS_VARIABLE = "ANTIPHON_ETCD_CREDENTIALS"
#: Settings, and the files of a credentials directory that fill them.
_CREDENTIALS = {
    "etcd_ca_file": "ca.crt",
    "etcd_cert_file": "tls.crt",
    "etcd_key_file": "tls.key",
    "etcd_password_file": "password",
}
_USER_FILE = "username"
_PORT = click.IntRange(0, 65535)


def _cluster_options(command: CommandT) -> CommandT:
    """Add the options that say how other sidecars are found and reached."""
    for name, metavar, text in reversed(
        (
            ("--etcd", "URLS", "etcd's endpoints, http(s)://host:2379,...; without it this machine is all there is."),
            ("--etcd-ca-file", "FILE", "Authority that vouches for etcd."),
            ("--etcd-cert-file", "FILE", "Certificate that etcd is shown."),
            ("--etcd-key-file", "FILE", "Key of that certificate."),
            ("--etcd-user", "NAME", "User at etcd."),
            ("--etcd-password-file", "FILE", "File that holds the user's password."),
            (
                "--etcd-credentials",
                "DIRECTORY",
                "Where those may be instead, as in a mounted Secret: ca.crt, tls.crt, tls.key, username, password.",
            ),
            ("--registry", "none|operator", "Who says which apps there are, through etcd; none if not given."),
            ("--peer-port", "PORT", "Port for other sidecars and for the control API; 50002 if not given."),
            ("--peer-address", "ADDRESS", "What other sidecars connect to; POD_IP, else loopback, if not given."),
            (
                "--peer-ca-file",
                "FILE",
                "Authority that vouches for other sidecars; makes the peer port speak mutual TLS.",
            ),
            ("--peer-cert-file", "FILE", "Certificate that other sidecars are shown."),
            ("--peer-key-file", "FILE", "Key of that certificate."),
        )
    ):
        command = click.option(name, metavar=metavar, help=text)(command)
    return command


@click.command()
@click.option("--app", metavar="APP", help=f"The app; {_APP_VARIABLE} says the same.")
@click.option("--namespace", metavar="NAME", help="Namespace of the app.")
@click.option(
    "--grpc-port",
    type=_PORT,
    envvar="ANTIPHON_GRPC_PORT",
    default=ports.GRPC_PORT,
    show_default=True,
    help="gRPC port for the app, on loopback; 0 is any free one.",
)
@click.option(
    "--http-port",
    type=_PORT,
    envvar="ANTIPHON_HTTP_PORT",
    default=ports.HTTP_PORT,
    show_default=True,
    help="HTTP port for the app, on loopback; 0 is any free one.",
)
@click.option("--metrics-port", metavar="PORT", help="Port for /metrics and probes; none if not given.")
@click.option("--store-schema", metavar="NAME", help="PostgreSQL schema.")
@click.option("--store-file", metavar="FILE", help="File that holds the store's URL.")
@click.option("--store-pool-size", metavar="COUNT", help="PostgreSQL connections.")
@_cluster_options
@store_options
@logs.log_options
def sidecar(
    *,
    app: str | None,
    grpc_port: int,
    http_port: int,
    store: str | None,
    db: str | None,
    config: str | None,
    peer_address: str | None,
    etcd_credentials: str | None,
    **flags: str | None,
) -> None:
    """Serve one app until SIGTERM: what a pod runs beside the app.

    With --etcd it works together with the sidecars of other machines, on a PostgreSQL store; without, it joins whoever
    holds the store on this machine, and takes its place when that ends. SIGTERM drains: nothing
    new is taken, what is under way is finished or handed over, and the process ends with 0.
    """
    name = app or os.environ.get(_APP_VARIABLE)
    if not name:
        raise click.UsageError(f"--app or {_APP_VARIABLE} has to say which app this is the sidecar of.")
    ports.check_app_id(name)
    address = peer_address or os.environ.get("ANTIPHON_PEER_ADDRESS") or os.environ.get("POD_IP")
    directory = etcd_credentials or os.environ.get(_CREDENTIALS_VARIABLE)
    if directory:
        flags = {**credentials(Path(directory), os.environ), **{key: flag for key, flag in flags.items() if flag}}
    settings = load_settings(store=store, db=db, config=config, peer_address=address, **flags)
    if settings.etcd is None and settings.registry != "none":
        raise Misused(
            f"{codes.SETTING_INVALID}: registry is {settings.registry}, but what the operator writes is in etcd. Give "
            "--etcd too, or leave --registry out."
        )
    wanted = bootstrap.Ports(grpc_port, http_port)
    work = _alone(name, settings, wanted) if settings.etcd is None else _among_others(name, settings, wanted)
    raise SystemExit(hosting.run_loop(work))


def credentials(directory: Path, environment: Mapping[str, str]) -> dict[str, str | None]:
    """Return settings of etcd that a directory's files fill; what the environment says by itself wins.

    Raises:
        Refused: the directory cannot be read.
    """
    try:
        there = {path.name for path in directory.iterdir()}
        user = (directory / _USER_FILE).read_text(encoding="utf-8").strip() if _USER_FILE in there else None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{codes.SETTING_INVALID}: etcd_credentials: {error}") from error
    found = {setting: str(directory / name) for setting, name in _CREDENTIALS.items() if name in there}
    if user:
        found["etcd_user"] = user
    return {setting: text for setting, text in found.items() if not environment.get(f"ANTIPHON_{setting.upper()}")}


async def _alone(app: str, settings: Settings, wanted: bootstrap.Ports) -> None:
    with stopped_by_signals() as stop:
        async with hosting.leaving_when_forced(stop), hosting.opened_or_joined(settings) as place:
            listener = await place.add(
                ports.AppPorts(app, grpc_port=wanted.grpc_port or None, http_port=wanted.http_port or None)
            )
            hosting.announce(settings, [listener])
            await stop.asked.wait()


async def _among_others(app: str, settings: Settings, wanted: bootstrap.Ports) -> None:
    with stopped_by_signals() as stop:
        async with hosting.leaving_when_forced(stop):
            try:
                async with bootstrap.open_sidecar(app, settings, wanted) as running:
                    hosting.announce(settings, [running.listener])
                    output.say(f"Other sidecars reach this one at port {running.peer_port}.")
                    await stop.asked.wait()
                    output.say("Draining; a second signal does not wait.")
            except (bootstrap.StoreError, bootstrap.PortInUse) as error:
                raise Refused(str(error)) from error
            except bootstrap.SettingsClash as error:
                raise Misused(str(error)) from error
            except OSError as error:
                raise Refused(f"{codes.SETTING_INVALID}: {error}") from error
