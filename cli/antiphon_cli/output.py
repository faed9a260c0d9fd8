"""Writes results to stdout as a table, JSON or YAML; everything said to a person goes to stderr.

Tables are drawn on a terminal only: into a pipe go aligned columns without lines, colours or cut-off texts.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import click
import yaml

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

FORMATS = ("table", "json", "yaml")

#: For commands that show rows or one thing.
format_option = click.option(
    "-o", "--output", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="How to show it."
)


def say(text: str) -> None:
    """Write a line to stderr."""
    click.echo(text, err=True)


def json_text(value: Json, *, indent: int | None = None) -> str:
    """Return JSON that a person can read too: non-ASCII letters stay as they are."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def document(value: Json, *, form: str) -> None:
    """Write a value as JSON or YAML."""
    if form == "yaml":
        click.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), nl=False)
    else:
        click.echo(json_text(value, indent=2))


def rows(columns: Sequence[str], cells: Iterable[Sequence[str]]) -> None:
    """Write a table, one row for each sequence of cells."""
    table = [tuple(row) for row in cells]
    if sys.stdout.isatty():
        _drawn(columns, table)
        return
    widths = [max(len(text) for text in column) for column in zip(columns, *table, strict=True)]
    for row in (columns, *table):
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def fields(pairs: Iterable[tuple[str, str]]) -> None:
    """Write one thing, a field on each line."""
    shown = [(name, text) for name, text in pairs if text]
    width = max((len(name) for name, _ in shown), default=0)
    for name, text in shown:
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {text}")


def _drawn(columns: Sequence[str], table: Iterable[Sequence[str]]) -> None:
    # Imported here: a pipe does not pay for it.
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        # An ID is there to be copied.
        drawn.add_column(column, no_wrap=column == "ID", overflow="fold")
    for row in table:
        drawn.add_row(*(Text(text, overflow="fold") for text in row))
    Console().print(drawn)
