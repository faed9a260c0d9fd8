"""What the commands that ask share: the options that say whom, and the connection itself.

`asking` is for commands that only look, `writing` for those that write rows, `asking_a_process` for those that need
somebody who carries on.
"""

import functools
import os
from collections.abc import Callable
from dataclasses import replace

import click

from antiphon_cli import addresses
from antiphon_cli.certificates import Certificates
from antiphon_cli.connection import Without, connected
from antiphon_cli.failures import Misused
from antiphon_cli.options import load_settings, store_options
from antiphon_sidecar import bootstrap
from antiphon_sidecar.settings import Settings

instance_argument = click.argument("instance", metavar="ID")

_OPTIONS = (
    click.option(
        "--server-name", metavar="NAME", help="Name in the sidecar's certificate, if it is not the address's host."
    ),
    click.option(
        "--key-file",
        metavar="FILE",
        envvar="ANTIPHON_KEY_FILE",
        help="Key of that certificate; also ANTIPHON_KEY_FILE.",
    ),
    click.option(
        "--cert-file",
        metavar="FILE",
        envvar="ANTIPHON_CERT_FILE",
        help="Certificate that a sidecar at an address is shown; also ANTIPHON_CERT_FILE.",
    ),
    click.option(
        "--ca-file",
        metavar="FILE",
        envvar="ANTIPHON_CA_FILE",
        help="Authority that vouches for sidecars at addresses; also ANTIPHON_CA_FILE.",
    ),
    click.option(
        "--address",
        "address",
        multiple=True,
        metavar="HOST:PORT",
        help="Ask the sidecar with this peer port, not the store's host; may be repeated: the first that answers. "
        "ANTIPHON_ADDRESS says the same.",
    ),
    click.option("--namespace", metavar="NAME", help="Namespace of the apps; ANTIPHON_NAMESPACE says the same."),
    click.option("--app", metavar="APP", help="App that is meant; not needed where only one can be."),
)


def host_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say who is asked and which app is meant; all but the app are read by `asking`."""
    for option in _OPTIONS:
        command = option(command)
    return store_options(command)


def _with(without: Without) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a command with a connection as its first argument."""

    def asks(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_connection(
            *,
            store: str | None,
            db: str | None,
            config: str | None,
            namespace: str | None,
            address: tuple[str, ...],
            ca_file: str | None,
            cert_file: str | None,
            key_file: str | None,
            server_name: str | None,
            **arguments: object,
        ) -> None:
            settings = _with_store(load_settings(store=store, db=db, config=config, namespace=namespace))
            # A store that was named is meant, whatever the environment says of addresses.
            texts = address or (() if store or db else (os.environ.get("ANTIPHON_ADDRESS", ""),))
            wanted = namespace or (settings.namespace if settings.namespace != Settings().namespace else None)
            with connected(
                settings,
                addresses=addresses.parsed(texts),
                certificates=Certificates.given(ca_file, cert_file, key_file, name=server_name),
                namespace=wanted,
                without=without,
            ) as connection:
                command(connection, **arguments)

        return with_connection

    return asks


def _with_store(settings: Settings) -> Settings:
    """Return the settings with the URL of the store that they name, which may be in a file.

    Raises:
        Misused: the file cannot be read.
    """
    if settings.store_file is None:
        return settings
    try:
        return replace(settings, store=bootstrap.store_url(settings))
    except bootstrap.StoreError as error:
        raise Misused(str(error)) from error


asking = _with(Without.READ)
writing = _with(Without.WRITE)
asking_a_process = _with(Without.NOTHING)
