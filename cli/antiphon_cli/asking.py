"""What the commands that ask a host share: the options that find it, and the connection itself."""

import functools
from collections.abc import Callable

import click

from antiphon_cli.connection import connected
from antiphon_cli.options import load_settings, store_options

instance_argument = click.argument("instance", metavar="ID")


def host_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which host and which app are meant; `asking` reads all but the app."""
    for option in (
        click.option("--address", metavar="HOST:PORT", help="Ask the process that listens here, not the store's host."),
        click.option("--namespace", metavar="NAME", help="Namespace of the host; ANTIPHON_NAMESPACE says the same."),
        click.option("--app", metavar="APP", help="App that is meant; not needed where only one can be."),
    ):
        command = option(command)
    return store_options(command)


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """Run a command with a connection to the host as its first argument."""

    @functools.wraps(command)
    def with_connection(
        *,
        store: str | None,
        db: str | None,
        config: str | None,
        namespace: str | None,
        address: str | None,
        **arguments: object,
    ) -> None:
        settings = load_settings(store=store, db=db, config=config, namespace=namespace)
        with connected(settings, address=address) as connection:
            command(connection, **arguments)

    return with_connection
