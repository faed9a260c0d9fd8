"""`antiphon replay`: recorded histories against the code of today."""

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from antiphon import AntiphonError, _definitions, testing
from antiphon_cli import output
from antiphon_cli.failures import Misused, Refused
from antiphon_names import errors as codes


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--module", "modules", metavar="M", multiple=True, required=True, help="Python module with the workflows; repeats."
)
def replay(files: tuple[str, ...], modules: tuple[str, ...]) -> None:
    """Check that the workflows of module M still repeat each history in FILE.

    FILE is what `antiphon workflow history ID -o json` wrote. Modules are looked for in the working directory too.
    Exits with 1 when code and a history disagree; the text names both sides.
    """
    workflows = [function for module in modules for function in _workflows(module)]
    failed = 0
    for file in files:
        try:
            done = testing.replay(workflows, file)
        except AntiphonError as error:
            failed += 1
            output.say(f"{file}: {error}")
        else:
            click.echo(f'{file}: ok, {done.events} events of "{done.instance_id}" ({done.workflow})')
    if failed:
        raise Refused(f"{failed} of {len(files)} not repeated")


def _workflows(module: str) -> list[Callable[..., Any]]:
    """Import a module and return the workflows that it defines or imports."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        imported = importlib.import_module(module)
    except Exception as error:  # the module's own code may raise anything
        raise Misused(
            f"{codes.MODULE_INVALID}: {module} cannot be imported: {error!r}. Fix that, or name another."
        ) from error
    found = [value for value in vars(imported).values() if _definitions.is_kind(value, "workflow")]
    if not found:
        raise Misused(
            f"{codes.MODULE_INVALID}: {module} has no function made with @workflow.define. Name the module with them."
        )
    return found
