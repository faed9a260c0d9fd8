"""Reads the JSON that a person hands to a workflow."""

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click

from antiphon_cli.failures import Misused
from antiphon_names import errors as codes


def checked(text: str, *, source: str) -> str:
    """Return the text unchanged if it is JSON, so that numbers keep every digit.

    Raises:
        Misused: it is not; the message names line and column.
    """
    try:
        json.loads(text, parse_constant=_no_such_number)
    except json.JSONDecodeError as error:
        raise Misused(
            f"{codes.INPUT_INVALID}: {source} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
            f"{_hint(text, source=source) or ' Correct it there.'}"
        ) from error
    except ValueError as error:
        raise Misused(f"{codes.INPUT_INVALID}: {source} is not JSON: {error}. Correct it.") from error
    return text


def input_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for an input; the command gets it as `text`, None if there is none."""

    @functools.wraps(command)
    def with_text(*, given: str | None, file: str | None, **arguments: object) -> None:
        command(text=_chosen(given, file=file), **arguments)

    with_file = click.option("--input-file", "file", metavar="FILE", help="File with the input; - reads stdin.")(
        with_text
    )
    return click.option("--input", "given", metavar="JSON", help="The input.")(with_file)


def _chosen(given: str | None, *, file: str | None) -> str | None:
    if given is not None and file is not None:
        raise click.UsageError("--input and --input-file both say what the input is; give one of them.")
    if file is None:
        return None if given is None else checked(given, source="--input")
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise Misused(
            f"{codes.INPUT_INVALID}: {file} cannot be read: {error.strerror}. Fix its path or rights."
        ) from error
    except UnicodeDecodeError as error:
        raise Misused(f"{codes.INPUT_INVALID}: {file} is not UTF-8: {error.reason}. Save it as UTF-8.") from error
    return checked(text, source="stdin" if file == "-" else file)


def _no_such_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that JSON knows")


def _hint(text: str, *, source: str) -> str:
    word = text.strip()
    if source.startswith("--") and word and not word.startswith(("{", "[", '"')):
        return f" A text needs double quotes, and those need quotes of the shell: {source} '{json.dumps(word)}'"
    return ""
