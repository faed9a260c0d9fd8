"""The time, where TLS itself will look at it."""

from datetime import UTC, datetime


def now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)  # noqa: TID251
