"""How log records of a host look on stderr: lines for people, or one JSON object a line.

Records are a constant sentence plus data as attributes; both forms show that data.
"""

import functools
import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import click

FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")

# What every record has; the rest is data of the one who logs.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEVEL_WIDTH = 7


def log_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for logs, which are set up before the command begins."""

    @functools.wraps(command)
    def with_logs(*, log_format: str, log_level: str, **arguments: object) -> None:
        configure(form=log_format, level=log_level)
        command(**arguments)

    level = click.option(
        "--log-level",
        type=click.Choice(LEVELS),
        envvar="ANTIPHON_LOG_LEVEL",
        default="info",
        show_default=True,
        help="Least severity of logs.",
    )
    form = click.option(
        "--log-format",
        type=click.Choice(FORMATS),
        envvar="ANTIPHON_LOG_FORMAT",
        default="text",
        show_default=True,
        help="Form of logs.",
    )
    return form(level(with_logs))


def configure(*, form: str, level: str) -> None:
    """Send the log records of this process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if form == "json" else Text())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class Text(logging.Formatter):
    """`10:41:07.123 INFO    sentence  key=value`, local time."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and a traceback in further lines if there is one."""
        at = datetime.fromtimestamp(record.created, tz=UTC).astimezone()
        data = "".join(f"  {key}={value}" for key, value in _data(record).items())
        line = f"{at:%H:%M:%S}.{record.msecs:03.0f} {record.levelname:<{_LEVEL_WIDTH}} {record.getMessage()}{data}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class Json(logging.Formatter):
    """One JSON object a line, UTC."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object as text."""
        shown: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_data(record),
        }
        if record.exc_info:
            shown["exception"] = self.formatException(record.exc_info)
        return json.dumps(shown, ensure_ascii=False, default=str)


def _data(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}
