"""Options that several commands share, and how their values become settings."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import click

from antiphon_cli.failures import Misused
from antiphon_names import hosts
from antiphon_sidecar import marked_yaml, quantities, settings_loading
from antiphon_sidecar.settings import Settings

CommandT = TypeVar("CommandT", bound=Callable[..., object])


def duration(text: str) -> float:
    """Return a duration such as `500ms` or `2m` in seconds: a parameter type for click."""
    try:
        return quantities.seconds(text)
    except ValueError as error:
        raise click.BadParameter(f'"{text}" is not {quantities.DURATION_FORM}') from error


def store_options(command: CommandT) -> CommandT:
    """Add the options that say which store is meant."""
    for option in (
        click.option("--config", metavar="FILE", help="Settings file; ANTIPHON_CONFIG says the same."),
        click.option(
            "--db", metavar="FILE", help="SQLite file to keep everything in; short for --store sqlite:///FILE."
        ),
        click.option("--store", metavar="URL", help="State store; ANTIPHON_STORE says the same."),
    ):
        command = option(command)
    return command


def load_settings(*, store: str | None, db: str | None, config: str | None, **flags: str | None) -> Settings:
    """Return the settings of this process; `flags` go by setting names.

    Raises:
        Misused: a value cannot be used, whatever its source.
    """
    if store and db:
        raise click.UsageError("--db and --store both say where the store is; give one of them.")
    file = config or os.environ.get("ANTIPHON_CONFIG")
    given: Mapping[str, str | None] = {**flags, "store": f"{hosts.SQLITE_PREFIX}{db}" if db else store}
    try:
        return settings_loading.load(flags=given, env=os.environ, file=Path(file) if file else None)
    except (settings_loading.SettingInvalid, marked_yaml.FileInvalid) as error:
        raise Misused(str(error)) from error
