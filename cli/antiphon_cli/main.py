"""The `antiphon` command: puts the commands of the other modules together."""

import importlib
from importlib import metadata
from types import MappingProxyType

import click

from antiphon_cli.apps import apps
from antiphon_cli.checking import check
from antiphon_cli.completion import completion
from antiphon_cli.reasons import explain, why
from antiphon_cli.replaying import replay
from antiphon_cli.workflows import workflow


class Commands(click.Group):
    """Loads the commands that host apps only when one of them is called: they bring the whole sidecar."""

    _hosting = MappingProxyType(
        {"dev": "antiphon_cli.hosting", "run": "antiphon_cli.running", "sidecar": "antiphon_cli.sidecar"}
    )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, the commands that host first."""
        return [*self._hosting, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, loading its module if need be."""
        if cmd_name not in self._hosting:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(importlib.import_module(self._hosting[cmd_name]), cmd_name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
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
main.add_command(check)
main.add_command(replay)
main.add_command(completion)
main.add_command(explain)
main.add_command(why)
main.add_command(workflow)
