"""Logs of the operator and of the webhook: one JSON object a line, on the standard error."""

import json
import logging
from datetime import UTC, datetime

LEVELS = ("debug", "info", "warning", "error")


class _Json(logging.Formatter):
    """One JSON object a line: the constant sentence and its fields."""

    _OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        fields = {key: value for key, value in vars(record).items() if key not in self._OWN}
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields,
        }
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, default=str)


def log(level: str) -> None:
    """Log to the standard error, one JSON object a line."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # kopf tells of every event it hands on.
    logging.getLogger("kopf").setLevel(logging.WARNING)
