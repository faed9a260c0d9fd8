"""The `antiphon` command: puts the commands of the other modules together."""

import importlib
from importlib import metadata
from types import MappingProxyType

import click


class Commands(click.Group):
    """Loads a command only when it is called: a sidecar, whose pod waits for it, needs nothing of the others."""

    #: Where the commands are, in the order in which they are listed: first those that host apps.
    _modules = MappingProxyType(
        {
            "dev": "hosting",
            "run": "running",
            "sidecar": "sidecar",
            "apps": "apps",
            "check": "checking",
            "completion": "completion",
            "explain": "reasons",
            "replay": "replaying",
            "why": "reasons",
            "workflow": "workflows",
        }
    )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        return [*self._modules, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, loading its module if need be."""
        if cmd_name not in self._modules:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"antiphon_cli.{self._modules[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
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
