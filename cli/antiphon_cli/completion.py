"""`antiphon completion`: the script by which a shell completes the commands."""

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "antiphon"
_VARIABLE = "_ANTIPHON_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> None:
    """Print the script that completes commands and options in SHELL.

    In bash and zsh: eval "$(antiphon completion bash)"; in fish: antiphon completion fish | source.
    """
    kind = get_completion_class(shell)
    assert kind is not None, shell
    click.echo(kind(context.find_root().command, {}, _PROGRAM, _VARIABLE).source())
