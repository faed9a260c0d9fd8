"""Makes docs/commands.md from the command line itself: what `--help` says of every command.

`make docs` writes the page and a test keeps it current; nothing of ours imports this.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from antiphon_cli.main import main

PAGE = Path(__file__).with_name("commands.md")

INTRODUCTION = """\
# All commands

<!-- Written by `make docs` from the commands' own help. Edit the commands. -->

What `antiphon COMMAND --help` says of every command. [cli.md](cli.md) tells how they work together.
"""


def commands(group: click.Group, context: click.Context, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield all commands below a group with the words that call them, groups left out."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, context, f"{path} {name}")


def _root() -> click.Context:
    # As for a call from a shell: commands take the names of their help option from here.
    return click.Context(main, info_name="antiphon", **main.context_settings)


def every_command() -> list[tuple[str, click.Command]]:
    """Return all commands of `antiphon`, by name."""
    return sorted(commands(main, _root(), "antiphon"), key=lambda found: found[0])


def section(words: str, command: click.Command) -> str:
    """Return a command's section."""
    name = words.removeprefix("antiphon ")
    context = click.Context(command, parent=_root(), info_name=name, max_content_width=100, terminal_width=100)
    return f"## {name}\n\n```text\n{command.get_help(context)}\n```\n"


def page() -> str:
    """Return the whole page."""
    return "\n".join([INTRODUCTION, *(section(words, command) for words, command in every_command())])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
