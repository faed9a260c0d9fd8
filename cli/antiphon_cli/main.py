"""The `antiphon` command: puts the commands of the other modules together."""

from importlib import metadata

import click

from antiphon_cli.apps import apps, why
from antiphon_cli.workflows import workflow


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run durable workflows across several apps on this machine, and look at them."""


@main.command()
def version() -> None:
    """Print the version."""
    try:
        click.echo(metadata.version("antiphon"))
    except metadata.PackageNotFoundError:
        click.echo("unknown: antiphon runs from its source files and is not installed")


main.add_command(apps)
main.add_command(why)
main.add_command(workflow)
