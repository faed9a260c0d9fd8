"""The page of commands, and that every command and option says what it is for."""

import click
import pytest

from docs.commands_page import PAGE, every_command, page

COMMANDS = [pytest.param(command, id=words) for words, command in every_command()]


def test_the_page_of_commands_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "run make docs"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_and_its_options_say_what_they_are_for(command: click.Command):
    assert (command.help or "").strip().splitlines()[0].endswith((".", ":", "does."))
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_some_other_page_tells_of_every_command():
    pages = [path for path in PAGE.parent.rglob("*.md") if path != PAGE]
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    untold = {words for words, _ in every_command() if words not in text and f"`{words.split()[-1]}" not in text}
    assert untold <= {"antiphon version"}
